//! What a long profile takes of our own memory, over time.

use std::{
    collections::BTreeSet,
    fmt,
    path::Path,
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use anyhow::Context;
use flameload::{
    measure::Event,
    record::{ProfileFacts, Store},
    symbolize::{Profile, StackId},
    target::usage,
    unit::{Bytes, Nanos, Ratio},
};
use serde_json::{Value, json};

use super::{Workload, ours};
use crate::table::Table;

/// How often the memory is looked at.
const INTERVAL: Duration = Duration::from_secs(5);

/// What a profile took of memory.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) workload: String,
    /// During the window that counts.
    pub(super) rows: Vec<Row>,
    /// When the load had ended, and samples became a profile.
    pub(super) at_symbolizing: Option<Bytes>,
    /// When that was done, and files were written.
    pub(super) at_recording: Option<Bytes>,
    /// The most at any time.
    pub(super) peak: Bytes,
    /// Frames in the tree of stacks.
    pub(super) stack_nodes: usize,
    pub(super) facts: ProfileFacts,
}

/// The memory at a time of the window, and what had been sampled by then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Row {
    pub(super) at: Duration,
    pub(super) rss: Bytes,
    pub(super) samples: u64,
    /// Distinct stacks among them.
    pub(super) stacks: usize,
}

/// Profiles the workload and looks at our own memory meanwhile.
pub(super) fn measure(
    workload: &Workload,
    dir: &Path,
    interrupted: &AtomicBool,
    events: &mut dyn FnMut(Event),
) -> anyhow::Result<Memory> {
    let mut watch = Watch::default();
    let finished = ours::profile(workload, dir, interrupted, &mut |event| {
        watch.look(&event);
        events(event);
    })?;
    let peak = usage::read(&[std::process::id()]).rss_peak;
    let profile = Store::read_profile(&finished.directory)?;
    Ok(Memory {
        workload: workload.describe(),
        rows: rows(&watch.points, &profile),
        at_symbolizing: watch.at_symbolizing,
        at_recording: watch.at_recording,
        peak,
        stack_nodes: profile.stacks.len(),
        facts: finished.run.profile.context("the record has no profile")?,
    })
}

/// Looks at our memory as the events come.
#[derive(Debug, Default)]
struct Watch {
    started: Option<Instant>,
    points: Vec<(Duration, Bytes)>,
    /// The last look within the window; it becomes a point when the window ends.
    latest: Option<Duration>,
    at_symbolizing: Option<Bytes>,
    at_recording: Option<Bytes>,
}

impl Watch {
    fn look(&mut self, event: &Event) {
        match event {
            Event::Measuring { .. } => {
                let at = self.started.get_or_insert_with(Instant::now).elapsed();
                self.latest = Some(at);
                if at >= INTERVAL * self.points.len() as u32 {
                    self.points.push((at, own_rss()));
                }
            }
            Event::Symbolizing => {
                let rss = own_rss();
                self.points.extend(self.latest.map(|at| (at, rss)));
                self.at_symbolizing = Some(rss);
            }
            Event::Recording => self.at_recording = Some(own_rss()),
            _ => {}
        }
    }
}

fn own_rss() -> Bytes {
    usage::read(&[std::process::id()]).rss
}

/// Adds to each point what had been sampled by then; samples are in the order of time.
fn rows(points: &[(Duration, Bytes)], profile: &Profile) -> Vec<Row> {
    let mut samples = profile.samples.iter().peekable();
    let mut count = 0;
    let mut stacks: BTreeSet<StackId> = BTreeSet::new();
    let mut rows = Vec::new();
    for &(at, rss) in points {
        while let Some(sample) = samples.next_if(|sample| sample.time <= Nanos::from(at)) {
            count += sample.weight.0;
            stacks.insert(sample.stack);
        }
        rows.push(Row { at, rss, samples: count, stacks: stacks.len() });
    }
    rows
}

