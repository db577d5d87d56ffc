//! Launch and readiness: what works, and what a user is told when it does not.

use std::{
    fs,
    net::TcpListener,
    num::NonZero,
    os::unix::fs::PermissionsExt,
    process,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use expect_test::{Expect, expect};
use flameload::target::{self, Budget, Cpus, LaunchOptions, TargetError, usage};

use super::support::{Fixture, GO_ON, eventually, exists, helper, script};

#[test]
fn ready_by_port() {
    let fixture = Fixture::new(&helper("server", ""));
    let running = fixture.run().expect("starts");
    let addr = running.addr().expect("a port");
    assert_eq!(running.first_call(), None);
    assert_eq!(target::get(addr, "/", Duration::from_secs(5)).expect("answers").status, 200);
    assert_eq!(target::listening_ports(running.pids()[0]).expect("ours"), [addr]);
}

#[test]
fn ready_by_url() {
    let fixture = Fixture::new(&helper("server", "ready = { url = \"/health\" }"));
    let running = fixture.run().expect("starts");
    let first = running.first_call().expect("a call was made");
    assert!(first > Duration::ZERO && first <= running.ready_after());
}

#[test]
fn ready_by_line() {
    let fixture = Fixture::new(&helper("server", "ready = { line = \"listening on\" }"));
    let running = fixture.run().expect("starts");
    assert_eq!(running.first_call(), None);
    let addr = running.addr().expect("a port");
    assert_eq!(target::get(addr, "/", Duration::from_secs(5)).expect("answers").status, 200);
}

#[test]
fn a_chain_starts_in_order() {
    let back = helper("back", "profile = false");
    let front = helper("front", "env.BACK = \"{port:back}\"\nready = { url = \"/\" }");
    let fixture = Fixture::new(&format!("{back}{front}"));
    let held = fixture.hold(&LaunchOptions::default()).expect("forks");
    let processes: Vec<_> = held.processes().map(|(name, pid)| (name.to_owned(), pid)).collect();
    assert_eq!(held.profiled(), [processes[1].1]);
    let running = held.release(&GO_ON).expect("both start");
    assert_eq!(running.profiled(), [processes[1].1]);
    assert_eq!(running.pids(), [processes[0].1, processes[1].1]);
    let env = fs::read(format!("/proc/{}/environ", processes[1].1)).expect("ours");
    let back = target::listening_ports(processes[0].1).expect("ours")[0].port();
    assert!(String::from_utf8_lossy(&env).contains(&format!("BACK={back}\0")));
    let exits = running.stop();
    assert_eq!(
        exits.iter().map(|exit| exit.process.as_str()).collect::<Vec<_>>(),
        ["back", "front"]
    );
}

#[test]
fn a_held_process_waits_before_its_exec() {
    let fixture = Fixture::new(&script(
        "echo started > started; exec sleep 1000",
        "ready = { line = \"x\" }",
    ));
    let held = fixture.hold(&LaunchOptions::default()).expect("forks");
    let pid = held.profiled()[0];
    let exe = |pid| fs::read_link(format!("/proc/{pid}/exe")).expect("exists");
    assert_eq!(exe(pid), exe(process::id()));
    assert!(!fixture.manifest.dir.join("started").exists());
    // It keeps open what it needs and nothing of ours.
    eventually("only five files are open", || usage::read(&[pid]).fds == 5);
    drop(held);
    assert!(!exists(pid));
    assert!(!fixture.manifest.dir.join("started").exists());
}

#[test]
fn a_process_gets_its_budget() {
    let cpu = Cpus::available().expect("some").as_slice()[0];
    let say = "echo budget $CPUS $WORKERS $(pwd) $(ulimit -n) $(ulimit -Hn); exec sleep 1000";
    let more =
        "env.CPUS = \"{cpus}\"\nenv.WORKERS = \"{workers}\"\nready = { line = \"budget 1 3\" }";
    let fixture = Fixture::new(&script(say, more));
    let options = LaunchOptions {
        cpus: Some(cpu.to_string().parse().expect("a CPU")),
        budget: Budget { workers: NonZero::new(3), ..Budget::default() },
        ..LaunchOptions::default()
    };
    let running = fixture.hold(&options).expect("forks").release(&GO_ON).expect("starts");
    let pid = running.pids()[0];
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("exists");
    assert!(status.contains(&format!("Cpus_allowed_list:\t{cpu}\n")), "{status}");
    let exits = running.stop();
    let words: Vec<_> = exits[0].last_lines[0].split(' ').collect();
    let dir = fixture.manifest.dir.canonicalize().expect("exists");
    assert_eq!(words[3], dir.to_str().expect("plain"));
    assert_eq!(words[4], words[5], "the soft limit of open files is raised to the hard one");
}

#[test]
fn a_process_may_open_so_many_files() {
    let say = "echo limits $(ulimit -n) $(ulimit -Hn); exec sleep 1000";
    let more = "open_files = 77\nready = { line = \"limits\" }";
    let fixture = Fixture::new(&script(say, more));
    let check = |open_files, expected: &str| {
        let options = LaunchOptions { open_files, ..LaunchOptions::default() };
        let running = fixture.hold(&options).expect("forks").release(&GO_ON).expect("starts");
        assert_eq!(usage::read(&running.pids()).fd_limit, expected.parse().ok());
        let exits = running.stop();
        assert_eq!(exits[0].last_lines, [format!("limits {expected} {expected}")]);
    };
    check(None, "77");
    check(NonZero::new(55), "55");
    // More than any system allows, whoever asks.
    let options =
        LaunchOptions { open_files: NonZero::new(u64::MAX / 2), ..LaunchOptions::default() };
    let held = fixture.hold(&options).expect("forks");
    let error = held.release(&GO_ON).map(|_| ()).expect_err("too many").to_string();
    assert!(error.contains("cannot let it open 9223372036854775807 files: "), "{error}");
}

#[test]
fn what_ends_at_once_says_why() {
    let check =
        |text: &str, expected: Expect| expected.assert_eq(&Fixture::new(&script(text, "")).error());
    check(
        "echo reading the config; echo cannot open it >&2; sleep 0.05; exit 7",
        expect![[r#"
            process 'script' ended with exit status 7; the last it printed:
                reading the config
                cannot open it"#]],
    );
    check(
        "kill -SEGV $$",
        expect![
            "process 'script' was ended by signal 11 (SIGSEGV, a wrong memory access); it printed nothing"
        ],
    );
    check("exit 0", expect!["process 'script' ended with exit status 0; it printed nothing"]);
}

/// The last attempt and the last lines of a target that is never ready. It is given more and more
/// time until `is_far_enough`: how far it comes in a moment is the machine's choice.
fn never_ready(
    table: impl Fn(&str) -> String,
    is_far_enough: impl Fn(&str, &[String]) -> bool,
) -> (String, Vec<String>) {
    let mut seen = Default::default();
    for given in [200, 2_000, 20_000].map(Duration::from_millis) {
        let timeout = format!("timeout = \"{}ms\"", given.as_millis());
        let fixture = Fixture::new(&table(&timeout));
        let Err(TargetError::NotReady { attempt, waited, last_lines, .. }) = fixture.run() else {
            panic!("it is never ready");
        };
        assert_eq!(waited, given);
        let is_enough = is_far_enough(&attempt, &last_lines);
        seen = (attempt, last_lines);
        if is_enough {
            break;
        }
    }
    seen
}

#[test]
fn what_is_never_ready_says_what_was_waited_for() {
    let check = |ready: &str, expected: Expect| {
        let table = |timeout: &str| {
            script("echo thinking; exec sleep 1000", &format!("ready = {{ {ready}{timeout} }}"))
        };
        let (attempt, last_lines) = never_ready(table, |_, lines| !lines.is_empty());
        let words = attempt.split(|c: char| c.is_ascii_digit()).filter(|word| !word.is_empty());
        let attempt = words.collect::<Vec<_>>().join("#");
        expected.assert_eq(&format!("{attempt}\n{}", last_lines.join("\n")));
    };
    check(
        "",
        expect![[r#"
            waited until its port accepts connections, but #.#.#.#:# gave no answer: Connection refused (os error #)
            thinking"#]],
    );
    check(
        "line = \"up\", ",
        expect![[r#"
            waited until it prints 'up', but it has not
            thinking"#]],
    );
    let unwell = |timeout: &str| helper("unwell", &format!("ready = {{ url = \"/\", {timeout} }}"));
    let says = |attempt: &str| attempt.ends_with("the last answer had status 503");
    let (attempt, _) = never_ready(unwell, |attempt, _| says(attempt));
    assert!(says(&attempt), "{attempt}");
}

#[test]
fn a_taken_port_names_its_holder() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let fixture = Fixture::new(&helper("server", ""));
    let options = LaunchOptions { port: Some(port), ..LaunchOptions::default() };
    let error = fixture.hold(&options).expect_err("taken").to_string();
    assert!(error.starts_with(&format!("port {port} is taken by ")), "{error}");
    assert!(error.contains(&format!("(process {})", process::id())), "{error}");
    drop(listener);
    // A process that another test starts just now may have a copy of the socket for a moment.
    let mut held = None;
    eventually("the port is free", || {
        held = fixture.hold(&options).ok();
        held.is_some()
    });
    let running = held.expect("free").release(&GO_ON).expect("starts");
    assert_eq!(running.addr().map(|addr| addr.port()), Some(port));
}

#[test]
fn what_cannot_be_run_says_why() {
    let files = [
        ("plain.txt", "no program\n"),
        ("gone.sh", "#!/nonexistent/shell\n"),
        ("noise", "noise\n"),
    ];
    let check = |program: &str, expected: Expect| {
        let table = format!("[[process]]\nname = \"s\"\ncommand = [\"{program}\", \"{{port}}\"]");
        let fixture = Fixture::with_files(&table, &files);
        for name in ["gone.sh", "noise"] {
            let path = fixture.manifest.dir.join(name);
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("ours");
        }
        expected.assert_eq(&fixture.error());
    };
    check(
        "/nonexistent/server",
        expect![
            "process 's': cannot run /nonexistent/server: No such file or directory (os error 2); is the path right, and its interpreter installed?"
        ],
    );
    check(
        "nonexistent-server",
        expect![
            "process 's': cannot find the program 'nonexistent-server': it is in no folder of PATH"
        ],
    );
    check(
        "./plain.txt",
        expect![
            "process 's': cannot run ./plain.txt: Permission denied (os error 13); is it executable (chmod +x)?"
        ],
    );
    check(
        "./gone.sh",
        expect![
            "process 's': cannot run ./gone.sh: No such file or directory (os error 2); is the path right, and its interpreter installed?"
        ],
    );
    check(
        "./noise",
        expect![
            "process 's': cannot run ./noise: Exec format error (os error 8); it is no program: a script needs a first line such as #!/bin/sh"
        ],
    );
}

#[test]
fn unusable_cpus_are_an_error() {
    let fixture = Fixture::new(&helper("server", ""));
    let options =
        LaunchOptions { cpus: Some("1023".parse().expect("a CPU")), ..LaunchOptions::default() };
    let held = fixture.hold(&options).expect("forks");
    let pid = held.profiled()[0];
    let error = held.release(&GO_ON).map(|_| ()).expect_err("no such CPU").to_string();
    assert!(error.starts_with("process 'server': cannot run on the CPUs 1023: "), "{error}");
    assert!(!exists(pid));
}

#[test]
fn an_interrupted_start_stops() {
    let fixture = Fixture::new(&script("exec sleep 1000", "ready = { timeout = \"1h\" }"));
    let held = fixture.hold(&LaunchOptions::default()).expect("forks");
    let pid = held.profiled()[0];
    let interrupted = AtomicBool::new(false);
    let error = thread::scope(|scope| {
        scope.spawn(|| {
            eventually("the program runs", || {
                fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n")
            });
            interrupted.store(true, Ordering::Relaxed);
        });
        held.release(&interrupted).map(|_| ()).expect_err("interrupted")
    });
    assert!(matches!(error, TargetError::Interrupted));
    assert!(!exists(pid));
}
