//! How large a change is and how sure that is, from slices and rounds.
//!
//! ```text
//! interleaved:  blocks of all rounds -Clustered-> estimate; its interval by rounds
//! else:         slices -Location-> one value for each round -mean, Student-> estimate, interval
//! ```

use super::{
    clustered::Clustered,
    floor::{Floor, Options},
    metric::Metric,
    robust::{Location, mean, squares},
    side::{Design, Pair, Round},
    student,
};

/// The logarithm of a ratio of B to A, and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    pub(super) value: f64,
    /// None where nothing is known of how it scatters.
    pub(super) error: Option<Error>,
}

/// How an estimate scatters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Error {
    /// The standard error.
    pub(super) sd: f64,
    /// The degrees of freedom of Student's distribution that it is to be used with.
    pub(super) degrees: f64,
    pub(super) basis: Basis,
}

/// What an interval rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Several fresh processes on a side.
    Rounds,
    /// Slices of one process each, and what two identical servers differ by.
    Slices,
}

impl Error {
    /// How far an interval reaches to each side that leaves out `tail` there.
    pub(super) fn reach(&self, tail: f64) -> f64 {
        student::quantile(1.0 - tail, self.degrees) * self.sd
    }

    /// A change this far beyond a limit has such an interval beyond it in 95 of 100 comparisons.
    pub(super) fn visible(&self, tail: f64) -> f64 {
        self.reach(tail) + student::quantile(0.95, self.degrees) * self.sd
    }
}

/// The change of a metric. None where a side has no figure of it.
pub(super) fn estimate(pair: &Pair, metric: Metric, options: &Options) -> Option<Estimate> {
    let floor = options.floor(metric, pair.design);
    match pair.design {
        Design::Interleaved => {
            let rounds = pair.a.rounds.iter().zip(&pair.b.rounds);
            let ratios: Vec<Vec<f64>> =
                rounds.filter_map(|(a, b)| of_blocks(a, b, metric)).collect();
            paired(&ratios, floor)
        }
        Design::Turns | Design::Separate => {
            let of_side = |rounds: &[Round]| -> Vec<Location> {
                rounds.iter().filter_map(|round| of_slices(round, metric)).collect()
            };
            let (a, b) = (of_side(&pair.a.rounds), of_side(&pair.b.rounds));
            let is_apart = pair.design == Design::Separate;
            separate(&a, &b, floor, if is_apart { floor } else { Some(Floor::NONE) })
        }
    }
}

/// How far the sides of an interleaved measurement are from each other in a round: where they are
/// the same server, this is noise. None with fewer than two rounds.
pub(super) fn spread(pair: &Pair, metric: Metric) -> Option<Floor> {
    let rounds = pair.a.rounds.iter().zip(&pair.b.rounds);
    let ratios: Vec<Vec<f64>> = rounds.filter_map(|(a, b)| of_blocks(a, b, metric)).collect();
    let Clustered { value, variance, groups } = Clustered::of(&ratios)?;
    // About zero, which is known to be the truth, and not about their middle: a bias is in it.
    let sd = (groups as f64 * variance? + value.powi(2)).sqrt();
    Some(Floor { sd, comparisons: Some(u32::try_from(groups).unwrap_or(u32::MAX)) })
}

/// The log ratios of the blocks of two processes that were measured in turns, or else that of
/// their figures.
fn of_blocks(a: &Round, b: &Round, metric: Metric) -> Option<Vec<f64>> {
    let logs = |round: &Round, block: u32| -> Option<Vec<f64>> {
        let slices = round.slices.iter().filter(|slice| slice.block == block);
        slices.map(|slice| slice.figure(metric).map(f64::ln)).collect()
    };
    let mut blocks: Vec<u32> = a.slices.iter().map(|slice| slice.block).collect();
    blocks.sort_unstable();
    blocks.dedup();
    // With a slice missing, the order of the others is balanced no more.
    let ratio = |block: u32| {
        let (a, b) = (logs(a, block)?, logs(b, block)?);
        (a.len() == b.len()).then(|| mean(&b) - mean(&a))
    };
    let ratios: Vec<f64> = blocks.into_iter().filter_map(ratio).collect();
    if !ratios.is_empty() {
        return Some(ratios);
    }
    Some(vec![figure(b, metric)?.ln() - figure(a, metric)?.ln()])
}

