//! A run from its profile to the files that a browser opens, through the public API alone.

#[path = "support/skip.rs"]
mod skip;

use std::{fs, path::Path, process::Command};

use flameload::{
    fold::{Folded, Hottest, Parts},
    record::{
        HotFacts, OtherProfile, ProcessFacts, ProfileFacts, Run, Status, Store, TargetFacts,
        UtcTime,
    },
    symbolize::{Frame, FrameId, FrameKind, Profile, Sample, Stack, StackId, Thread, ThreadId},
    unit::{Hertz, Nanos, Samples},
};

/// Names that have broken other tools: XML, folded text, file names.
const NAMES: [&str; 8] = [
    "<hyper::Conn<I, B> as core::future::Future>::poll::{{closure}}",
    "a -- b ]]> <!-- & \" '",
    "<[u8; 4] as app::Encode>::encode",
    "control \u{1b}[31m\u{0}\u{7f} characters",
    "ends in a number 42",
    "no\u{fffe}n\u{ffff}characters",
    "Größe::量::🔥",
    "[unknown]",
];

/// A profile of two workers and the kernel below them, in which every name calls the next.
fn profile() -> Profile {
    let kinds = |i| if i + 2 < NAMES.len() { FrameKind::User } else { FrameKind::Kernel };
    let frames = NAMES
        .iter()
        .enumerate()
        .map(|(i, name)| Frame {
            name: (*name).to_owned(),
            module: Some("hyper-target".to_owned()),
            file: Some(format!("src/{name}.rs")),
            line: Some(i as u32 + 1),
            kind: kinds(i),
        })
        .collect();
    let stacks = (0..NAMES.len() as u32)
        .map(|i| Stack { parent: i.checked_sub(1).map(StackId), frame: FrameId(i) })
        .collect();
    let thread = |tid, name: &str| Thread {
        pid: 7,
        tid,
        of: None,
        process: "hyper-target".to_owned(),
        name: name.to_owned(),
    };
    Profile {
        title: "hyper · users".to_owned(),
        hz: Hertz(997),
        started: Nanos(1_000),
        duration: Nanos(10_000_000_000),
        frames,
        stacks,
        threads: vec![thread(8, "worker-1"), thread(9, "worker-2")],
        samples: (0..200_u32)
            .map(|i| Sample {
                time: Nanos(u64::from(i) * 1_003_009),
                thread: ThreadId(i % 2),
                stack: StackId(i % NAMES.len() as u32),
                weight: Samples(1),
                tag: 0,
            })
            .collect(),
    }
}

fn run(profile: &Profile) -> Run {
    let target = TargetFacts {
        name: "hyper".to_owned(),
        language: "rust".to_owned(),
        ..TargetFacts::default()
    };
    let mut run = Run::new(UtcTime::now(), "cargo xtask profile hyper".to_owned(), target);
    run.load.script = "users -- ]]> & \u{1b}".to_owned();
    run.load.requests_per_second = Some(52_340.25);
    run.load.latency_us.p99 = Some(1_840.0);
    run.load.errors.timeout = 12;
    run.load.valid = true;
    run.server.cpu_us_per_request = Some(18.9);
    run.status = Status::Interrupted;
    run.reason = Some("by its user".to_owned());
    run.profile = Some(ProfileFacts {
        backend: "perf_event".to_owned(),
        hz_requested: 997,
        samples: 200,
        lost: 10,
        coverage: Some(0.5),
        ..ProfileFacts::default()
    });
    let cpu_per_request = Some(Nanos(18_900));
    let hottest = Hottest::of(profile, cpu_per_request, &Parts::default(), 1, 5);
    run.hottest = hottest.frames.into_iter().map(HotFacts::from).collect();
    run
}

/// Asks another parser, where there is one.
fn xmllint(svg: &Path) {
    let Ok(output) = Command::new("xmllint").arg("--noout").arg("--nonet").arg(svg).output() else {
        return skip::skip("xmllint is not installed (libxml2-utils)");
    };
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{complaint}");
}

