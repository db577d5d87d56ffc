use std::{path::Path, time::Instant};

use expect_test::{Expect, expect};

use super::*;

/// Nobody interrupts.
static GO_ON: AtomicBool = AtomicBool::new(false);

fn spec(program: &str, args: &[&str]) -> ToolSpec {
    ToolSpec {
        program: program.into(),
        args: args.iter().map(Into::into).collect(),
        dir: "/".into(),
        env: Vec::new(),
        cpus: None,
    }
}

fn shell(script: &str) -> ToolSpec {
    spec("sh", &["-c", script])
}

fn run(spec: &ToolSpec) -> Result<ToolRun, ToolError> {
    let guard = Guard::start().expect("a guard");
    run_tool(spec, &guard, &GO_ON, &mut |_| {})
}

#[track_caller]
fn check(spec: &ToolSpec, expected: Expect) {
    let told = match run(spec) {
        Ok(ToolRun { stdout, stderr, cut, exit, .. }) => {
            let [stdout, stderr] =
                [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            format!("{stdout:?} {stderr:?} {cut} {exit}")
        }
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&told);
}

#[test]
fn output_and_exit_are_told() {
    check(
        &shell("echo out; echo err >&2; exit 3"),
        expect![[r#""out\n" "err\n" 0 ended with exit status 3"#]],
    );
    check(&spec("true", &[]), expect![[r#""" "" 0 ended with exit status 0"#]]);
    check(&shell("printf '\\377'"), expect![[r#""�" "" 0 ended with exit status 0"#]]);
    check(
        &shell("kill -SEGV $$"),
        expect![[r#""" "" 0 was ended by signal 11 (SIGSEGV, a wrong memory access)"#]],
    );
}

#[test]
fn folder_variables_and_cpus_are_those_asked_for() {
    let cpu = *Cpus::available().expect("some").as_slice().last().expect("one");
    let spec = ToolSpec {
        dir: "/usr".into(),
        env: vec![("SAID".into(), "hello".into())],
        cpus: Some(cpu.to_string().parse().expect("a CPU")),
        ..shell("pwd; echo $SAID; grep Cpus_allowed_list /proc/self/status")
    };
    let run = run(&spec).expect("runs");
    let expected = format!("/usr\nhello\nCpus_allowed_list:\t{cpu}\n");
    assert_eq!(String::from_utf8_lossy(&run.stdout), expected);
}

#[test]
fn what_cannot_start_is_told() {
    check(
        &spec("no-such-tool", &[]),
        expect!["cannot find the program 'no-such-tool': it is in no folder of PATH"],
    );
    check(
        &spec("/etc/passwd", &[]),
        expect![
            "cannot run /etc/passwd: Permission denied (os error 13); is it executable (chmod +x)?"
        ],
    );
    let nowhere = ToolSpec { dir: "/no/such/folder".into(), ..spec("true", &[]) };
    check(
        &nowhere,
        expect!["cannot enter the folder /no/such/folder: No such file or directory (os error 2)"],
    );
}

#[test]
fn more_than_is_kept_is_counted() {
    let too_many = 1_000_000;
    let all = ToolRun::LONGEST_OUTPUT + too_many;
    let run = run(&shell(&format!("head -c {all} /dev/zero; echo end >&2"))).expect("runs");
    assert_eq!((run.stdout.len(), run.cut), (ToolRun::LONGEST_OUTPUT, too_many as u64));
    assert_eq!((run.stderr, run.exit), (b"end\n".to_vec(), Ending::Status(0)));
}

#[test]
fn cpu_time_is_its_own_and_of_those_it_waited_for() {
    let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
    let idle = run(&shell("sleep 0.2")).expect("runs");
    let own = run(&shell(busy)).expect("runs");
    let child = run(&shell(&format!("sh -c '{busy}'; true"))).expect("runs");
    assert!(idle.elapsed >= Nanos(200_000_000), "{:?}", idle.elapsed);
    for busy in [own, child] {
        assert!(busy.cpu > Nanos(10_000_000), "{:?}", busy.cpu);
        assert!(busy.cpu > idle.cpu, "{:?} {:?}", busy.cpu, idle.cpu);
    }
}

#[test]
fn the_caller_may_glance_meanwhile() {
    let guard = Guard::start().expect("a guard");
    let mut glances = Vec::new();
    run_tool(&shell("sleep 0.3"), &guard, &GO_ON, &mut |at| glances.push(at)).expect("runs");
    assert!(glances.len() >= 2 && glances.is_sorted(), "{glances:?}");
}

/// Runs a script that writes the ids of processes to a file, and interrupts it then.
fn interrupt(script: &str) -> Vec<String> {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("pids");
    let pids = || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let pids = text.strip_suffix("end\n")?.split_whitespace();
        Some(pids.map(str::to_owned).collect::<Vec<_>>())
    };
    let interrupted = AtomicBool::new(false);
    let guard = Guard::start().expect("a guard");
    let spec = ToolSpec { dir: dir.path().to_owned(), ..shell(script) };
    let mut look = |_| {
        if pids().is_some() {
            interrupted.store(true, Ordering::Relaxed);
        }
    };
    let error = run_tool(&spec, &guard, &interrupted, &mut look).expect_err("interrupted");
    assert_eq!(error.to_string(), "interrupted while sh was running");
    pids().expect("it had begun")
}

fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    stat.is_ok_and(|stat| {
        !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(['Z', 'X']))
    })
}

#[track_caller]
fn all_end(pids: &[String]) {
    // Killed grandchildren become zombies only once they were scheduled; patience ends a failure.
    let deadline = Instant::now() + Duration::from_secs(60);
    while pids.iter().any(|pid| lives(pid)) {
        assert!(Instant::now() < deadline, "some of {pids:?} live");
        thread::sleep(POLL);
    }
}

#[test]
fn an_interrupted_tool_ends_with_its_children() {
    let pids = interrupt("sleep 1000 & echo $$ $! end > pids; wait");
    assert_eq!(pids.len(), 2);
    all_end(&pids);
}

#[test]
fn one_that_does_not_want_to_end_is_killed() {
    let pids =
        interrupt("trap '' TERM; sleep 1000 & echo $$ $! end > pids; while :; do sleep 1; done");
    all_end(&pids);
}

#[test]
fn children_that_a_tool_leaves_do_not_keep_us_and_end() {
    let run = run(&shell("sleep 1000 & echo $!")).expect("runs");
    assert_eq!(run.exit, Ending::Status(0));
    assert!(run.elapsed < Nanos(500_000_000_000));
    all_end(&[String::from_utf8_lossy(&run.stdout).trim().to_owned()]);
}

#[test]
fn a_tool_that_closes_its_output_early_is_waited_for() {
    let run = run(&shell("exec >&- 2>&-; sleep 0.2; exit 4")).expect("runs");
    assert_eq!(run.exit, Ending::Status(4));
    assert!(run.elapsed >= Nanos(200_000_000), "{:?}", run.elapsed);
}
