//! PostgreSQL as a service: made, kept, started for each launch, and gone with its target.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use flameload::target::{BuildError, LaunchOptions, Running, TargetError, launch};
use rustix::process::Signal;

use super::{
    killed::Tool,
    support::{
        Fixture, GO_ON, alive, build_without_tools, builder, eventually, exists, kill, script,
    },
};
use crate::skip::skip;

const SERVICE: &str = "[[service]]\nname = \"db\"\nkind = \"postgres\"\nschema = \"schema.sql\"\n\
                       seed = \"seed.sql\"\n";

const SCHEMA: &str = "CREATE TABLE words (id int PRIMARY KEY, word text NOT NULL);\n";
const SEED: &str = "INSERT INTO words SELECT i, 'word ' || i FROM generate_series(1, 500) i;\n";

/// A process that only says where its database is.
fn user() -> String {
    script(
        "echo url $URL each $EACH; exec sleep 1000",
        "env.URL = \"{db_url}\"\nenv.EACH = \"{db_connections}\"\nready = { line = \"url\" }",
    )
}

/// A target whose database is made for this test.
fn fresh(schema: &str, seed: &str) -> Fixture {
    let files = [("schema.sql", schema), ("seed.sql", seed)];
    Fixture::with_files(&format!("{SERVICE}{}", user()), &files)
}

/// A target whose database other tests may have made.
fn usual() -> Fixture {
    let mut fixture = fresh(SCHEMA, SEED);
    fixture.cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    fixture
}

/// Whether a target with a database can be built here; if not, the test says so.
fn can_serve(fixture: &Fixture) -> bool {
    match fixture.build().0 {
        Ok(_) => true,
        Err(error @ BuildError::NoDatabase { .. }) => {
            skip(error);
            false
        }
        Err(error) => panic!("{error}"),
    }
}

/// The password and the port of the database that the process was told of.
fn told(running: &Running) -> (String, u16) {
    let (_, pid) = running.processes().next().expect("a process");
    let mut variables = String::new();
    // The pipe that tells of an exec is closed a moment before its environment is in place.
    eventually("its environment is there", || {
        let bytes = fs::read(format!("/proc/{pid}/environ")).expect("it is ours");
        variables = String::from_utf8_lossy(&bytes).into_owned();
        !variables.is_empty()
    });
    let url = variables.split('\0').find_map(|pair| pair.strip_prefix("URL=")).expect("told");
    let rest = url.strip_prefix("postgres://flameload:").expect("its owner");
    let (password, rest) = rest.split_once("@127.0.0.1:").expect("on loopback");
    let port = rest.strip_suffix("/flameload").expect("its name").parse().expect("a port");
    (password.to_owned(), port)
}

/// What a server answers to `query` of its owner, errors included.
fn query(running: &Running, query: &str) -> String {
    let (_, server) = running.services().next().expect("a service");
    let program = fs::read_link(format!("/proc/{server}/exe")).expect("it runs");
    let (password, port) = told(running);
    let mut psql = Command::new(program.with_file_name("psql"));
    psql.args(["--no-psqlrc", "--no-align", "--tuples-only", "--host=127.0.0.1"]);
    psql.args(["--username=flameload", "--dbname=flameload", "--no-password"]);
    psql.arg(format!("--port={port}")).args(["--command", query]).env("PGPASSWORD", password);
    let output = psql.output().expect("it is beside the server");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).trim_end().to_owned()
}

/// What a server answers to `query` of the user `user` without a password: its messages' texts.
fn ask(port: u16, user: &str, query: &str) -> String {
    try_ask(port, user, query).expect("accepts")
}

