//! A real `profile hyper` of a few seconds: its record, its files, and what the tool makes of it.

use std::{fs, path::PathBuf, sync::LazyLock};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    case::{read_record, run, tool},
    picture::Picture,
    system::{alone, can_sample},
};
use crate::measured::{Measured, holds, repeated};

/// One run that all these tests look at.
pub(super) struct Real {
    store: TempDir,
    pub(super) directory: PathBuf,
    printed: String,
}

impl Real {
    /// None where the kernel does not allow sampling.
    pub(super) fn get() -> Option<&'static Self> {
        static REAL: LazyLock<Real> = LazyLock::new(Real::measure);
        can_sample().then(|| &*REAL)
    }

    /// A run that the machine has not spoiled; the tests find out the rest.
    fn measure() -> Self {
        let _alone = alone();
        let mut real = None;
        repeated(|| real.insert(Self::run()?).is_undisturbed());
        real.expect("it is measured at least once")
    }

    fn run() -> Result<Self, String> {
        let store = tempfile::tempdir().expect("a folder");
        let arguments = ["profile", "hyper", "--duration", "4s", "--warmup", "1s", "--json"];
        let outcome = run(tool().args(arguments).arg("--out").arg(store.path()));
        // A load that is not valid is an exit code, too.
        holds(outcome.code == Some(0), format_args!("{outcome:#?}"))?;
        outcome.expect(0, &["starting the server", "warming up", "measuring", "symbolizing"]);
        let record: Value = serde_json::from_str(&outcome.stdout).expect("one line of JSON");
        let id = record["id"].as_str().expect("an id");
        let directory = store.path().join("hyper").join(id);
        Ok(Self { directory, store, printed: outcome.stdout })
    }

    /// Whether enough samples came and every request was answered in time. The bounds are loose,
    /// as other tests share the machine.
    fn is_undisturbed(&self) -> Measured {
        let record = self.record();
        let (load, profile) = (&record["load"], &record["profile"]);
        holds(load["error_ratio"] == 0.0 && load["valid"] == true, load)?;
        let of = |name: &str| figure(&record, &format!("/profile/{name}"));
        // Without the kernel, the time in it has no samples.
        let least = if profile["privileges"] == "kernel and user" { 0.8 } else { 0.01 };
        holds((least..=1.2).contains(&of("coverage")), profile)?;
        holds(of("lost") <= of("samples") / 100.0, profile)
    }

    fn record(&self) -> Value {
        read_record(&self.directory)
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.directory.join(file)).expect("a text")
    }
}

/// A figure of the record, by its path.
#[track_caller]
fn figure(record: &Value, path: &str) -> f64 {
    let value = record.pointer(path).unwrap_or_else(|| panic!("no {path}"));
    value.as_f64().unwrap_or_else(|| panic!("{path} is {value}"))
}

/// The names that readers of records may rely on.
const NAMES: &[&str] = &[
    "/id /started_at /command /budget /slices /hottest /artifacts",
    "/target/name /target/language /target/revision /target/dirty /target/build_id",
    "/host/cpu_model /host/cpus /host/kernel /host/memory_bytes /host/virtualization",
    "/host/perf_event_paranoid /host/toolchains",
    "/load/script /load/engine /load/mode /load/connections /load/duration_s /load/requests",
    "/load/requests_per_second /load/bytes_per_second /load/valid",
    "/load/latency_us/mean /load/latency_us/stdev /load/latency_us/p50 /load/latency_us/p75",
    "/load/latency_us/p90 /load/latency_us/p95 /load/latency_us/p99 /load/latency_us/p99_9",
    "/load/latency_us/max /load/errors/connect /load/errors/read /load/errors/write",
    "/load/errors/timeout /load/errors/status /load/errors/check",
    "/server/cpu_us_per_request /server/cpus_used /server/rss_initial_bytes",
    "/server/rss_peak_bytes /server/context_switches /server/page_faults /server/threads",
    "/server/first_call_us /server/following_calls_us/p50 /processes/0/name",
    "/processes/0/cpu_us_per_request /processes/0/cpus_used /processes/0/rss_initial_bytes",
    "/processes/0/rss_peak_bytes /processes/0/samples /profile/raw_stacks /client/cpu_us_per_request /client/cpus_used",
    "/profile/backend /profile/hz_requested /profile/hz_achieved /profile/samples /profile/lost",
    "/profile/throttled /profile/truncated_ratio /profile/unknown_ratio /profile/coverage",
    "/profile/observer_effect/throughput_ratio /profile/observer_effect/ci95",
    "/profile/post_processing_ms /load/latency_kind /load/service_us/p99 /load/attempts",
    "/load/error_ratio /load/errors/detail /load/stages /load/origins /server/fds_peak",
    "/server/fd_limit /server/listen_overflows /server/listen_drops /bottleneck/verdict",
    "/bottleneck/why /diagnosis /thresholds",
];

