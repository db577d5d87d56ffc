//! What sampling does to the server: the slices with it against those without.

use super::{backends::Backend, confidence::Estimate, slice::Slice};
use crate::unit::Nanos;

/// What sampling by a backend does to the server, as ratios of the slices that it sampled to those
/// that nothing did, both of the mix of all requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ObserverEffect {
    /// Throughput: below 1 where sampling costs requests.
    pub throughput: Estimate,
    /// CPU time per request: above 1 where sampling costs time.
    pub cpu_per_request: Estimate,
}

impl ObserverEffect {
    /// From the slices in their order, which come in blocks of this many. Each block gives one log
    /// ratio, in which a steady drift cancels; blocks with a slice of either kind that does not
    /// count are left out.
    pub(super) fn of(slices: &[Slice], block: usize, backend: Backend) -> Option<Self> {
        let of_kind = |slices: &[Slice], kind| -> Vec<Slice> {
            let of_mix = slices.iter().filter(|slice| slice.place.request.is_none());
            of_mix.filter(|slice| slice.place.backend == kind).cloned().collect()
        };
        let pairs: Vec<(Vec<Slice>, Vec<Slice>)> = slices
            .chunks_exact(block)
            .map(|block| (of_kind(block, Some(backend)), of_kind(block, None)))
            .filter(|(on, off)| on.iter().chain(off.iter()).all(is_comparable))
            .filter(|(on, off)| !on.is_empty() && !off.is_empty())
            .collect();
        let ratio = |figure: fn(&Slice) -> f64| {
            let logs: Vec<f64> = pairs
                .iter()
                .map(|(on, off)| mean_log(on, figure) - mean_log(off, figure))
                .collect();
            Estimate::mean(&logs).map(Estimate::exp)
        };
        Some(Self {
            throughput: ratio(Slice::requests_per_second)?,
            cpu_per_request: ratio(Slice::server_cpu_us_per_request)?,
        })
    }
}

/// Whether it counts and has a rate and a time that have logarithms.
fn is_comparable(slice: &Slice) -> bool {
    slice.invalid.is_none() && slice.requests > 0 && slice.server_cpu.total() > Nanos(0)
}

fn mean_log(slices: &[Slice], figure: fn(&Slice) -> f64) -> f64 {
    slices.iter().map(|slice| figure(slice).ln()).sum::<f64>() / slices.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        load::Tally,
        measure::{agenda::Place, backends::Backends, slice::Readings, turns::Turns},
    };

    fn turns(backends: &str) -> Turns {
        Turns::of(&backends.parse::<Backends>().expect("they are known"), 0)
    }

    /// Slices of a server whose speed drifts by 1 % a slice, which one backend slows by 3 % and the
    /// other by 8 %.
    fn slices(turns: &Turns, count: usize) -> Vec<Slice> {
        let slice = |index: usize| {
            let backend = turns.at(index).backend;
            let slowdown = match backend {
                None => 1.0,
                Some(Backend::PerfEvent) => 1.03,
                Some(_) => 1.08,
            };
            let mut tally = Tally::new(Nanos(0));
            tally.ended = Nanos(250_000_000);
            tally.requests = (1e9 * 0.99_f64.powi(index as i32) / slowdown) as u64;
            let server_cpu = Nanos((tally.requests as f64 * slowdown) as u64);
            let readings =
                Readings { server_cpu: server_cpu.into(), load_threads: 1, ..Readings::default() };
            Slice::new(Place { backend, ..Place::default() }, &tally, readings)
        };
        (0..count).map(slice).collect()
    }

    #[track_caller]
    fn check(slices: &[Slice], block: usize, backend: Backend, slowdown: f64) {
        let effect = ObserverEffect::of(slices, block, backend).expect("there are whole blocks");
        assert!((effect.throughput.value - 1.0 / slowdown).abs() < 1e-6, "{effect:?}");
        assert!((effect.cpu_per_request.value - slowdown).abs() < 1e-6, "{effect:?}");
    }

    #[test]
    fn drift_cancels_and_the_cost_of_sampling_remains() {
        let turns = turns("perf-event");
        check(&slices(&turns, 40), turns.block(), Backend::PerfEvent, 1.03);
    }

    #[test]
    fn each_backend_has_its_own_cost() {
        let turns = turns("pprof,perf-event");
        let mut slices = slices(&turns, 48);
        // What spoils a slice of one does not spoil the other's figure.
        let spoilt = slices.iter_mut().find(|slice| slice.place.backend == Some(Backend::Pprof));
        spoilt.expect("there are some").invalid = Some(crate::measure::slice::Invalid::Errors);
        check(&slices, turns.block(), Backend::PerfEvent, 1.03);
        check(&slices, turns.block(), Backend::Pprof, 1.08);
    }

    #[test]
    fn nothing_is_said_without_a_whole_valid_block() {
        let turns = turns("perf-event");
        let of = |slices: &[Slice]| ObserverEffect::of(slices, turns.block(), Backend::PerfEvent);
        assert_eq!(of(&slices(&turns, 3)), None);
        let mut broken = slices(&turns, 4);
        broken[2].invalid = Some(crate::measure::slice::Invalid::Errors);
        assert_eq!(of(&broken), None);
        assert_eq!(ObserverEffect::of(&slices(&turns, 8), 4, Backend::Pprof), None);
    }
}