/// The same of a server that may be about to start or to end.
fn try_ask(port: u16, user: &str, query: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let mut start = 196_608_u32.to_be_bytes().to_vec();
    for text in ["user", user, "database", "flameload", ""] {
        start.extend_from_slice(text.as_bytes());
        start.push(0);
    }
    let framed = |body: &[u8]| {
        let length = u32::try_from(body.len() + 4).expect("short").to_be_bytes();
        [length.as_slice(), body].concat()
    };
    let simple = [b"Q".as_slice(), &framed(format!("{query}\0").as_bytes())].concat();
    let close = [b"X".as_slice(), &framed(&[])].concat();
    let mut answer = Vec::new();
    // A server that refuses the user does not wait for the question.
    let _ = stream.write_all(&[framed(&start), simple, close].concat());
    let _ = stream.read_to_end(&mut answer);
    Some(String::from_utf8_lossy(&answer).into_owned())
}

/// The temporary folder of a service's server, which runs in the data folder in there.
fn scratch(server: u32) -> PathBuf {
    let data = fs::read_link(format!("/proc/{server}/cwd")).expect("it runs");
    data.parent().expect("a folder").to_owned()
}

#[test]
fn a_database_is_made_once_and_served_afresh() {
    let fixture = fresh(SCHEMA, SEED);
    if !can_serve(&fixture) {
        return;
    }
    let (built, lines) = fixture.build();
    let built = built.expect("it is there");
    assert_eq!(lines, [""; 0], "nothing is made again, and nothing to warn of");
    let version = built.clusters[0].describe();
    assert!(version.starts_with("db: PostgreSQL 1"), "{version}");

    let running = fixture.build_and_run();
    let (_, server) = running.services().next().expect("a service");
    let ((password, first), folder) = (told(&running), scratch(server));
    assert!(!running.pids().contains(&server) && !running.profiled().contains(&server));
    assert_eq!(query(&running, "SELECT count(*) FROM words"), "500");
    assert_eq!(query(&running, "SHOW fsync"), "off");
    query(&running, "DELETE FROM words WHERE id > 100");
    assert_eq!(query(&running, "SELECT count(*) FROM words"), "100");
    // Nobody but the owner of the database is let in, who may do nothing beside it.
    let refused = ask(first, "postgres", "SELECT 1");
    assert!(refused.contains("no pg_hba.conf entry"), "{refused}");
    let asked = ask(first, "flameload", "SELECT 'in' || 'side'");
    assert!(asked.contains("SCRAM-SHA-256") && !asked.contains("inside"), "{asked}");
    let refused = query(&running, "COPY words TO PROGRAM 'true'");
    assert!(refused.contains("must be superuser") || refused.contains("permission denied"));
    // What the process prints of its password is not repeated.
    let exits = running.stop();
    let last_lines = exits[0].last_lines.join("\n");
    assert!(last_lines.contains("url postgres://flameload:***@127.0.0.1:"), "{last_lines}");
    assert!(!last_lines.contains(&password));
    assert!(!exists(server) && !folder.exists());
    assert!(TcpStream::connect(("127.0.0.1", first)).is_err());

    // What one run did, the next does not see.
    let running = fixture.build_and_run();
    assert_eq!(query(&running, "SELECT count(*) FROM words"), "500");
    assert_ne!(told(&running).0, password, "each launch has its own");
    running.stop();
}

/// What a shell that is `nobody`'s prints until `stop` is there: all that it can read in temporary
/// folders of this tool, and the listeners that it sees of PostgreSQL.
fn spy(stop: &Path) -> Option<Child> {
    let script = format!(
        "echo ready; until [ -e {} ]; do cat /tmp/flameload-[0-9]*-*/* /tmp/flameload-[0-9]*-*/data/* \
         2>/dev/null; ls /tmp/flameload-[0-9]*-* 2>/dev/null; sleep 0.01; done",
        stop.display()
    );
    let mut shell = Command::new("setpriv");
    shell.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "sh", "-c", &script]);
    shell.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()
}

/// The ports of PostgreSQL servers that are this tool's and run now.
fn ports() -> Vec<u16> {
    let processes = Path::new("/proc").read_dir().expect("it is there").flatten();
    let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let port = |line: Vec<u8>| {
        let line = String::from_utf8_lossy(&line).into_owned();
        let is_ours = line.contains("/flameload-") && line.contains("\0-D\0");
        let port = line.split('\0').find_map(|word| word.strip_prefix("port="));
        port.filter(|_| is_ours).and_then(|port| port.parse().ok())
    };
    lines.filter_map(port).collect()
}

