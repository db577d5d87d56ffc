//! What sampling does to the server: the slices with it against those without.

use super::{agenda::BLOCK, confidence::Estimate, slice::Slice};
use crate::unit::Nanos;

/// What sampling does to the server, as ratios of sampled to unsampled slices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ObserverEffect {
    /// Throughput: below 1 where sampling costs requests.
    pub throughput: Estimate,
    /// CPU time per request: above 1 where sampling costs time.
    pub cpu_per_request: Estimate,
}

impl ObserverEffect {
    /// From the slices in their order. Each block of two and two gives one log ratio, in which a
    /// steady drift cancels; blocks with a slice that does not count are left out.
    pub(super) fn of(slices: &[Slice]) -> Option<Self> {
        let blocks: Vec<&[Slice]> =
            slices.chunks_exact(BLOCK).filter(|block| block.iter().all(is_comparable)).collect();
        let ratio = |figure: fn(&Slice) -> f64| {
            let logs: Vec<f64> = blocks.iter().map(|block| log_ratio(block, figure)).collect();
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

fn log_ratio(block: &[Slice], figure: fn(&Slice) -> f64) -> f64 {
    let mean = |sampled: bool| {
        let of_kind = block.iter().filter(|slice| slice.place.sampled == sampled);
        of_kind.map(|slice| figure(slice).ln()).sum::<f64>() / (BLOCK as f64 / 2.0)
    };
    mean(true) - mean(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        load::Tally,
        measure::{
            agenda::{Place, is_sampled},
            slice::Readings,
        },
    };

    /// Slices of a server whose speed drifts by 1 % a slice, and which sampling slows by 3 %.
    fn slices(count: usize) -> Vec<Slice> {
        let slice = |index: usize| {
            let sampled = is_sampled(index);
            let slowdown = if sampled { 1.03 } else { 1.0 };
            let mut tally = Tally::new(Nanos(0));
            tally.ended = Nanos(250_000_000);
            tally.requests = (1e9 * 0.99_f64.powi(index as i32) / slowdown) as u64;
            let server_cpu = Nanos((tally.requests as f64 * slowdown) as u64);
            let readings =
                Readings { server_cpu: server_cpu.into(), load_threads: 1, ..Readings::default() };
            Slice::new(Place { sampled, ..Place::default() }, &tally, readings)
        };
        (0..count).map(slice).collect()
    }

    #[test]
    fn drift_cancels_and_the_cost_of_sampling_remains() {
        let effect = ObserverEffect::of(&slices(40)).expect("there are whole blocks");
        assert!((effect.throughput.value - 1.0 / 1.03).abs() < 1e-6, "{effect:?}");
        assert!((effect.cpu_per_request.value - 1.03).abs() < 1e-6, "{effect:?}");
    }

    #[test]
    fn nothing_is_said_without_a_whole_valid_block() {
        assert_eq!(ObserverEffect::of(&slices(3)), None);
        let mut broken = slices(4);
        broken[2].invalid = Some(crate::measure::slice::Invalid::Errors);
        assert_eq!(ObserverEffect::of(&broken), None);
    }
}
