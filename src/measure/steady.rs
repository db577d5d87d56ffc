//! Whether a window is of one server: one that still warms up has two speeds, and their mean is
//! neither.

use super::slice::Slice;
use crate::unit::Nanos;

/// Fewer slices say nothing: their thirds are single ones.
const SLICES_MIN: usize = 8;
/// Thirds of a window that differ by this factor are told of.
const SUSPECT: f64 = 1.5;
/// By these, they are no one window. What a machine does beside halves the throughput at once, and
/// changes the CPU time of a request by tens of percent.
const BROKEN_CPU: f64 = 2.0;
const BROKEN_THROUGHPUT: f64 = 3.0;

/// What changed from the first third of a window to the last one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unsteady {
    what: &'static str,
    unit: &'static str,
    broken_from: f64,
    early: f64,
    late: f64,
}

/// Slices together.
#[derive(Debug, Default)]
struct Part {
    requests: u64,
    elapsed: Nanos,
    cpu: Nanos,
}

impl Unsteady {
    /// What changed most, if anything did. Slices of one request alone, of stages, and those that
    /// do not count are passed over: their loads are not the same. A schedule has the same
    /// throughput however the server fares.
    pub(super) fn of(slices: &[Slice], is_scheduled: bool) -> Option<Self> {
        let is_like = |slice: &&Slice| {
            let place = slice.place;
            place.request.is_none() && place.stage.is_none() && slice.invalid.is_none()
        };
        let like: Vec<&Slice> = slices.iter().filter(is_like).collect();
        if like.len() < SLICES_MIN {
            return None;
        }
        let third = like.len() / 3;
        let (early, late) = (Part::of(&like[..third]), Part::of(&like[like.len() - third..]));
        let throughput = Self {
            what: "throughput",
            unit: "requests/s",
            broken_from: BROKEN_THROUGHPUT,
            early: early.rate(),
            late: late.rate(),
        };
        let cpu = Self {
            what: "CPU/request",
            unit: "µs",
            broken_from: BROKEN_CPU,
            early: early.cost(),
            late: late.cost(),
        };
        let found = [(!is_scheduled).then_some(throughput), Some(cpu)].into_iter().flatten();
        let suspect = found.filter(|found| found.factor() >= SUSPECT);
        suspect.max_by(|a, b| a.factor().total_cmp(&b.factor()))
    }

    /// How far apart both ends are, 1 for not at all.
    fn factor(&self) -> f64 {
        let ratio = self.early / self.late;
        let factor = ratio.max(ratio.recip());
        // Without requests or time there is nothing to compare.
        if factor.is_finite() { factor } else { 1.0 }
    }

    /// Whether figures of the whole mean nothing.
    pub(super) fn is_broken(&self) -> bool {
        self.factor() >= self.broken_from
    }

    /// What to say of it.
    pub(super) fn text(self) -> String {
        let Self { what, unit, early, late, .. } = self;
        let digits =
            |value: f64| if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") };
        format!(
            "the window was not steady: {what} went from {} {unit} in its first third to {} {unit} \
             in its last one, as where a server still warms up (a JIT, caches), has less and less \
             room, or shares its CPUs with something else for a while: warm it up for longer, with \
             `warmup` in the script or --warmup, or measure it alone",
            digits(early),
            digits(late)
        )
    }
}

impl Part {
    fn of(slices: &[&Slice]) -> Self {
        slices.iter().fold(Self::default(), |mut part, slice| {
            part.requests += slice.requests;
            part.elapsed += slice.elapsed;
            part.cpu += slice.server_cpu.total();
            part
        })
    }

    /// Requests a second.
    fn rate(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// Microseconds of CPU time for a request.
    fn cost(&self) -> f64 {
        self.cpu.as_micros_f64() / self.requests as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        load::Tally,
        measure::{
            agenda::Place,
            slice::{Invalid, Readings},
        },
    };

    /// Slices of 250 ms with so many requests each, whose server works throughout.
    fn slices(requests: &[u64]) -> Vec<Slice> {
        let slice = |count: &u64| {
            let mut tally = Tally::new(Nanos(0));
            (tally.ended, tally.requests) = (Nanos(250_000_000), *count);
            let server_cpu = [Nanos(200_000_000)].into_iter().collect();
            let readings = Readings { server_cpu, load_threads: 1, ..Readings::default() };
            Slice::new(Place::default(), &tally, readings)
        };
        requests.iter().map(slice).collect()
    }

    fn broken(requests: &[u64]) -> Option<bool> {
        Unsteady::of(&slices(requests), false).map(|found| found.is_broken())
    }

    #[test]
    fn a_server_that_warms_up_is_seen_wherever_it_is_done() {
        assert_eq!(broken(&[73, 73, 73, 73, 73, 73, 73, 73, 3_600, 3_600]), Some(true));
        assert_eq!(broken(&[73, 73, 3_600, 3_600, 3_600, 3_600, 3_600, 3_600]), Some(true));
        assert_eq!(broken(&[73, 3_600, 3_600, 3_600, 3_600, 3_600, 3_600, 3_600, 3_600]), None);
        assert_eq!(broken(&[160, 160, 130, 130, 110, 110, 100, 100]), Some(false));
        let found = Unsteady::of(&slices(&[400, 400, 300, 300, 200, 200, 100, 100]), false);
        let text = found.expect("it slows down").text();
        assert!(text.contains("from 500 µs in its first third to 2000 µs"), "{text}");
    }

    #[test]
    fn drift_and_few_slices_are_nothing() {
        assert_eq!(broken(&[100, 120, 90, 110, 80, 130, 85, 95]), None);
        assert_eq!(broken(&[100, 100, 10, 10]), None);
        assert_eq!(broken(&[0; 12]), None);
    }

    #[test]
    fn a_schedule_has_the_throughput_that_it_has() {
        let mut slices = slices(&[100, 100, 100, 100, 400, 400, 400, 400]);
        for slice in &mut slices {
            let us = slice.requests * 1_000_000;
            slice.server_cpu = [Nanos(us)].into_iter().collect();
        }
        assert_eq!(Unsteady::of(&slices, true), None);
        assert!(Unsteady::of(&slices, false).is_some_and(|found| found.is_broken()));
    }

    #[test]
    fn slices_of_other_loads_do_not_count() {
        let mut slices = slices(&[10, 10, 10, 10, 100, 100, 100, 100]);
        slices[0].invalid = Some(Invalid::Errors);
        assert_eq!(Unsteady::of(&slices, false), None);
    }
}