#[test]
fn a_run_becomes_files_that_other_programs_read() {
    let root = tempfile::tempdir().expect("the system has room for a directory");
    let store = Store::new(root.path());
    let (profile, run) = (profile(), run(&profile()));
    store.check_writable(&run.target.name).expect("a new directory is writable");
    let directory = store.write(&run, Some(&profile)).expect("the run can be kept");
    assert_eq!(store.find("latest").expect("it was just written"), directory);

    let svg_path = directory.join("cpu.svg");
    xmllint(&svg_path);
    let svg = fs::read_to_string(&svg_path).expect("it is text");
    for part in [
        "52,340 requests/s",
        "p99 1.84 ms",
        "18.90 µs CPU/request",
        "200 samples at 997 Hz",
        "lost 10 (4.8 %)",
        "coverage 0.50",
        "interrupted: by its user",
        "12 requests failed (timeout 12)",
        "hyper::Conn::poll (18.90 µs/request, 100.0 %, 200 samples)\n&lt;hyper::Conn&lt;I, B&gt; as core::future::Future&gt;::poll::{{closure}}<",
        "Größe::量::🔥",
        "<a href=\"run.json\">",
        run.id.as_str(),
    ] {
        assert!(svg.contains(part), "{part}");
    }

    let folded = fs::read_to_string(directory.join("cpu.folded")).expect("it is text");
    let read: Folded = folded.parse().expect("it is folded text");
    assert_eq!(read, Folded::from_profile(&profile));
    assert_eq!(read.total(), Samples(200));
    assert!(folded.starts_with("hyper-target;worker;<hyper::Conn<I, B> as "), "{folded}");

    let before = [svg.into_bytes(), folded.into_bytes()];
    let raw = Store::render_raw(&directory).expect("it can be rendered otherwise");
    xmllint(&raw);
    let svg = fs::read_to_string(raw).expect("it is text");
    let name = "&lt;hyper::Conn&lt;I, B&gt; as core::future::Future&gt;::poll::{{closure}}";
    assert!(svg.contains(&format!("{name} (18.90 µs/request")), "{svg}");
    Store::render(&directory).expect("it can be rendered again");
    let after =
        ["cpu.svg", "cpu.folded"].map(|name| fs::read(directory.join(name)).expect("it is there"));
    assert_eq!(after, before);

    let listed = store.list().expect("the store can be read");
    let kept = listed[0].run.as_ref().expect("the record can be read");
    assert_eq!((kept.id.clone(), kept.hottest.len()), (run.id, 5));
    assert_eq!(kept.artifacts["svg"], "cpu.svg");
}

/// Half of the samples in each of two processes of one executable.
fn chain() -> (Profile, Run) {
    let mut profile = profile();
    for (thread, of) in profile.threads.iter_mut().zip(["front", "back"]) {
        thread.of = Some(of.to_owned());
    }
    let mut run = run(&profile);
    let facts = |name: &str, cpu: f64| ProcessFacts {
        name: name.to_owned(),
        cpu_us_per_request: Some(cpu),
        sampled_us_per_request: Some(cpu),
        samples: Some(100),
        coverage: Some(0.5),
        truncated_ratio: Some(0.125),
        ..ProcessFacts::default()
    };
    let unprofiled = ProcessFacts { name: "db".to_owned(), ..ProcessFacts::default() };
    run.processes = vec![facts("front", 12.9), unprofiled, facts("back", 6.0)];
    (profile, run)
}