#[test]
fn no_other_user_gets_into_a_database() {
    let seed = format!("{SEED}SELECT pg_sleep(1);\n");
    let fixture = fresh(SCHEMA, &seed);
    let stop = fixture.manifest.dir.join("stop");
    let is_root = rustix::process::geteuid().is_root();
    let Some(spying) = is_root.then(|| spy(&stop)).flatten() else {
        skip("only root can be another user, and with setpriv");
        return;
    };
    let made = AtomicBool::new(false);
    let (can_serve, answers) = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut answers = Vec::new();
            while !made.load(Ordering::Relaxed) {
                for (port, user) in
                    ports().into_iter().flat_map(|port| [(port, "postgres"), (port, "flameload")])
                {
                    answers.extend(try_ask(port, user, "SELECT 'in' || 'side'"));
                }
                thread::sleep(Duration::from_millis(20));
            }
            answers
        });
        let can_serve = can_serve(&fixture);
        made.store(true, Ordering::Relaxed);
        (can_serve, asking.join().expect("asks on"))
    });
    let running = can_serve.then(|| fixture.build_and_run());
    fs::write(&stop, "").expect("a file");
    let output = spying.wait_with_output().expect("it ends");
    let Some(running) = running else { return };
    let (password, port) = told(&running);
    let seen = String::from_utf8_lossy(&output.stdout);
    assert_eq!(seen.trim_end(), "ready", "nothing can be read or even listed");
    assert!(answers.iter().any(|answer| answer.contains("SCRAM-SHA-256")), "{answers:?}");
    assert!(!answers.iter().any(|answer| answer.contains("inside")), "{answers:?}");
    assert!(!ask(port, "flameload", "SELECT 'in' || 'side'").contains("inside"));
    // Its command line, unlike its environment, is for all to read.
    for (_, pid) in running.processes().chain(running.services()) {
        let line = fs::read(format!("/proc/{pid}/cmdline")).expect("it runs");
        assert!(!String::from_utf8_lossy(&line).contains(&password));
    }
}

#[test]
fn a_database_that_cannot_be_made_says_where() {
    if !can_serve(&usual()) {
        return;
    }
    let made = |fixture: &Fixture| {
        let kept = fixture.options().cache.join("postgres").read_dir().into_iter().flatten();
        kept.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir())).count()
    };
    let wrong = fresh(SCHEMA, &format!("{SEED}\nINSERT INTO wrods VALUES (1, 'x');\n"));
    let error = wrong.build().0.expect_err("there is no such table").to_string();
    assert!(error.contains("psql --file ended with exit status 3"), "{error}");
    assert!(error.contains("seed.sql:3: ERROR:  relation \"wrods\" does not exist"), "{error}");
    assert_eq!(made(&wrong), 0);

    fs::remove_file(wrong.manifest.dir.join("schema.sql")).expect("it is there");
    let error = wrong.build().0.expect_err("no schema").to_string();
    assert!(
        error.starts_with("cannot build: cannot read the schema of the service 'db', /"),
        "{error}"
    );
}

#[test]
fn a_database_that_ends_ends_the_target() {
    let fixture = usual();
    if !can_serve(&fixture) {
        return;
    }
    let mut running = fixture.build_and_run();
    assert_eq!(running.exited(), None);
    let (_, server) = running.services().next().expect("a service");
    // Shuts down at once.
    kill(server, Signal::QUIT);
    let mut exit = None;
    eventually("the end is noticed", || {
        exit = running.exited();
        exit.is_some()
    });
    let exit = exit.expect("it has ended").to_string();
    assert!(exit.starts_with("process 'db' ended with exit status 0"), "{exit}");
    assert!(exit.contains("received immediate shutdown request"), "{exit}");
}

