//! The functions that cost most.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::{
    name,
    scatter::{Parts, Scatter, Sums, Whole},
};
use crate::{
    symbolize::{FrameKind, Profile},
    unit::{Nanos, Ratio, Samples},
};

/// A function and what it costs, over all its callers, lines and threads.
#[derive(Debug, Clone, PartialEq)]
pub struct HotFrame {
    /// The function's name; the same name in the kernel and outside are two.
    pub name: String,
    /// Samples in the function itself, as a share of all.
    pub self_share: Ratio,
    /// Samples in the function or what it calls, as a share of all; a recursion counts once.
    pub total_share: Ratio,
    /// The 95 % interval of `self_share`; none where there is too little to tell.
    pub self_ci95: Option<[Ratio; 2]>,
    /// The same of `total_share`.
    pub total_ci95: Option<[Ratio; 2]>,
    /// What shares are of: the CPU time of a request, in microseconds.
    pub us_per_request: Option<f64>,
}

/// The functions of a profile by what they cost, and how far that can be trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct Hottest {
    /// The functions with the most samples of their own, the most first; then those with the most
    /// together with what they call, as far as they are not among them.
    pub frames: Vec<HotFrame>,
    /// How shares scatter over the parts of the window; none where that cannot be told.
    pub scatter: Option<Scatter>,
}

/// How shares of so many functions scatter is summed up.
const SCATTERED: usize = 20;

impl Hottest {
    /// The first `n` functions of either kind.
    ///
    /// `cpu_per_request` is the exact CPU time of a request: time per function is its share of
    /// that, rather than samples times their period, so that lost samples do not make the server
    /// look cheaper. `counted` is how many samples were taken, whatever they weigh.
    pub fn of(
        profile: &Profile,
        cpu_per_request: Option<Nanos>,
        parts: &Parts,
        counted: u64,
        n: usize,
    ) -> Self {
        let functions = Functions::of(profile);
        let scattered = functions.scatter(profile, parts, counted);
        let mut seen = vec![Samples(0); profile.stacks.len()];
        for sample in &profile.samples {
            seen[sample.stack.0 as usize] += sample.weight;
        }
        let used = (0..seen.len()).filter(|stack| seen[*stack] > Samples(0));
        let (own, total) = functions.count(profile, used.map(|stack| (stack, seen[stack])));
        let all: Samples = own.iter().copied().sum();
        let mut order: Vec<usize> =
            (0..total.len()).filter(|index| total[*index] > Samples(0)).collect();
        order.sort_by(|a, b| {
            let cost = |index: usize| (own[index], total[index]);
            cost(*b).cmp(&cost(*a)).then_with(|| functions.names[*a].cmp(functions.names[*b]))
        });
        let scatter = scattered.of_all(order.iter().take(SCATTERED), counted);
        let us = cpu_per_request.map(Nanos::as_micros_f64);
        let frame = |index: usize| {
            let (own, total) = (own[index].share_of(all), total[index].share_of(all));
            let [own_effect, total_effect] = scattered.design_effects(index);
            let ends = |share: Ratio, effect: f64| {
                scatter.and_then(|scatter| scatter.interval(share, Some(effect)))
            };
            HotFrame {
                name: name::printable(functions.names[index]).into_owned(),
                self_share: own,
                total_share: total,
                self_ci95: ends(own, own_effect),
                total_ci95: ends(total, total_effect),
                us_per_request: us,
            }
        };
        let mut by_total = order.clone();
        by_total.sort_by_key(|index| std::cmp::Reverse(total[*index]));
        by_total.truncate(n);
        let is_hot = |(place, index): &(usize, usize)| *place < n || by_total.contains(index);
        let hot = order.into_iter().enumerate().filter(is_hot).map(|(_, index)| index);
        Self { frames: hot.map(frame).collect(), scatter }
    }

    /// By full name, the design effects of functions with all that they call, at least 1.
    pub fn design_effects(profile: &Profile, parts: &Parts, counted: u64) -> BTreeMap<String, f64> {
        let functions = Functions::of(profile);
        let scattered = functions.scatter(profile, parts, counted);
        let effects = (0..functions.names.len()).map(|index| scattered.design_effects(index)[1]);
        let named = functions.names.iter().map(|name| (*name).to_owned()).zip(effects);
        named.map(|(name, effect)| (name, effect.max(1.0))).collect()
    }
}

/// The distinct functions, whatever their lines.
struct Functions<'a> {
    names: Vec<&'a str>,
    /// The function of each frame.
    of_frame: Vec<usize>,
}

