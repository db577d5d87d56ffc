//! What each request of a script costs alone, beside what they cost together.

use super::{
    confidence::Estimate,
    slice::{Invalid, Slice},
};
use crate::unit::Nanos;

/// The slices of one kind of load without sampling: of one request alone, or of the mix of all.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Alone {
    /// Those there were, and those of them that count.
    pub(super) slices: usize,
    pub(super) valid: usize,
    /// Of those that count: how long they lasted, and their good responses.
    pub(super) elapsed: Nanos,
    pub(super) requests: u64,
    /// Good responses in them to other requests, which were under way when they began.
    pub(super) strays: u64,
    /// CPU time of a request, microseconds; none where fewer than half of the slices count.
    pub(super) cpu: Option<Estimate>,
    /// Why most of the others do not count.
    pub(super) invalid: Option<Invalid>,
}

impl Alone {
    /// Of the script's request of this number; of the mix if none.
    pub(super) fn of(slices: &[Slice], request: Option<usize>) -> Self {
        let own: Vec<Slice> =
            slices.iter().filter(|slice| is_of(slice, request)).cloned().collect();
        let valid = || own.iter().filter(|slice| slice.invalid.is_none());
        let pairs: Vec<(f64, f64)> = valid().map(cpu_and_requests).collect();
        let is_sound = pairs.len() * 2 >= own.len();
        Self {
            slices: own.len(),
            valid: pairs.len(),
            elapsed: valid().map(|slice| slice.elapsed).sum(),
            requests: valid().map(|slice| slice.requests).sum(),
            strays: valid().map(|slice| slice.strays).sum(),
            cpu: if is_sound { Estimate::ratio(&pairs) } else { None },
            invalid: Invalid::most_frequent(&own),
        }
    }
}

/// What the requests cost alone, weighted as they are in the mix, against what the mix costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mixing {
    /// The weighted sum, microseconds.
    pub(super) sum: f64,
    /// What a request costs more in the mix.
    pub(super) difference: Estimate,
}

impl Mixing {
    /// From the slices in their order, which come in blocks of this many, and each request's share
    /// of the mix. None where the mix or a request of it has no figure.
    ///
    /// A block has slices of each kind around the same instant, so that a steady drift cancels in
    /// the difference of a block, and the scatter of these is that of the whole difference.
    pub(super) fn of(slices: &[Slice], block: usize, shares: &[f64]) -> Option<Self> {
        let cost = |slices: &[Slice], request| Alone::of(slices, request).cpu.map(|cpu| cpu.value);
        let sides = |slices: &[Slice]| {
            let asked = shares.iter().enumerate().filter(|(_, share)| **share > 0.0);
            let costs = asked.map(|(request, share)| Some(share * cost(slices, Some(request))?));
            Some((cost(slices, None)?, costs.sum::<Option<f64>>()?))
        };
        let (mix, sum) = sides(slices)?;
        let whole = |block: &&[Slice]| block.iter().all(|slice| slice.invalid.is_none());
        let blocks = slices.chunks_exact(block.max(1)).filter(whole).filter_map(sides);
        let differences: Vec<f64> = blocks.map(|(mix, sum)| mix - sum).collect();
        let scatter = Estimate::mean(&differences);
        let reach = scatter.and_then(|scatter| Some((scatter.ci95?[1] - scatter.value).abs()));
        let value = mix - sum;
        let ci95 = reach.map(|reach| [value - reach, value + reach]);
        Some(Self { sum, difference: Estimate { value, ci95 } })
    }
}

/// Whether a slice is one of those that figures of this kind come from, if it counts.
fn is_of(slice: &Slice, request: Option<usize>) -> bool {
    let place = &slice.place;
    place.request == request && place.recorded && !place.is_sampled()
}