#[test]
fn the_record_has_every_name_and_sane_figures() {
    let Some(real) = Real::get() else { return };
    let record = real.record();
    for path in NAMES.iter().flat_map(|line| line.split_whitespace()) {
        assert!(record.pointer(path).is_some(), "no {path}");
    }
    let texts =
        ["/target/name", "/target/language", "/load/script"].map(|path| record.pointer(path));
    assert_eq!(
        texts.map(|text| text.and_then(Value::as_str)),
        [Some("hyper"), Some("Rust"), Some("users")]
    );
    assert_eq!((&record["schema"], &record["status"]), (&1.into(), &"complete".into()));
    for path in [
        "/load/requests",
        "/load/requests_per_second",
        "/load/bytes_per_second",
        "/server/cpu_us_per_request",
        "/server/cpus_used",
        "/server/rss_initial_bytes",
        "/server/threads",
        "/server/first_call_us",
        "/server/following_calls_us/count",
        "/server/following_calls_us/max",
        "/processes/0/cpu_us_per_request",
        "/client/cpu_us_per_request",
        "/profile/samples",
        "/profile/hz_achieved",
        "/profile/post_processing_ms",
        "/profile/observer_effect/throughput_ratio",
        "/host/cpus",
        "/host/memory_bytes",
    ] {
        assert!(figure(&record, path) > 0.0, "{path}");
    }
    assert!(record["load"]["valid"] == true, "{}", record["load"]);
    assert_eq!(
        ["connect", "read", "write", "timeout", "status", "check"]
            .map(|class| figure(&record, &format!("/load/errors/{class}"))),
        [0.0; 6]
    );
    assert!(
        figure(&record, "/server/rss_peak_bytes") >= figure(&record, "/server/rss_initial_bytes")
    );
    // 20 users make 3,696 bytes, and every response has a head.
    let bytes =
        figure(&record, "/load/bytes_per_second") / figure(&record, "/load/requests_per_second");
    assert!((3696.0..4200.0).contains(&bytes), "{bytes} bytes a response");
    let hottest = record["hottest"].as_array().expect("a list");
    let selves = hottest.iter().map(|frame| figure(frame, "/self_us_per_request"));
    assert!(!hottest.is_empty() && selves.is_sorted_by(|a, b| a >= b));
}

#[test]
fn latencies_and_slices_are_in_order() {
    let Some(real) = Real::get() else { return };
    let record = real.record();
    let latency = ["p50", "p75", "p90", "p95", "p99", "p99_9", "max"]
        .map(|name| figure(&record, &format!("/load/latency_us/{name}")));
    assert!(latency.is_sorted() && latency[0] > 0.0, "{latency:?}");
    let slices = record["slices"].as_array().expect("a list");
    let order: String =
        slices.iter().map(|slice| if slice["sampled"] == true { 'S' } else { '.' }).collect();
    assert_eq!(order, ".SS.S..S".repeat(2));
    let starts: Vec<f64> = slices.iter().map(|slice| figure(slice, "/started_ns")).collect();
    assert!(starts.is_sorted());
    let requests = |slice: &&Value| slice["sampled"] == false && slice["valid"] == true;
    let unsampled: f64 = slices.iter().filter(requests).map(|s| figure(s, "/requests")).sum();
    assert_eq!(unsampled, figure(&record, "/load/requests"), "the headline has no sampled slice");
}