impl<'a> Functions<'a> {
    fn of(profile: &'a Profile) -> Self {
        let mut known = FxHashMap::default();
        let mut names = Vec::new();
        let of_frame = profile
            .frames
            .iter()
            .map(|frame| {
                let kernel = frame.kind == FrameKind::Kernel;
                *known.entry((frame.name.as_str(), kernel)).or_insert_with(|| {
                    names.push(frame.name.as_str());
                    names.len() - 1
                })
            })
            .collect();
        Self { names, of_frame }
    }

    /// Each function's samples of its own, and with what it calls, of stacks that were seen so
    /// often.
    fn count(
        &self,
        profile: &Profile,
        seen: impl Iterator<Item = (usize, Samples)>,
    ) -> (Vec<Samples>, Vec<Samples>) {
        let mut own = vec![Samples(0); self.names.len()];
        let mut total = own.clone();
        // The stack that last counted for the function: a recursion finds its own mark.
        let mut counted_by = vec![None; self.names.len()];
        for (turn, (leaf, samples)) in seen.enumerate() {
            own[self.of_frame[profile.stacks[leaf].frame.0 as usize]] += samples;
            let mut next = Some(leaf);
            while let Some(stack) = next.map(|stack| profile.stacks[stack]) {
                let function = self.of_frame[stack.frame.0 as usize];
                if counted_by[function] != Some(turn) {
                    counted_by[function] = Some(turn);
                    total[function] += samples;
                }
                next = stack.parent.map(|parent| parent.0 as usize);
            }
        }
        (own, total)
    }

    /// How each function's samples scatter over the parts of the window.
    fn scatter(&self, profile: &Profile, parts: &Parts, counted: u64) -> Scattered {
        let mut scattered = Scattered {
            whole: Whole::of(counted),
            own: vec![Sums::default(); self.names.len()],
            total: vec![Sums::default(); self.names.len()],
        };
        for samples in parts.samples(profile) {
            let all: Samples = samples.iter().map(|(_, weight)| *weight).sum();
            let (own, total) = self.count(profile, samples.into_iter());
            scattered.whole.add(all.0 as f64);
            for (sums, counts) in [(&mut scattered.own, own), (&mut scattered.total, total)] {
                for (sums, count) in sums.iter_mut().zip(counts) {
                    sums.add(all.0 as f64, count.0 as f64);
                }
            }
        }
        scattered
    }
}

/// How functions' samples scatter: of their own, and with what they call.
struct Scattered {
    whole: Whole,
    own: Vec<Sums>,
    total: Vec<Sums>,
}

impl Scattered {
    fn design_effects(&self, index: usize) -> [f64; 2] {
        [&self.own, &self.total]
            .map(|sums| sums.get(index).map_or(1.0, |sums| self.whole.design_effect(sums)))
    }

    fn of_all<'a>(
        &self,
        indexes: impl Iterator<Item = &'a usize> + Clone,
        counted: u64,
    ) -> Option<Scatter> {
        let sums = indexes.filter_map(|index| self.own.get(*index));
        let effect = self.whole.design_effect_of_all(sums)?;
        (self.whole.parts >= 2).then(|| Scatter::new(counted, self.whole.parts, effect))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fold::folded::tests::profile;

    fn check(stacks: &str, expected: Expect) {
        let parts = Parts::default();
        let lines: String = Hottest::of(&profile(stacks), Some(Nanos(20_000)), &parts, 4, 10)
            .frames
            .into_iter()
            .map(|frame| {
                let us = frame.self_share.0 * frame.us_per_request.unwrap_or(f64::NAN);
                format!(
                    "{} self {} ({us:.1} us) total {}\n",
                    frame.name, frame.self_share, frame.total_share,
                )
            })
            .collect();
        expected.assert_eq(&lines);
    }

    #[test]
    fn a_recursion_counts_once() {
        check(
            "app/app;main;f;f;f 3\napp/app;main;f;g 1\n",
            expect![[r#"
                f self 75.0 % (15.0 us) total 100.0 %
                g self 25.0 % (5.0 us) total 25.0 %
                main self 0.0 % (0.0 us) total 100.0 %
            "#]],
        );
    }

    #[test]
    fn kernel_and_user_are_two_functions() {
        check(
            "app/app;read;read_[k] 1\napp/w;read 1\n",
            expect![[r#"
                read self 50.0 % (10.0 us) total 100.0 %
                read self 50.0 % (10.0 us) total 50.0 %
            "#]],
        );
    }

    #[test]
    fn no_samples_no_frames() {
        check("", expect![""]);
    }
}
