//! What one side did in one round.

use std::{collections::BTreeMap, sync::atomic::AtomicBool};

use crate::{
    compare::{Metric, Round, Sampled, Slice as Compared, Stacks},
    measure::{
        facts::sampling,
        instruments::Taken,
        latency::latency,
        slice::{Invalid, Slice, headline_latency},
        slices::Slices,
        steady::Unsteady,
    },
    symbolize::Detail,
    target::{Guard, PerfMaps, name_java_code, usage::Usage},
};

/// What one side did in one round.
#[derive(Debug)]
pub(super) struct Bout {
    /// Its figures; its profile once that is resolved.
    pub(super) round: Round,
    /// What makes its profile doubtful.
    pub(super) warnings: Vec<String>,
    /// Why its figures must not be quoted; none where they may.
    pub(super) invalid: Option<String>,
    /// Slices that do not count, and all.
    pub(super) slices: (usize, usize),
    /// The error that came first.
    pub(super) first_error: Option<String>,
    /// What was sampled, until its addresses have got names.
    taken: Option<Taken>,
    rows: Vec<Slice>,
    owners: Vec<(u32, String)>,
    /// Gone once names are looked up, or never will be.
    maps: PerfMaps,
}

impl Bout {
    /// Of slices that belong to `blocks`, with what the processes used at the beginning and at
    /// the end.
    pub(super) fn new(
        slices: &Slices,
        blocks: &[u32],
        usage: [Usage; 2],
        taken: Option<Taken>,
        (owners, maps): (Vec<(u32, String)>, PerfMaps),
    ) -> Self {
        let rows = slices.rows();
        // What is sampled is slower, and scatters more: it is for the functions alone.
        let counted = || {
            let all = rows.iter().zip(blocks);
            all.filter(|(slice, _)| slice.invalid.is_none() && !slice.place.is_sampled())
        };
        let bad = rows.iter().filter(|slice| slice.invalid.is_some()).count();
        let first_error = slices.all().tally.errors.first().map(|(error, _)| error.to_string());
        Self {
            round: Round {
                figures: figures(slices, usage),
                slices: counted().map(|(slice, block)| compared(slice, *block)).collect(),
                profile: None,
            },
            // A round is short: less than that is what the machine does beside.
            warnings: slices
                .unsteady()
                .filter(|found| found.is_broken())
                .map(Unsteady::text)
                .into_iter()
                .collect(),
            invalid: slices.headline().invalid.map(|why| match Invalid::most_frequent(rows) {
                Some(most) => format!("{why} (most often, {most})"),
                None => why.to_owned(),
            }),
            slices: (bad, rows.len()),
            first_error,
            taken,
            rows: rows.to_vec(),
            owners,
            maps,
        }
    }

    /// Has what the server generated named, while it is there to be asked.
    pub(super) fn name_code(&mut self, pids: &[u32], guard: &Guard, interrupted: &AtomicBool) {
        if self.taken.is_some() {
            self.warnings.extend(name_java_code(pids, guard, interrupted, &mut self.maps));
        }
    }

    /// Names the functions that were sampled, once.
    pub(super) fn resolve(&mut self, detail: Detail) {
        let Some(taken) = self.taken.take() else { return };
        let resolved = taken.resolve("", detail, &self.owners);
        self.maps = PerfMaps::default();
        let cpu = self.round.figures.get(&Metric::Cpu).copied();
        let facts = sampling::of_taken(&taken, &resolved, &self.rows, cpu);
        self.warnings.extend(facts.warnings());
        self.round.profile = facts.sampled_us_per_request.map(|us_per_request| Sampled {
            stacks: Stacks::of(&resolved.profile),
            us_per_request,
        });
    }
}

/// The figures of a round as a whole: those of the slices that nothing samples.
fn figures(slices: &Slices, [before, after]: [Usage; 2]) -> BTreeMap<Metric, f64> {
    let total = slices.headline().total;
    let latency = latency(headline_latency(&total.tally));
    let all = slices.all().tally.requests as f64;
    let switches = |usage: &Usage| usage.switches_voluntary + usage.switches_involuntary;
    let switched = switches(&after).saturating_sub(switches(&before)) as f64;
    let figures = [
        (Metric::Cpu, Some(total.us_per_request(total.server_cpu.total()))),
        (Metric::Throughput, Some(total.per_second(total.tally.requests as f64))),
        (Metric::P50, latency.p50),
        (Metric::P99, latency.p99),
        (Metric::Memory, Some(after.rss_peak.max(before.rss_peak).0 as f64)),
        (Metric::Switches, Some(switched / all)),
    ];
    let known = figures.into_iter().filter_map(|(metric, figure)| Some((metric, figure?)));
    known.filter(|(_, figure)| figure.is_finite() && *figure > 0.0).collect()
}

fn compared(slice: &Slice, block: u32) -> Compared {
    Compared {
        block,
        requests: slice.requests,
        elapsed: slice.elapsed,
        cpu: slice.server_cpu.total(),
        p50: slice.p50,
        p99: slice.p99,
    }
}