impl Memory {
    /// All of it, for programs.
    pub(super) fn json(&self) -> Value {
        let row = |row: &Row| {
            json!({
                "at_s": (row.at.as_secs_f64() * 1e3).round() / 1e3,
                "rss_bytes": row.rss.0,
                "samples": row.samples,
                "distinct_stacks": row.stacks,
            })
        };
        let bytes = |bytes: Option<Bytes>| bytes.map(|bytes| bytes.0);
        json!({
            "workload": self.workload,
            "window": self.rows.iter().map(row).collect::<Vec<_>>(),
            "rss_bytes_at_symbolizing": bytes(self.at_symbolizing),
            "rss_bytes_at_recording": bytes(self.at_recording),
            "rss_peak_bytes": self.peak.0,
            "stack_nodes": self.stack_nodes,
            "samples": self.facts.samples,
            "lost": self.facts.lost,
            "throttled": self.facts.throttled,
            "coverage": self.facts.coverage,
            "truncated_ratio": self.facts.truncated_ratio,
            "unknown_ratio": self.facts.unknown_ratio,
        })
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {}\n", self.workload)?;
        let mut table = Table::new(["window", "our memory", "samples", "distinct stacks"]);
        for row in &self.rows {
            table.push([
                format!("{:.1} s", row.at.as_secs_f64()),
                row.rss.to_string(),
                row.samples.to_string(),
                row.stacks.to_string(),
            ]);
        }
        writeln!(f, "{table}")?;
        let bytes = |bytes: Option<Bytes>| bytes.map_or("-".to_owned(), |b| b.to_string());
        let ratio = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |r| Ratio(r).to_string());
        writeln!(
            f,
            "  memory   {} when samples got names, {} when files were written, {} at its peak",
            bytes(self.at_symbolizing),
            bytes(self.at_recording),
            self.peak
        )?;
        let facts = &self.facts;
        writeln!(
            f,
            "  samples  {}, lost {}, throttled {}, truncated {}, unknown {}, coverage {}",
            facts.samples,
            facts.lost,
            facts.throttled,
            ratio(facts.truncated_ratio),
            ratio(facts.unknown_ratio),
            facts.coverage.map_or("-".to_owned(), |coverage| format!("{coverage:.3}"))
        )?;
        writeln!(f, "  stacks   {} frames in their tree", self.stack_nodes)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use flameload::{
        symbolize::{Sample, ThreadId},
        unit::{Hertz, Samples},
    };

    use super::*;

    fn profile(samples: &[(u64, u32, u64)]) -> Profile {
        let sample = |&(ms, stack, weight): &(u64, u32, u64)| Sample {
            time: Nanos(ms * 1_000_000),
            thread: ThreadId(0),
            stack: StackId(stack),
            weight: Samples(weight),
            tag: 0,
        };
        Profile {
            title: String::new(),
            hz: Hertz(997),
            started: Nanos(0),
            duration: Nanos(1),
            frames: Vec::new(),
            stacks: Vec::new(),
            threads: Vec::new(),
            samples: samples.iter().map(sample).collect(),
        }
    }

    #[test]
    fn rows_have_what_was_sampled_until_then() {
        let points = [0, 5, 10].map(|s| (Duration::from_secs(s), Bytes(s << 20)));
        let profile =
            profile(&[(1, 0, 1), (4000, 1, 2), (5000, 0, 1), (9000, 2, 1), (11_000, 3, 1)]);
        let found: Vec<_> =
            rows(&points, &profile).iter().map(|row| (row.samples, row.stacks)).collect();
        assert_eq!(found, [(0, 0), (4, 2), (5, 3)]);
    }

    #[test]
    fn a_look_is_a_point_at_the_start_and_at_the_end() {
        let mut watch = Watch::default();
        watch.look(&Event::Starting);
        for _ in 0..3 {
            watch.look(&Event::Measuring { left: Duration::ZERO, requests_per_second: 0.0 });
        }
        watch.look(&Event::Symbolizing);
        assert_eq!(watch.points.len(), 2);
        assert!(watch.points[0].0 < watch.points[1].0 && watch.points[0].1 > Bytes(0));
        assert!(watch.at_symbolizing.is_some() && watch.at_recording.is_none());
    }

    #[test]
    fn the_table_shows_memory_beside_what_was_sampled() {
        let row = |s, mib: u64, samples, stacks| Row {
            at: Duration::from_secs(s),
            rss: Bytes(mib << 20),
            samples,
            stacks,
        };
        let memory = Memory {
            workload: "hyper · users".to_owned(),
            rows: vec![row(0, 20, 0, 0), row(5, 24, 25_000, 900)],
            at_symbolizing: Some(Bytes(24 << 20)),
            at_recording: None,
            peak: Bytes(60 << 20),
            stack_nodes: 1234,
            facts: ProfileFacts { samples: 25_000, coverage: Some(1.0), ..ProfileFacts::default() },
        };
        expect![[r#"
            output:
              hyper · users

              window  our memory  samples  distinct stacks
               0.0 s    20.0 MiB        0                0
               5.0 s    24.0 MiB    25000              900

              memory   24.0 MiB when samples got names, - when files were written, 60.0 MiB at its peak
              samples  25000, lost 0, throttled 0, truncated -, unknown -, coverage 1.000
              stacks   1234 frames in their tree
        "#]].assert_eq(&format!("output:\n{memory}"));
    }
}
