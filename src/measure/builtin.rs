//! The load of the built-in engine: warm-up, then slices with and without sampling.

use super::{
    agenda::Agenda,
    error::MeasureError,
    event::Sink,
    observed::{LoadSeen, Sampling, Usages},
    profile::{Conditions, Sides},
    server_watch::ServerWatch,
    slices::Slices,
    window::{Cut, Window},
};
use crate::{
    load::{Generator, Plan, Tally},
    record::Status,
    unit::Nanos,
};

/// A load that was applied, and what was read around it.
#[derive(Debug)]
pub(super) struct Driven {
    pub(super) load: LoadSeen,
    pub(super) sampling: Sampling,
    pub(super) server: ServerWatch,
    pub(super) usage_before: Usages,
    pub(super) usage_after: Usages,
}

/// Applies the load of a plan to a server that is ready.
pub(super) fn drive(
    plan: &Plan,
    sides: Sides<'_>,
    conditions: Conditions<'_>,
    events: Sink<'_>,
) -> Result<Driven, MeasureError> {
    let Conditions { settings, interrupted } = conditions;
    let script = &settings.script;
    let agenda = Agenda::of(script, &settings.backends)?;
    let generator = Generator::start(plan)?;
    let threads = plan.threads();
    let mut window = Window::new(generator, sides, (script, plan), interrupted);
    let mut began = Nanos::now();
    let warmed = window.warm_up(script.warmup, agenda.way, events);
    let usage_before = window.subject.usage();
    let (slices, cut) = match warmed.map_err(|early| *early) {
        Ok(()) => {
            began = Nanos::now();
            window.measure(&agenda, events)
        }
        // What happened then is all there is to say of this server under this load.
        Err((cut @ (Cut::Collapsed(_) | Cut::Silent), tally)) => (of_warm_up(&tally), Some(cut)),
        Err((cut, _)) => return Err(before_window(cut)),
    };
    let ended = Nanos::now();
    let usage_after = window.subject.usage();
    let window_start = window.instruments.window_start();
    let exact_by_clocks = window.instruments.counts_by_clocks();
    let expected_effect = window.instruments.expected_effect();
    let watched = window.instruments.watched().to_vec();
    let owners = window.subject.owners();
    let stood_still = window.stood_still();
    let (taken, server) = window.finish();
    let aborted_by = match &cut {
        Some(Cut::Threshold(broken)) => Some(broken.index),
        _ => None,
    };
    let (status, reason) = ending(cut);
    let live = server.live();
    let threads = Some(threads);
    let (client_open_files, ports, tool) = (None, None, None);
    let load = LoadSeen {
        slices,
        status,
        reason,
        aborted_by,
        began,
        ended,
        stood_still,
        threads,
        live,
        client_open_files,
        ports,
        tool,
    };
    let block = agenda.block();
    let sampling = Sampling {
        taken,
        watched,
        owners,
        block,
        window_start,
        exact_by_clocks,
        expected_effect,
        stretched: agenda.stretched(script),
    };
    Ok(Driven { load, sampling, server, usage_before, usage_after })
}

/// A window that never began.
fn of_warm_up(tally: &Tally) -> Slices {
    let mut slices = Slices::new();
    slices.add_outside(&tally.errors, tally.requests);
    slices
}

/// The error of a measurement that ended before there was anything to keep.
pub(super) fn before_window(cut: Cut) -> MeasureError {
    match cut {
        Cut::Interrupted => MeasureError::Interrupted,
        Cut::Exited(exit) => MeasureError::Exited(exit),
        Cut::Silent => MeasureError::Silent,
        Cut::Collapsed(collapse) => MeasureError::Collapsed(collapse.to_string()),
        Cut::Threshold(broken) => MeasureError::Threshold(broken.why),
    }
}

/// How the record names the end of a window.
pub(super) fn ending(cut: Option<Cut>) -> (Status, Option<String>) {
    match cut {
        None => (Status::Complete, None),
        Some(Cut::Interrupted) => (Status::Interrupted, None),
        Some(Cut::Exited(exit)) => (Status::Failed, Some(exit)),
        Some(cut) => (Status::Failed, Some(before_window(cut).to_string())),
    }
}