/// The logarithm of what a process did by itself: that of its slices, or else of its figure.
fn of_slices(round: &Round, metric: Metric) -> Option<Location> {
    let logs: Vec<f64> =
        round.slices.iter().filter_map(|slice| slice.figure(metric)).map(f64::ln).collect();
    Location::of(&logs).or_else(|| {
        let value = figure(round, metric)?.ln();
        Some(Location { value, variance: None, count: 1 })
    })
}

pub(super) fn figure(round: &Round, metric: Metric) -> Option<f64> {
    round.figures.get(&metric).copied().filter(|figure| figure.is_finite() && *figure > 0.0)
}

/// The blocks of rounds that were made side by side.
fn paired(rounds: &[Vec<f64>], floor: Option<Floor>) -> Option<Estimate> {
    if let [only] = rounds {
        let location = Location::of(only)?;
        return Some(Estimate { value: location.value, error: of_one(&[location], floor) });
    }
    let Clustered { value, variance, groups } = Clustered::of(rounds)?;
    let error = variance.map(|variance| {
        let count = groups as f64;
        let all = Rounds { squares: variance * count * (count - 1.0), degrees: count - 1.0 };
        let within: Vec<Location> = rounds.iter().filter_map(|it| Location::of(it)).collect();
        all.error(floor, 1.0, &within, 1.0 / count)
    });
    Some(Estimate { value, error })
}

/// Rounds that were not made side by side. `between` is what the time between the sides adds.
fn separate(
    a: &[Location],
    b: &[Location],
    floor: Option<Floor>,
    between: Option<Floor>,
) -> Option<Estimate> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let values = |side: &[Location]| side.iter().map(|round| round.value).collect::<Vec<_>>();
    let (of_a, of_b) = (values(a), values(b));
    let value = mean(&of_b) - mean(&of_a);
    let all = [a, b].concat();
    let error = match all.len() {
        2 => of_one(&all, floor),
        count => {
            let squares = squares(&of_a) + squares(&of_b);
            let rounds = Rounds { squares, degrees: count as f64 - 2.0 };
            let share = 1.0 / of_a.len() as f64 + 1.0 / of_b.len() as f64;
            // The floor is of a ratio, so of two rounds.
            between.map(|between| rounds.error(floor, 0.5, &all, share).and(between))
        }
    };
    Some(Estimate { value, error })
}

/// Of one process on each side, slices say how it scattered within, and only the floor what two
/// processes differ by.
fn of_one(rounds: &[Location], floor: Option<Floor>) -> Option<Error> {
    let mut parts = vec![floor?.part()];
    for round in rounds {
        parts.push((round.variance?, round.count as f64 - 1.0));
    }
    Some(Error::of(&parts, Basis::Slices))
}

impl Error {
    /// Of a sum of variances, each with its degrees of freedom (Welch and Satterthwaite).
    fn of(parts: &[(f64, f64)], basis: Basis) -> Self {
        let variance: f64 = parts.iter().map(|(variance, _)| variance).sum();
        let lost: f64 =
            parts.iter().map(|(variance, degrees)| variance.powi(2) / degrees.max(1.0)).sum();
        let degrees = if lost > 0.0 { variance.powi(2) / lost } else { f64::INFINITY };
        Self { sd: variance.sqrt(), degrees, basis }
    }

    /// Together with a floor.
    fn and(self, floor: Floor) -> Self {
        if floor == Floor::NONE {
            return self;
        }
        Self::of(&[(self.sd.powi(2), self.degrees), floor.part()], self.basis)
    }
}

/// How rounds scatter about the mean of their side.
struct Rounds {
    squares: f64,
    degrees: f64,
}

impl Rounds {
    /// The variance of a round is that of the rounds, together with what is known of it from
    /// before, which is so many `parts` of the floor's and never less than what the slices within
    /// explain. `share` of it is left in the estimate.
    fn error(&self, floor: Option<Floor>, parts: f64, within: &[Location], share: f64) -> Error {
        let floor = floor.unwrap_or(Floor::NONE);
        let known = parts * floor.sd.powi(2);
        let within: Vec<f64> = within.iter().filter_map(|round| round.variance).collect();
        let known = if within.is_empty() { known } else { known.max(mean(&within)) };
        let weight = floor.degrees();
        let degrees = weight + self.degrees;
        let variance = (weight * known + self.squares) / degrees;
        Error { sd: (variance * share).sqrt(), degrees, basis: Basis::Rounds }
    }
}