#[test]
fn a_database_goes_with_the_tool() {
    let fixture = usual();
    if !can_serve(&fixture) {
        return;
    }
    let mut tool = Tool::start(&fixture, "services");
    let guard = tool.numbers("guard ");
    let server = tool.numbers("services ");
    let pids = tool.numbers("pids ");
    assert_eq!((server.len(), pids.len()), (1, 1));
    let folder = scratch(server[0]);
    let children: Vec<u32> = flameload::target::descendants(server[0]);
    assert!(!children.is_empty() && folder.exists());
    let memory = shared_memory(&folder);
    assert!(fs::read_to_string("/proc/sysvipc/shm").expect("there").contains(&memory));
    tool.kill();
    let all = [guard, server, pids, children].concat();
    eventually("all have ended", || !all.iter().any(|&pid| alive(pid)));
    // The next one that needs such a folder tidies up.
    drop(fixture.build_and_run());
    assert!(!folder.exists());
    assert!(!fs::read_to_string("/proc/sysvipc/shm").expect("there").contains(&memory));
}

/// Key and id of a server's shared memory, as the kernel lists them.
fn shared_memory(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("data/postmaster.pid")).expect("it runs");
    let line = text.lines().nth(6).expect("the seventh line");
    let mut numbers = line.split_whitespace().map(|word| word.parse::<u32>().expect("a number"));
    let (key, id) = (numbers.next().expect("a key"), numbers.next().expect("an id"));
    format!("{:>10} {id:>10}", key.cast_signed())
}

#[test]
fn a_database_that_runs_already_is_used_as_it_is() {
    let table = user();
    let fixture = Fixture::with_files(&format!("{SERVICE}{table}"), &[]);
    // No schema, no seed, and no server: nothing of it is looked at.
    let options = flameload::target::BuildOptions { services: false, ..fixture.options() };
    let built =
        flameload::target::build(&fixture.manifest, &options, &fixture.guard, &GO_ON, &mut |_| {});
    let built = built.expect("there is nothing to build");
    let url = "postgres://me@127.0.0.1:1/own?x={y}".to_owned();
    let options = LaunchOptions { db_url: Some(url.clone()), ..LaunchOptions::default() };
    let held = launch(&fixture.manifest, &built, &options, &fixture.guard).expect("forks");
    let running = held.release(&GO_ON).expect("starts");
    assert_eq!(running.services().count(), 0);
    let exits = running.stop();
    assert_eq!(exits[0].last_lines, [format!("url {url} each 30")]);

    let error = fixture.run().map(|_| ()).expect_err("neither built nor named");
    assert!(matches!(error, TargetError::NotBuilt { .. }), "{error}");
    assert!(Fixture::new(&table).error().starts_with("process 'script' uses {db_url}, but "));
}

#[test]
fn a_password_on_a_command_line_is_warned_of() {
    let table = script("exec sleep 1000", "").replace("1000", "1000 # {db_url}");
    let fixture = Fixture::new(&table);
    let lines = fixture.build().1;
    assert!(
        lines[0].starts_with("warning: the command of 'script' has {db_url} in it"),
        "{lines:?}"
    );
}

#[test]
fn a_missing_server_is_advised() {
    let fixture = fresh(SCHEMA, SEED);
    let folder = "/usr/lib/postgresql";
    let said = if Path::new(folder).exists() {
        // Servers of packages are found without PATH as well: hidden from this one program.
        let hide = format!("mount -t tmpfs none {folder} && exec env PATH=/nonexistent \"$@\"");
        let mut tool = Command::new("unshare");
        tool.args(["--mount", "sh", "-c", &hide, "sh"]);
        builder(tool, &fixture)
    } else {
        build_without_tools(&fixture)
    };
    if said.contains("unshare failed") {
        skip("this user may not hide a folder from a program");
        return;
    }
    assert!(
        said.contains(
            "error: there is no PostgreSQL server, and none can be got from its Python package: \
             cannot find python3: "
        ),
        "{said}"
    );
    assert!(said.contains("install one (on Debian: sudo apt-get install postgresql)"), "{said}");
}
