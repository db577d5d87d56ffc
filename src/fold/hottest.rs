//! The functions that cost most.

use rustc_hash::FxHashMap;

use super::name;
use crate::{
    symbolize::{FrameKind, Profile},
    unit::{Nanos, Ratio, Samples},
};

/// A function and what it costs, over all its callers, lines and threads.
#[derive(Debug, Clone, PartialEq)]
pub struct HotFrame {
    /// The function's name; the same name in the kernel and outside are two.
    pub name: String,
    /// Samples in the function itself.
    pub self_samples: Samples,
    /// Samples in the function or what it calls; a recursion counts once.
    pub total_samples: Samples,
    /// `self_samples` as a share of all.
    pub self_share: Ratio,
    /// `total_samples` as a share of all.
    pub total_share: Ratio,
    /// `self_share` of the CPU time of a request, in microseconds.
    pub self_us_per_request: Option<f64>,
    /// `total_share` of the CPU time of a request, in microseconds.
    pub total_us_per_request: Option<f64>,
}

/// The `n` functions with the most samples of their own, the most first.
///
/// `cpu_per_request` is the exact CPU time of a request: time per function is its share of that,
/// rather than samples times their period, so that lost samples do not make the server look
/// cheaper.
pub fn hottest(profile: &Profile, cpu_per_request: Option<Nanos>, n: usize) -> Vec<HotFrame> {
    let functions = Functions::of(profile);
    let (own, total) = functions.count(profile);
    let all: Samples = own.iter().copied().sum();
    let us = cpu_per_request.map(Nanos::as_micros_f64);
    let mut frames: Vec<HotFrame> = functions
        .names
        .iter()
        .zip(own.into_iter().zip(total))
        .filter(|(_, (_, total))| *total > Samples(0))
        .map(|(name, (own, total))| HotFrame {
            name: name::printable(name).into_owned(),
            self_samples: own,
            total_samples: total,
            self_share: own.share_of(all),
            total_share: total.share_of(all),
            self_us_per_request: us.map(|us| us * own.share_of(all).0),
            total_us_per_request: us.map(|us| us * total.share_of(all).0),
        })
        .collect();
    frames.sort_by(|a, b| {
        let cost = |frame: &HotFrame| (frame.self_samples, frame.total_samples);
        cost(b).cmp(&cost(a)).then_with(|| a.name.cmp(&b.name))
    });
    frames.truncate(n);
    frames
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

    /// Each function's samples of its own, and with what it calls.
    fn count(&self, profile: &Profile) -> (Vec<Samples>, Vec<Samples>) {
        let mut seen = vec![Samples(0); profile.stacks.len()];
        for sample in &profile.samples {
            seen[sample.stack.0 as usize] += sample.weight;
        }
        let mut own = vec![Samples(0); self.names.len()];
        let mut total = own.clone();
        // The stack that last counted for the function: a recursion finds its own mark.
        let mut counted_by = vec![None; self.names.len()];
        for (leaf, samples) in seen.into_iter().enumerate().filter(|(_, n)| *n > Samples(0)) {
            own[self.of_frame[profile.stacks[leaf].frame.0 as usize]] += samples;
            let mut next = Some(leaf);
            while let Some(stack) = next.map(|stack| profile.stacks[stack]) {
                let function = self.of_frame[stack.frame.0 as usize];
                if counted_by[function] != Some(leaf) {
                    counted_by[function] = Some(leaf);
                    total[function] += samples;
                }
                next = stack.parent.map(|parent| parent.0 as usize);
            }
        }
        (own, total)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::fold::folded::tests::profile;

    fn check(stacks: &str, expected: Expect) {
        let lines: String = hottest(&profile(stacks), Some(Nanos(20_000)), 10)
            .into_iter()
            .map(|frame| {
                format!(
                    "{} self {} ({:.1} us) total {} ({})\n",
                    frame.name,
                    frame.self_samples.0,
                    frame.self_us_per_request.unwrap_or(f64::NAN),
                    frame.total_samples.0,
                    frame.total_share,
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
                f self 3 (15.0 us) total 4 (100.0 %)
                g self 1 (5.0 us) total 1 (25.0 %)
                main self 0 (0.0 us) total 4 (100.0 %)
            "#]],
        );
    }

    #[test]
    fn kernel_and_user_are_two_functions() {
        check(
            "app/app;read;read_[k] 1\napp/w;read 1\n",
            expect![[r#"
                read self 1 (10.0 us) total 2 (100.0 %)
                read self 1 (10.0 us) total 1 (50.0 %)
            "#]],
        );
    }

    #[test]
    fn no_samples_no_frames() {
        check("", expect![""]);
    }
}
