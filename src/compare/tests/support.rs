//! Sides made by hand or by chance.

use crate::{
    compare::{Design, Function, Metric, Pair, Round, Sampled, Side, Slice, Stacks},
    unit::Nanos,
};

/// Numbers that look random and are the same each time (SplitMix64).
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    pub(super) fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Of the standard normal distribution (Box and Muller).
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// How often something happens that happens so often on average.
    pub(super) fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 50.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as u64;
        }
        let (limit, mut product, mut count) = ((-mean).exp(), self.uniform(), 0);
        while product > limit {
            product *= self.uniform();
            count += 1;
        }
        count
    }
}

/// A slice with so much CPU time for each of 10,000 requests, in 200 ms.
pub(super) fn slice(block: u32, cpu_us: f64) -> Slice {
    Slice {
        block,
        requests: 10_000,
        elapsed: Nanos(200_000_000),
        cpu: Nanos((cpu_us * 1e7).round() as u64),
        p50: None,
        p99: None,
    }
}

/// A round of slices, two to a block, with these CPU times.
pub(super) fn round(cpu_us: &[f64]) -> Round {
    let slices = cpu_us.iter().enumerate().map(|(at, us)| slice(at as u32 / 2, *us));
    Round::of(slices.collect())
}

/// A round with nothing but figures.
pub(super) fn figures(figures: &[(Metric, f64)]) -> Round {
    Round { figures: figures.iter().copied().collect(), ..Round::default() }
}

pub(super) fn side(name: &str, rounds: Vec<Round>) -> Side {
    Side { name: name.to_owned(), detail: "made up".to_owned(), rounds, ..Side::default() }
}

pub(super) fn pair(design: Design, a: Vec<Round>, b: Vec<Round>) -> Pair {
    Pair {
        a: side("base", a),
        b: side("change", b),
        design,
        unlike: Vec::new(),
        without_frames: None,
    }
}

/// The other way round.
pub(super) fn swapped(pair: &Pair) -> Pair {
    Pair { a: pair.b.clone(), b: pair.a.clone(), ..pair.clone() }
}

/// Stacks from folded text; `_[k]` marks kernel functions.
pub(super) fn stacks(folded: &str) -> Stacks {
    let mut stacks = Stacks::default();
    for line in folded.lines() {
        let (path, samples) = line.trim().rsplit_once(' ').expect("a stack and a number");
        let function = |name: &str| Function {
            name: name.trim_end_matches("_[k]").to_owned(),
            kernel: name.ends_with("_[k]"),
        };
        stacks.add(path.split(';').map(function), samples.parse().expect("a number"));
    }
    stacks
}

/// A round in which samples stand for so much CPU time, all of it.
pub(super) fn profiled(us_per_request: f64, folded: &str) -> Round {
    let mut round = figures(&[(Metric::Cpu, us_per_request)]);
    round.profile = Some(Sampled { stacks: stacks(folded), us_per_request });
    round
}