fn cpu_and_requests(slice: &Slice) -> (f64, f64) {
    (slice.server_cpu.total().as_micros_f64(), slice.requests as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        load::Tally,
        measure::{
            agenda::Place,
            backends::Backends,
            slice::Readings,
            turns::{Kind, Turns},
        },
    };

    const COSTS: [f64; 3] = [40.0, 120.0, 400.0];
    const SHARES: [f64; 3] = [0.6, 0.3, 0.1];

    /// Slices of a server that drifts by 1 % a slice; mixing costs `extra` µs a request.
    fn slices(turns: &Turns, count: usize, extra: f64) -> Vec<Slice> {
        let sum: f64 = COSTS.iter().zip(SHARES).map(|(cost, share)| cost * share).sum();
        let slice = |index: usize| {
            let Kind { request, backend } = turns.at(index);
            let cost = request.map_or(sum + extra, |request| COSTS[request]);
            let drift = 1.0 + 0.01 * index as f64;
            let sampling = if backend.is_some() { 1.5 } else { 1.0 };
            let mut tally = Tally::new(Nanos(0));
            tally.ended = Nanos(125_000_000);
            tally.requests = (100_000.0 / cost) as u64;
            let cpu = tally.requests as f64 * cost * drift * sampling * 1e3;
            let server_cpu = Nanos(cpu as u64).into();
            let readings = Readings { server_cpu, load_threads: 1, ..Readings::default() };
            Slice::new(
                Place { request, backend, recorded: true, ..Place::default() },
                &tally,
                readings,
            )
        };
        (0..count).map(slice).collect()
    }

    fn turns() -> Turns {
        Turns::of(&Backends::default(), 3)
    }

    #[test]
    fn each_request_has_its_own_cost() {
        let slices = slices(&turns(), turns().block() * 5, 0.0);
        let drift = 1.0 + 0.01 * (slices.len() - 1) as f64 / 2.0;
        for (request, cost) in COSTS.iter().enumerate() {
            let alone = Alone::of(&slices, Some(request));
            assert_eq!((alone.slices, alone.valid, alone.strays), (10, 10, 0));
            let cpu = alone.cpu.expect("all of them count");
            assert!((cpu.value / cost / drift - 1.0).abs() < 1e-6, "{cpu:?}");
            let [low, high] = cpu.ci95.expect("there are ten");
            assert!(low < cpu.value && cpu.value < high);
        }
    }

    #[test]
    fn too_few_slices_that_count_give_no_figure() {
        let mut slices = slices(&turns(), turns().block() * 2, 0.0);
        let own = |slice: &&mut Slice| is_of(slice, Some(1));
        for slice in slices.iter_mut().filter(own).take(3) {
            slice.invalid = Some(Invalid::Errors);
        }
        let alone = Alone::of(&slices, Some(1));
        assert_eq!((alone.slices, alone.valid, alone.cpu), (4, 1, None));
        assert_eq!(alone.invalid, Some(Invalid::Errors));
        assert_eq!(Mixing::of(&slices, turns().block(), &SHARES), None);
        // One that is never asked for is not missed.
        assert!(Mixing::of(&slices, turns().block(), &[0.5, 0.0, 0.5]).is_some());
    }

    #[test]
    fn drift_cancels_and_the_cost_of_mixing_remains() {
        for extra in [0.0, 5.0] {
            let slices = slices(&turns(), turns().block() * 4, extra);
            let mixing = Mixing::of(&slices, turns().block(), &SHARES).expect("all count");
            let [low, high] = mixing.difference.ci95.expect("there are four blocks");
            let drift = 1.0 + 0.01 * (slices.len() - 1) as f64 / 2.0;
            assert!((mixing.difference.value - extra * drift).abs() < 0.01, "{mixing:?}");
            assert!((mixing.sum - 100.0 * drift).abs() < 0.01, "{mixing:?}");
            assert!(high - low < 5.0 && (low > 0.0) == (extra > 0.0), "{mixing:?}");
        }
        let one = slices(&turns(), turns().block(), 5.0);
        let mixing = Mixing::of(&one, turns().block(), &SHARES).expect("all count");
        assert_eq!(mixing.difference.ci95, None);
    }
}
