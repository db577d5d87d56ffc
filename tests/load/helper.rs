//! Processes that the tests start, each with a limit of its own: this test program again, with
//! `HELPER` naming a part.

#![expect(clippy::print_stdout, reason = "what the programs print is what the tests look for")]

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use flameload::load::{Generator, Plan};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{server::OK, setup::script};

#[test]
fn helper() {
    match env::var("HELPER").as_deref() {
        Ok("server") => {
            let Err(error) = serve(|| thread::sleep(Duration::from_millis(10)));
            panic!("{error}");
        }
        Ok("fragile server") => {
            let Err(error) = serve(|| panic!("cannot accept"));
            panic!("{error}");
        }
        Ok("load") => load(),
        // Run as a test, it has no part to play.
        _ => {}
    }
}

/// A process with a part to play, ended when dropped.
pub(super) struct Helper {
    pub(super) child: Child,
    output: BufReader<ChildStdout>,
}

impl Helper {
    /// Starts `part` with so many open files allowed, and these variables in its environment.
    pub(super) fn start(part: &str, open_files: u64, env: &[(&str, String)]) -> Self {
        let mut child = Command::new(env::current_exe().expect("this test"))
            .args(["load::helper::helper", "--exact", "--nocapture"])
            .env("HELPER", part)
            .env("OPEN_FILES", open_files.to_string())
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a process");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, output }
    }

    /// A server and its address.
    pub(super) fn server(part: &str, open_files: u64) -> (Self, SocketAddr) {
        let mut helper = Self::start(part, open_files, &[]);
        let addr = helper.line("listening on ").parse().expect("an address");
        (helper, addr)
    }

    /// What follows `key` on the next line that has it.
    #[track_caller]
    pub(super) fn line(&mut self, key: &str) -> String {
        for line in self.output.by_ref().lines() {
            let line = line.expect("text");
            if let Some((_, rest)) = line.split_once(key) {
                return rest.to_owned();
            }
        }
        panic!("the process ended without '{key}'");
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // It may have ended, as it should.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lowers the limit of this process, which is nobody else's.
fn limit_open_files() {
    let asked: u64 = env::var("OPEN_FILES").expect("a limit").parse().expect("a number");
    let limit = Rlimit { current: Some(asked), ..getrlimit(Resource::Nofile) };
    setrlimit(Resource::Nofile, limit).expect("a lower limit is always allowed");
}

/// Answers every request; `on_error` is called when no connection can be accepted.
fn serve(on_error: fn()) -> Result<std::convert::Infallible, io::Error> {
    limit_open_files();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept() {
            Ok((stream, _)) => drop(thread::spawn(move || answer(stream))),
            Err(_) => on_error(),
        }
    }
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut request = [0; 1024];
    while stream.read(&mut request)? > 0 {
        stream.write_all(OK)?;
    }
    Ok(())
}

/// Drives more connections than it may open, and tells what it saw.
fn load() {
    limit_open_files();
    let addr = env::var("ADDR").expect("an address").parse().expect("an address");
    let mut script = script(60, "threads = 1", "");
    script.limits.preflight = true;
    let refused = Generator::start(&Plan::new(&script, addr, &[]).expect("a plan"));
    println!("preflight: {}", refused.err().map_or_else(String::new, |error| error.to_string()));
    script.limits.preflight = false;
    let plan = Plan::new(&script, addr, &[]).expect("a plan");
    let mut generator = Generator::start(&plan).expect("some connections can be opened");
    generator.resume();
    while generator.completed() < 100 {
        thread::sleep(Duration::from_millis(1));
    }
    let live = generator.live_connections();
    let tally = generator.pause();
    println!("live: {live}");
    println!("requests: {}", tally.requests);
    for (kind, seen) in tally.errors.kinds() {
        println!("error: {kind} x {}", seen.count);
    }
    println!("end");
}