#[test]
fn each_process_of_a_chain_has_a_picture_of_its_own() {
    let root = tempfile::tempdir().expect("the system has room for a directory");
    let (profile, run) = chain();
    let directory = Store::new(root.path()).write(&run, Some(&profile)).expect("it can be kept");
    let read = |file: &str| fs::read_to_string(directory.join(file)).expect("it is there");
    let files = ["cpu.svg", "cpu-front.svg", "cpu-back.svg"];
    let folded = ["cpu.folded", "cpu-front.folded", "cpu-back.folded"];
    let parts: [&[&str]; 3] = [
        &[
            "18.90 µs CPU/request",
            "front (hyper-target) (9.45 µs/request",
            "back (hyper-target) (9.45 µs/request",
            "<a href=\"cpu-front.svg\">front</a>",
            "<a href=\"cpu-back.svg\">back</a>",
        ],
        &[
            "· front alone</title>",
            "12.90 µs CPU/request of 18.90 in all",
            "100 samples at 997 Hz",
            "truncated 12.5 %",
            "hyper-target (12.90 µs/request, 100.0 %, 100 samples)",
            "<a href=\"cpu-front.folded\">",
            "<a href=\"cpu.svg\">all processes</a>",
            "<a href=\"cpu-back.svg\">back</a>",
            "&quot;process&quot;:&quot;front&quot;",
        ],
        &[
            "6.00 µs CPU/request of 18.90 in all",
            "hyper-target (6.00 µs/request, 100.0 %, 100 samples)",
            "<a href=\"cpu-front.svg\">front</a>",
        ],
    ];
    for (file, parts) in files.iter().zip(parts) {
        xmllint(&directory.join(file));
        let svg = read(file);
        for part in parts {
            assert!(svg.contains(part), "{file}: {part}");
        }
        assert!(!svg.contains(&format!("href=\"{file}\"")), "{file} needs no link to itself");
    }
    let of = |file: &str| -> Folded { read(file).parse().expect("it is folded text") };
    assert!(read("cpu.folded").starts_with("back (hyper-target);worker"), "{}", read("cpu.folded"));
    assert_eq!(of("cpu-front.folded").total() + of("cpu-back.folded").total(), Samples(200));

    let all = || files.iter().chain(&folded).map(|file| read(file)).collect::<Vec<_>>();
    let before = all();
    for file in files.iter().chain(&folded) {
        fs::write(directory.join(file), "damaged").expect("it can be damaged");
    }
    Store::render(&directory).expect("it can be rendered again");
    assert_eq!(all(), before);
    let kept = Store::read(&directory).expect("it reads back");
    assert_eq!(kept.processes, run.processes);
    assert_eq!(kept.artifacts["cpu-back.svg"], "cpu-back.svg");
}

#[test]
fn a_run_of_an_idle_target_is_kept_too() {
    let root = tempfile::tempdir().expect("the system has room for a directory");
    let mut idle = profile();
    idle.samples.clear();
    let mut run = run(&idle);
    run.server.cpu_us_per_request = None;
    let directory = Store::new(root.path()).write(&run, Some(&idle)).expect("it can be kept");
    xmllint(&directory.join("cpu.svg"));
    let svg = fs::read_to_string(directory.join("cpu.svg")).expect("it is text");
    assert!(svg.contains("No samples were taken"), "{svg}");
    assert_eq!(fs::read(directory.join("cpu.folded")).expect("it is there"), b"");
}

#[test]
fn the_profile_of_another_backend_has_files_of_its_own() {
    let root = tempfile::tempdir().expect("the system has room for a directory");
    let (own, mut other) = (profile(), profile());
    other.hz = Hertz(100);
    other.samples.truncate(50);
    let mut run = run(&own);
    run.server.cpu_us_per_request = Some(18.9);
    let facts = ProfileFacts {
        backend: "pprof".to_owned(),
        hz_requested: 100,
        samples: 50,
        coverage: Some(0.7),
        ..ProfileFacts::default()
    };
    run.other_profiles = vec![OtherProfile::new("pprof", facts, Vec::new())];
    let ended = Nanos::now();
    let (run, directory) =
        Store::new(root.path()).finish(run, &[&own, &other], &[], ended).expect("it can be kept");
    assert_eq!(run.artifacts["pprof.svg"], "pprof.svg");
    let read = |name: &str| fs::read(directory.join(name)).expect("it is there");
    let text = |name: &str| String::from_utf8(read(name)).expect("it is text");
    xmllint(&directory.join("pprof.svg"));
    let svg = text("pprof.svg");
    for part in ["hyper · users -- ", " · pprof", "50 samples at 100 Hz", "coverage 0.70"] {
        assert!(svg.contains(part), "{part}");
    }
    assert!(svg.contains("<a href=\"pprof.folded\">") && !svg.contains("coverage 0.50"));
    assert!(text("cpu.svg").contains("<a href=\"pprof.svg\">"));
    let folded: Folded = text("pprof.folded").parse().expect("it is folded text");
    assert_eq!(folded.total(), Samples(50));
    let names = ["cpu.svg", "cpu.folded", "pprof.svg", "pprof.folded"];
    let before = names.map(read);
    names.iter().for_each(|name| fs::remove_file(directory.join(name)).expect("it is there"));
    Store::render(&directory).expect("it can be rendered again");
    assert_eq!(names.map(read), before);
}

