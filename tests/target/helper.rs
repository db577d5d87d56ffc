//! The servers that the tests start: this test program again, with `HELPER` naming a part.

#![expect(clippy::print_stdout, reason = "what the programs print is what the tests look for")]

use std::{
    env,
    io::{Read, Write},
    net::TcpListener,
    os::unix::net::UnixListener,
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use flameload::target::{BuildOptions, Built, Guard, LaunchOptions, Manifest, build, launch};

use super::support::GO_ON;

#[test]
fn helper() {
    match env::var("HELPER").as_deref() {
        Ok("server") => serve("200 OK"),
        Ok("back") => serve("200 OK"),
        Ok("front") => serve(if env::var("BACK").is_ok() { "200 OK" } else { "500 No Back" }),
        Ok("unwell") => serve("503 Service Unavailable"),
        Ok("six") => keep(TcpListener::bind(("::1", port())).expect("a free port").incoming()),
        Ok("socket") => {
            let path = env::var_os("SOCKET").expect("a path");
            keep(UnixListener::bind(path).expect("it is free").incoming());
        }
        Ok("stranger") => stranger(),
        Ok("family") => family(),
        Ok("loner") => loner(),
        Ok("leaver") => leaver(),
        Ok("tool") => tool(),
        Ok("builder") => builder(),
        // Run as a test, it has no part to play.
        _ => {}
    }
}

fn port() -> u16 {
    env::var("PORT").expect("a port").parse().expect("a number")
}

/// Answers each request in chunks, and keeps its connection open.
fn keep<S: Read + Write>(incoming: impl Iterator<Item = std::io::Result<S>>) {
    let mut open = Vec::new();
    for stream in incoming {
        let Ok(mut stream) = stream else { continue };
        if stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {
            let answer =
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes());
        }
        open.push(stream);
    }
}

/// Answers as a server of TLS does that is asked in plain HTTP.
fn stranger() {
    let listener = TcpListener::bind(("127.0.0.1", port())).expect("a free port");
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(&[0x15, 3, 1, 0, 2, 2, 70]);
    }
}

/// Answers every request with `status`.
fn serve(status: &str) {
    let port = port();
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
    println!("listening on {port}");
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let mut request = [0; 1024];
        if stream.read(&mut request).is_ok_and(|read| read > 0) {
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nhi");
            let _ = stream.write_all(answer.as_bytes());
        }
    }
}

/// A server with a child in its group and a grandchild that has left it.
#[expect(clippy::zombie_processes, reason = "its children have to outlive it")]
fn family() {
    let _child = Command::new("sleep").arg("1000").spawn().expect("a child");
    let me = env::current_exe().expect("this test");
    let _loner = Command::new(me)
        .args(["target::helper::helper", "--exact", "--nocapture"])
        .env("HELPER", "loner")
        .stdout(Stdio::null())
        .spawn()
        .expect("a child");
    serve("200 OK");
}

/// A server in the process group of whoever started it, as a shell's jobs may be.
fn leaver() {
    let parent = rustix::process::getppid();
    let group = rustix::process::getpgid(parent).expect("it lives");
    rustix::process::setpgid(None, Some(group)).expect("the same session");
    serve("200 OK");
}

fn loner() {
    rustix::process::setsid().expect("a session of its own");
    let mut child = Command::new("sleep").arg("1000").spawn().expect("a child");
    let _ = child.wait();
}

fn options() -> BuildOptions {
    let cache = env::var_os("CACHE").expect("a cache").into();
    BuildOptions { cache, ..BuildOptions::default() }
}

/// A tool that builds the target `MANIFEST` and says why it cannot. Its user gives up at the first
/// line that begins with `making`.
fn builder() {
    let path = PathBuf::from(env::var_os("MANIFEST").expect("a manifest"));
    let manifest = Manifest::read(&path).expect("fits");
    let guard = Guard::start().expect("a guard");
    let options = options();
    let interrupted = AtomicBool::new(false);
    let mut say = |line: &str| {
        println!("{line}");
        interrupted.fetch_or(line.starts_with("making"), Ordering::Relaxed);
    };
    if let Err(error) = build(&manifest, &options, &guard, &interrupted, &mut say) {
        println!("error: {error}");
    }
}

/// A tool that uses the library: starts the target `MANIFEST` as far as `STAGE` says, then waits
/// for its end.
fn tool() {
    let path = PathBuf::from(env::var_os("MANIFEST").expect("a manifest"));
    let stage = env::var("STAGE").expect("a stage");
    let manifest = Manifest::read(&path).expect("fits");
    let guard = Guard::start().expect("a guard");
    println!("guard {}", guard.pid());
    let built = match stage.as_str() {
        "build" | "services" => {
            let mut say = |line: &str| println!("{line}");
            build(&manifest, &options(), &guard, &GO_ON, &mut say).expect("builds")
        }
        _ => Built::default(),
    };
    let held = launch(&manifest, &built, &LaunchOptions::default(), &guard).expect("forks");
    let pids: Vec<_> = held.processes().map(|(_, pid)| pid.to_string()).collect();
    let running = match stage.as_str() {
        "held" => Err(held),
        _ => Ok(held.release(&GO_ON).expect("starts")),
    };
    if let ("services", Ok(running)) = (stage.as_str(), &running) {
        let pids: Vec<_> = running.services().map(|(_, pid)| pid.to_string()).collect();
        println!("services {}", pids.join(" "));
    }
    println!("pids {}", pids.join(" "));
    loop {
        thread::sleep(Duration::from_secs(1));
        assert!(running.is_ok() || stage == "held");
    }
}