#[test]
fn the_profile_can_be_trusted() {
    let Some(real) = Real::get() else { return };
    let record = real.record();
    // How many samples came was looked at when it was measured.
    let of = |name: &str| figure(&record, &format!("/profile/{name}"));
    assert!(of("samples") > 0.0, "{}", record["profile"]);
    assert!(of("truncated_ratio") + of("unknown_ratio") <= 0.05, "{}", record["profile"]);
}

#[test]
fn the_picture_has_the_whole_stack_and_the_records_figures() {
    let Some(real) = Real::get() else { return };
    let (record, picture) = (real.record(), Picture::read(&real.text("cpu.svg")));
    assert_eq!(picture.titles.first().map(String::as_str), Some("hyper · users"));
    for name in ["hyper::", "tokio::", "serde_json::"] {
        assert!(picture.has_frame(name), "no frame of {name}");
    }
    if record["profile"]["privileges"] == "kernel and user" {
        assert!(picture.has_frame("tcp_"), "no frame of the kernel");
    }
    let metadata = picture.metadata();
    for (name, path) in [
        ("id", "/id"),
        ("status", "/status"),
        ("target", "/target/name"),
        ("script", "/load/script"),
        ("requests_per_second", "/load/requests_per_second"),
        ("p99_us", "/load/latency_us/p99"),
        ("cpu_us_per_request", "/server/cpu_us_per_request"),
        ("samples", "/profile/samples"),
        ("coverage", "/profile/coverage"),
        ("truncated_ratio", "/profile/truncated_ratio"),
        ("unknown_ratio", "/profile/unknown_ratio"),
    ] {
        assert_eq!(Some(&metadata[name]), record.pointer(path), "{name}");
    }
}

#[test]
fn folded_stacks_add_up_to_the_samples() {
    let Some(real) = Real::get() else { return };
    let folded = real.text("cpu.folded");
    let weights = folded.lines().map(|line| {
        let (stack, weight) = line.rsplit_once(' ').expect("a stack and its weight");
        assert!(!stack.is_empty());
        weight.parse::<u64>().expect("a number")
    });
    assert_eq!(weights.sum::<u64>() as f64, figure(&real.record(), "/profile/samples"));
}

#[test]
fn what_was_printed_is_what_was_kept_and_listed() {
    let Some(real) = Real::get() else { return };
    let record = real.record();
    assert_eq!(real.printed.lines().count(), 1);
    assert_eq!(serde_json::from_str::<Value>(&real.printed).expect("JSON"), record);
    for file in record["artifacts"].as_object().expect("a table").values() {
        assert!(real.directory.join(file.as_str().expect("a name")).is_file(), "{file}");
    }
    let list = run(tool().arg("runs").arg("--out").arg(real.store.path()));
    list.expect(0, &[]);
    let id = record["id"].as_str().expect("an id");
    assert!(list.stdout.lines().any(|line| line.starts_with(id) && line.ends_with("complete")));
    let lines = run(tool().args(["runs", "--json"]).arg("--out").arg(real.store.path()));
    assert_eq!(lines.stdout, real.printed);
}

#[test]
fn rendering_again_gives_the_same_bytes() {
    let Some(real) = Real::get() else { return };
    let before = ["cpu.folded", "cpu.svg"].map(|file| real.text(file));
    // From a copy: other tests read the run at this time.
    let copy = tempfile::tempdir().expect("a folder");
    for file in ["run.json", "profile.json.gz"] {
        fs::copy(real.directory.join(file), copy.path().join(file)).expect("a copy");
    }
    run(tool().arg("render").arg(copy.path())).expect(0, &[]);
    let after = ["cpu.folded", "cpu.svg"]
        .map(|file| fs::read_to_string(copy.path().join(file)).expect("a text"));
    assert!(before == after, "the bytes differ");
}
