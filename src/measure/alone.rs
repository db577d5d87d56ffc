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
            strays: valid().map(Slice::strays).sum(),
            cpu: Estimate::ratio(&pairs).filter(|_| is_sound).map(above_zero),
            invalid: Invalid::most_frequent(&own),
        }
    }
}

/// Two slices alone say so little that nothing would be in the interval, and less.
fn above_zero(cost: Estimate) -> Estimate {
    Estimate { ci95: cost.ci95.map(|ends| ends.map(|end| end.max(0.0))), ..cost }
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
    /// From the slices in their order, which come in blocks of this many. None where the mix or a
    /// request of it has no figure.
    ///
    /// A block has slices of each kind around the same instant, so that a steady drift cancels in
    /// the difference of a block, and the scatter of these is that of the whole difference. Each
    /// block is weighted as its own mix is: few requests never come in exactly their proportions.
    pub(super) fn of(slices: &[Slice], block: usize) -> Option<Self> {
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

/// What a request of the mix costs, and the weighted sum of what each costs alone.
fn sides(slices: &[Slice]) -> Option<(f64, f64)> {
    let cost = |request| Alone::of(slices, request).cpu.map(|cpu| cpu.value);
    let shares = shares(slices);
    let asked = shares.iter().enumerate().filter(|(_, share)| **share > 0.0);
    let costs = asked.map(|(request, share)| Some(share * cost(Some(request))?));
    Some((cost(None)?, costs.sum::<Option<f64>>()?))
}

/// The share of each request in the good responses to the mix.
fn shares(slices: &[Slice]) -> Vec<f64> {
    let mix = || slices.iter().filter(|slice| is_of(slice, None) && slice.invalid.is_none());
    let all: u64 = mix().map(|slice| slice.requests).sum();
    let requests = mix().map(|slice| slice.by_request.len()).max().unwrap_or(0);
    let own =
        |request: usize| -> u64 { mix().filter_map(|slice| slice.by_request.get(request)).sum() };
    (0..requests).map(|request| own(request) as f64 / all as f64).collect()
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

    /// Slices of a server that drifts by 1 % a slice; mixing costs `extra` µs a request. The mix of
    /// a block is never in exactly its proportions.
    fn slices(turns: &Turns, count: usize, extra: f64) -> Vec<Slice> {
        let slice = |index: usize| {
            let Kind { request, backend } = turns.at(index);
            let place = Place { request, backend, recorded: true, ..Place::default() };
            let heavy = 100 + 37 * (index / turns.block()) as u64 % 50;
            let by_request = match request {
                None => vec![600, 300, heavy],
                Some(own) => (0..3).map(|request| u64::from(request == own) * 1_000).collect(),
            };
            let drift = 1.0 + 0.01 * index as f64;
            let sampling = if backend.is_some() { 1.5 } else { 1.0 };
            let mut tally = Tally::new(Nanos(0));
            tally.ended = Nanos(125_000_000);
            tally.requests = by_request.iter().sum();
            let cost: f64 = by_request.iter().zip(COSTS).map(|(n, cost)| *n as f64 * cost).sum();
            let more = if request.is_none() { extra * tally.requests as f64 } else { 0.0 };
            let server_cpu = Nanos(((cost + more) * drift * sampling * 1e3) as u64).into();
            let readings = Readings { server_cpu, load_threads: 1, ..Readings::default() };
            Slice { by_request, ..Slice::new(place, &tally, readings) }
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
        assert_eq!(Mixing::of(&slices, turns().block()), None);
        // One that is never asked for is not missed.
        for slice in slices.iter_mut().filter(|slice| slice.place.request.is_none()) {
            slice.requests -= std::mem::take(&mut slice.by_request[1]);
        }
        assert!(Mixing::of(&slices, turns().block()).is_some());
    }

    #[test]
    fn drift_cancels_and_the_cost_of_mixing_remains() {
        for extra in [0.0, 5.0] {
            let slices = slices(&turns(), turns().block() * 4, extra);
            let mixing = Mixing::of(&slices, turns().block()).expect("all count");
            let [low, high] = mixing.difference.ci95.expect("there are four blocks");
            let drift = 1.0 + 0.01 * (slices.len() - 1) as f64 / 2.0;
            // Where proportions and drift go together, some of it remains.
            assert!((mixing.difference.value - extra * drift).abs() < 0.7, "{mixing:?}");
            assert!(high - low < 4.0 && (extra == 0.0 || low > 0.0), "{mixing:?}");
        }
        let one = slices(&turns(), turns().block(), 5.0);
        let mixing = Mixing::of(&one, turns().block()).expect("all count");
        assert_eq!(mixing.difference.ci95, None);
    }
}