/// The names that other programs rely on, as the design lists them.
#[test]
fn the_record_has_the_names_it_promises() {
    let (_, run) = chain();
    let run = serde_json::to_value(run).expect("a record is JSON");
    for pointer in [
        "/schema",
        "/id",
        "/started_at",
        "/command",
        "/target/name",
        "/target/language",
        "/target/revision",
        "/target/dirty",
        "/target/build_id",
        "/budget",
        "/host/cpu_model",
        "/host/cpus",
        "/host/kernel",
        "/host/memory_bytes",
        "/host/virtualization",
        "/host/perf_event_paranoid",
        "/host/toolchains",
        "/load/script",
        "/load/engine",
        "/load/mode",
        "/load/connections",
        "/load/duration_s",
        "/load/requests",
        "/load/requests_per_second",
        "/load/bytes_per_second",
        "/load/latency_us/mean",
        "/load/latency_us/stdev",
        "/load/latency_us/p50",
        "/load/latency_us/p75",
        "/load/latency_us/p90",
        "/load/latency_us/p95",
        "/load/latency_us/p99",
        "/load/latency_us/p99_9",
        "/load/latency_us/max",
        "/load/errors/connect",
        "/load/errors/read",
        "/load/errors/write",
        "/load/errors/timeout",
        "/load/errors/status",
        "/load/errors/check",
        "/load/errors/detail",
        "/load/latency_kind",
        "/load/service_us/p99",
        "/load/rate_target",
        "/load/rate_achieved",
        "/load/achieved_ratio",
        "/load/schedule_lag_max_us",
        "/load/backlog_max",
        "/load/dropped",
        "/load/resent",
        "/load/stages",
        "/load/by_status",
        "/load/origins",
        "/load/engine_version",
        "/load/engine_command",
        "/load/valid",
        "/server/fds_peak",
        "/server/fd_limit",
        "/server/listen_overflows",
        "/server/listen_drops",
        "/bottleneck",
        "/diagnosis",
        "/alone",
        "/mix",
        "/thresholds",
        "/server/cpu_us_per_request",
        "/server/cpus_used",
        "/server/rss_initial_bytes",
        "/server/rss_peak_bytes",
        "/server/context_switches",
        "/server/page_faults",
        "/server/threads",
        "/server/first_call_us",
        "/server/following_calls_us",
        "/processes/0/name",
        "/processes/0/cpu_us_per_request",
        "/processes/0/cpus_used",
        "/processes/0/rss_initial_bytes",
        "/processes/0/rss_peak_bytes",
        "/processes/0/samples",
        "/client/cpu_us_per_request",
        "/client/cpus_used",
        "/profile/backend",
        "/profile/hz_requested",
        "/profile/hz_achieved",
        "/profile/samples",
        "/profile/lost",
        "/profile/throttled",
        "/profile/truncated_ratio",
        "/profile/unknown_ratio",
        "/profile/coverage",
        "/profile/observer_effect",
        "/profile/post_processing_ms",
        "/hottest/0/name",
        "/hottest/0/self_us_per_request",
        "/hottest/0/total_us_per_request",
        "/hottest/0/self_ci95",
        "/hottest/0/total_ci95",
        "/profile/design_effect",
        "/other_profiles",
        "/agreement",
        "/slices",
        "/artifacts",
    ] {
        assert!(run.pointer(pointer).is_some(), "{pointer}");
    }
    assert_eq!(run["status"], "interrupted");
}
