//! Stacks that unwind tables say little of: nothing is made up, and roots are known.

use flameload::{
    sample::{Config, Sampler},
    symbolize::FrameKind,
    unit::Nanos,
};

use super::{
    callers::callers_are_right,
    compiled::{Compiled, Sampled},
    known::HZ,
    view::{Seen, count, seen},
};
use crate::measured::{Measured, repeated};

const CPU: Nanos = Nanos(400_000_000);

/// This part of the samples may be of what goes on beside the work: starts, signals, prologues.
const BESIDE: f64 = 0.03;

fn sample(mode: &str) -> Option<Sampled> {
    if !cfg!(target_arch = "x86_64") {
        return None;
    }
    let program =
        Compiled::new("cc", &["-O2", "-g", "-fomit-frame-pointer", "-pthread"], "stacks.c")?;
    program.sample(&[mode], CPU)
}

/// What part of the samples fits.
fn share(sampled: &Sampled, fits: impl Fn(&Seen<'_>) -> bool) -> f64 {
    count(&sampled.resolved.profile, fits).share_of(sampled.capture.counts.samples).0
}

fn is_cut(seen: &Seen<'_>) -> bool {
    seen.has_kind(FrameKind::Truncated)
}

/// All that is seen, for a test that fails.
fn shown(sampled: &Sampled) -> String {
    let mut lines = std::collections::BTreeMap::new();
    for seen in seen(&sampled.resolved.profile) {
        let names: Vec<&str> = seen.frames.iter().map(|frame| frame.name.as_str()).collect();
        let (first, last) = (names.len().min(8), names.len().saturating_sub(8).max(8));
        let names = [&names[..first], names.get(last..).unwrap_or_default()].concat();
        *lines.entry(names.join(" > ")).or_insert(0) += seen.weight();
    }
    let lines = lines.iter().map(|(line, count)| format!("{count:6} {line}\n"));
    format!("{:?}\n{}", sampled.capture.counts, lines.collect::<String>())
}

#[test]
fn a_leaf_without_rules_keeps_its_caller() {
    repeated(|| whole("leaf", "caller_of_leaf", "caller_of_leaf > spin_leaf"));
}

#[test]
fn a_frame_pointer_leads_on_where_there_are_no_rules() {
    repeated(|| whole("framed", "caller_of_framed", "caller_of_framed > spin_framed"));
}

#[test]
fn callers_behind_a_buffer_that_was_never_touched_are_found() {
    repeated(|| whole("buffer", "in_thread", "in_thread > with_buffer > spin"));
}

/// musl has no rules for its own code, and where it is a library, no names but those it exports.
#[test]
fn programs_that_musl_starts_have_whole_stacks() {
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    for linked in ["-dynamic", "-static"] {
        let flags = ["-O2", "-g", "-fomit-frame-pointer", linked];
        let Some(program) = Compiled::new("musl-gcc", &flags, "musl.c") else { return };
        let Some(sampled) = program.sample(&[], CPU) else { return };
        let cut = share(&sampled, is_cut);
        assert!(cut <= BESIDE, "{linked}: {cut} are cut:\n{}", shown(&sampled));
        for root in ["main", "in_thread"] {
            let whole = share(&sampled, |seen| {
                seen.chain(root).is_some_and(|chain| chain.contains("work > spin"))
            });
            assert!(whole > 0.3, "{linked}, {root}: {whole}:\n{}", shown(&sampled));
        }
        assert_eq!(share(&sampled, |seen| seen.has("[libc.so]")), 0.0, "{}", shown(&sampled));
    }
}

fn whole(mode: &str, root: &str, expected: &str) -> Measured {
    let Some(sampled) = sample(mode) else { return Ok(()) };
    let cut = share(&sampled, is_cut);
    assert!(cut <= BESIDE, "{cut} are cut:\n{}", shown(&sampled));
    callers_are_right(&sampled.resolved.profile, root, &[expected])
}

#[test]
fn no_caller_is_made_up_of_what_lies_on_the_stack() {
    let Some(sampled) = sample("rude") else { return };
    let right = share(&sampled, |seen| {
        let user: Vec<&str> = seen
            .frames
            .iter()
            .filter(|frame| frame.kind != FrameKind::Kernel)
            .map(|frame| frame.name.as_str())
            .collect();
        user == ["[truncated]", "spin_rudely"]
    });
    assert!(right >= 1.0 - BESIDE, "{right}:\n{}", shown(&sampled));
    assert_eq!(share(&sampled, |seen| seen.has("never_called")), 0.0, "{}", shown(&sampled));
    let counts = sampled.capture.counts;
    assert!(counts.without_rules.share_of(counts.samples).0 >= 1.0 - BESIDE, "{counts:?}");
}

#[test]
fn a_signal_handler_is_called_by_what_it_interrupted() {
    let Some(sampled) = sample("signal") else { return };
    let cut = share(&sampled, is_cut);
    assert!(cut <= BESIDE, "{cut} are cut:\n{}", shown(&sampled));
    let handled = share(&sampled, |seen| seen.has("in_handler"));
    assert!(handled >= 0.05, "{handled}:\n{}", shown(&sampled));
    // It may come wherever the program is.
    let from_work = share(&sampled, |seen| {
        let chain = seen.chain("caller_of_interrupted").unwrap_or_default();
        chain.contains("interrupted > spin > on_signal > in_handler > spin")
    });
    assert!(from_work >= handled - BESIDE, "{from_work} of {handled}:\n{}", shown(&sampled));
}

#[test]
fn a_fiber_begins_where_it_was_made_to() {
    let Some(sampled) = sample("fiber") else { return };
    let cut = share(&sampled, is_cut);
    assert!(cut <= BESIDE, "{cut} are cut:\n{}", shown(&sampled));
    let right = share(&sampled, |seen| {
        seen.chain("fiber").is_some_and(|chain| chain.starts_with("fiber > in_fiber > spin"))
    });
    assert!(right >= 1.0 - BESIDE, "{right}:\n{}", shown(&sampled));
}

#[test]
fn what_is_too_deep_is_told_from_what_is_lost() {
    let Some(sampled) = sample("deep") else { return };
    let counts = sampled.capture.counts;
    assert!(counts.too_deep.share_of(counts.samples).0 >= 1.0 - BESIDE, "{}", shown(&sampled));
    let Some(sampled) = sample("wide") else { return };
    let counts = sampled.capture.counts;
    let cut = counts.dump_exhausted.share_of(counts.samples).0;
    assert!(cut >= 1.0 - BESIDE, "{}", shown(&sampled));
}

#[test]
fn a_process_for_each_piece_of_work_is_seen() {
    for on_threads in [false, true] {
        let config = Config { on_threads, ..Config::at(HZ) };
        let Ok(sampler) = Sampler::start(&config) else { return };
        let program = Compiled::new("cc", &["-O2", "-g"], "stacks.c");
        let Some(program) = program.filter(|_| cfg!(target_arch = "x86_64")) else { return };
        let Some(sampled) = program.sample_with(sampler, &["forks"], Nanos(1_000_000_000)) else {
            return;
        };
        // Four parts of the work are a child's, one is its parent's.
        let in_child = share(&sampled, |seen| seen.has("in_child"));
        let in_parent = share(&sampled, |seen| seen.has("in_parent"));
        let all = shown(&sampled);
        assert!(in_child > 2.0 * in_parent && in_parent > 0.05, "{in_child} {in_parent}:\n{all}");
        let counts = sampled.capture.counts;
        assert!(counts.samples.0 > 500, "{on_threads}: {all}");
    }
}
