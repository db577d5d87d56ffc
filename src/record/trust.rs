//! How far a profile is to be trusted, in words.

use super::{
    run::{ObserverEffect, ProfileFacts, TruncatedFacts},
    runtime,
};
use crate::{
    render::grouped,
    unit::{Bytes, Ratio},
};

/// More than this share of samples without callers or names is warned of.
const BROKEN_RATIO_MAX: f64 = 0.05;
/// More than this share of lost samples is warned of.
const LOST_RATIO_MAX: f64 = 0.01;
/// The same of stacks that are read while they change.
const MISSED_RATIO_MAX: f64 = 0.1;
/// The backend that does so.
const PY_SPY: &str = "py-spy";
/// Sampled time outside these multiples of the exact CPU time is warned of.
const COVERAGE: std::ops::RangeInclusive<f64> = 0.9..=1.1;
/// Where sampling leaves less than this of the throughput, it is warned of.
const UNDISTURBED_RATIO_MIN: f64 = 0.9;
/// Shares whose variance is less than so many times that of chance are as good as independent.
const DESIGN_EFFECT_MIN: f64 = 1.5;
/// From here on it is warned of.
const DESIGN_EFFECT_WARNED: f64 = 4.0;
/// What is too small to be worth mentioning.
const CLEAN_RATIO: f64 = 0.0005;
/// The privileges with which time in the kernel is not sampled.
const USER_ONLY: &str = "user only";
/// What code is called that is in no file, and places that are in nothing that is known.
const GENERATED: &str = "generated code";
const UNKNOWN: &str = "unknown places";
/// Copies of less than this can be made larger by the user.
const COPY_MAX: Bytes = Bytes(63 << 10);
/// Coverage within these is clean.
const COVERAGE_CLEAN: std::ops::RangeInclusive<f64> = 0.98..=1.02;

impl ProfileFacts {
    /// What makes the picture doubtful, as sentences that say what to do.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let broken = self.broken_ratio();
        if broken > BROKEN_RATIO_MAX {
            warnings.push(format!(
                "{} of the samples have callers or names missing{}",
                Ratio(broken),
                self.remedy()
            ));
        }
        if let [first, others @ ..] = self.unread.as_slice() {
            let more = if others.is_empty() { "" } else { " and others" };
            warnings.push(format!(
                "the debug information of {first}{more} could not be read: inlined functions and \
                 lines are missing there"
            ));
        }
        if self.samples == 0 {
            warnings.push(
                "no samples were taken: is it this process that answers the load?".to_owned(),
            );
        }
        let effect = self.observer_effect.as_ref();
        if let Some(ratio) = effect.and_then(ObserverEffect::surely_at_most)
            && ratio < UNDISTURBED_RATIO_MIN
        {
            warnings.push(format!(
                "sampling itself took at least {} of the throughput, so that shares may be wrong: \
                 lower --hz",
                Ratio(1.0 - ratio)
            ));
        }
        let lost = self.lost_ratio();
        if self.backend == PY_SPY && lost.0 > MISSED_RATIO_MAX {
            warnings.push(format!(
                "{lost} of the stacks changed while they were read: short functions may be seen \
                 too seldom"
            ));
        } else if self.backend != PY_SPY && lost.0 > LOST_RATIO_MAX {
            warnings.push(format!("{lost} of the samples were lost: lower the frequency"));
        }
        // Where a part of the time is known to be missing, samples cannot stand for the whole.
        let whole = self.coverage.filter(|_| self.privileges.as_deref() != Some(USER_ONLY));
        if let Some(coverage) = whole.filter(|coverage| !COVERAGE.contains(coverage)) {
            warnings.push(format!(
                "the samples stand for {} of the CPU time that was used: shares may be wrong",
                Ratio(coverage)
            ));
        }
        if let Some(effect) = self.in_step().filter(|effect| *effect >= DESIGN_EFFECT_WARNED) {
            let why = match self.backend.as_str() {
                "pprof" => {
                    "the server samples itself at a fixed period, which requests that are all \
                     alike fall into step with: compare with --backend perf-event"
                }
                _ => "the server does one thing now and another then, or samples follow it",
            };
            warnings.push(format!(
                "the shares of functions scatter {effect:.1} times as much as by chance: {why}; \
                 intervals are wider by that"
            ));
        }
        warnings
    }

    /// Samples without all callers and names. Records of before do not say how many had neither.
    fn broken_ratio(&self) -> f64 {
        let sum = self.truncated_ratio.unwrap_or(0.0) + self.unknown_ratio.unwrap_or(0.0);
        self.broken_ratio.unwrap_or(sum.min(1.0))
    }

    /// The design effect of shares, where they scatter by more than chance and so much that it has
    /// to be told of.
    fn in_step(&self) -> Option<f64> {
        let scatter = self.scatter()?;
        let told = scatter.design_effect >= DESIGN_EFFECT_MIN && scatter.is_more_than_chance();
        told.then_some(scatter.design_effect)
    }

    /// What to do about callers and names that are missing: what helps against what most of them
    /// have.
    fn remedy(&self) -> String {
        let unknown = self.unknown_ratio.unwrap_or(0.0);
        match self.unnamed.first() {
            Some(file) if unknown > self.truncated_ratio.unwrap_or(0.0) => {
                let mended = match file.module.as_str() {
                    "kernel" => "`sudo sysctl kernel.kptr_restrict=0` shows them",
                    GENERATED => runtime::names(self.runtime.as_deref()),
                    UNKNOWN => "they lie in nothing that is known to be mapped",
                    _ => "install its debug symbols, or build it without stripping them",
                };
                let (module, ratio) = (&file.module, Ratio(file.ratio));
                format!(", most of them names of {module} ({ratio}): {mended}{}", self.also())
            }
            _ => self.remedy_of_callers(),
        }
    }

    /// What a runtime says of its own code, where a file without names is in more of the stacks:
    /// below all that a stripped runtime runs is a function of its own.
    fn also(&self) -> String {
        let mut others = self.unnamed.iter().skip(1);
        match others.find(|it| it.module == GENERATED && it.ratio > BROKEN_RATIO_MAX) {
            Some(it) => {
                let mended = runtime::names(self.runtime.as_deref());
                format!("; of {GENERATED} in {}: {mended}", Ratio(it.ratio))
            }
            None => String::new(),
        }
    }

    fn remedy_of_callers(&self) -> String {
        match self.backend.as_str() {
            PY_SPY => return ": stacks changed while they were read".to_owned(),
            "pprof" => return ": the server's own profiler keeps the innermost of each".to_owned(),
            _ => {}
        }
        let TruncatedFacts { copy, depth, no_rules, lost } = self.truncated.unwrap_or_default();
        let most = copy.max(depth).max(no_rules).max(lost);
        let copied = Bytes(self.dump_bytes.unwrap_or_default().into());
        if most == 0.0 {
            ": build the target with frame pointers and line tables".to_owned()
        } else if most == copy && copied < COPY_MAX {
            format!(": stacks go on beyond the {copied} that are copied of each: --stack 63")
        } else if most == copy {
            format!(
                ": stacks go on beyond the {copied} that can be copied of each, so that their \
                 outermost callers are missing; the innermost are right"
            )
        } else if most == depth {
            ": stacks have more frames than are followed, so that their outermost callers are \
             missing; the innermost are right"
                .to_owned()
        } else if most == no_rules {
            let mended = runtime::callers(self.runtime.as_deref());
            let mended = mended.unwrap_or("build it with frame pointers");
            format!(": stacks lead through code that does not say who has called it: {mended}")
        } else {
            ": what was found on their stacks makes no sense; code that changes stacks by itself \
             may do so"
                .to_owned()
        }
    }

    /// Every figure of trust that is not clean, as short phrases.
    pub(super) fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        if self.lost > 0 {
            doubts.push(format!("lost {} ({})", grouped(self.lost), self.lost_ratio()));
        }
        if self.throttled > 0 {
            doubts.push(format!("throttled {} times", grouped(self.throttled)));
        }
        if self.bad_records > 0 {
            doubts.push(format!("{} records not understood", grouped(self.bad_records)));
        }
        for (name, ratio) in [("truncated", self.truncated_ratio), ("unknown", self.unknown_ratio)]
        {
            if let Some(ratio) = ratio.filter(|ratio| *ratio >= CLEAN_RATIO) {
                doubts.push(format!("{name} {}", Ratio(ratio)));
            }
        }
        if let Some(coverage) = self.coverage.filter(|c| !COVERAGE_CLEAN.contains(c)) {
            doubts.push(format!("coverage {coverage:.2}"));
        }
        doubts.extend(self.in_step().map(|effect| format!("scatter {effect:.1} times chance")));
        doubts.extend(self.observer_effect.as_ref().and_then(ObserverEffect::doubt));
        doubts.extend(self.missing.iter().map(|missing| format!("without {missing}")));
        doubts
    }

    fn lost_ratio(&self) -> Ratio {
        let all = self.lost.saturating_add(self.samples);
        Ratio(if all == 0 { 0.0 } else { self.lost as f64 / all as f64 })
    }
}

impl ObserverEffect {
    /// The upper end of the interval of the throughput's ratio.
    fn surely_at_most(&self) -> Option<f64> {
        self.ci95.map(|[_, high]| high)
    }

    /// Sampling's effect on throughput, where its interval says that there is one.
    fn doubt(&self) -> Option<String> {
        let ratio = self.throughput_ratio?;
        let [low, high] = self.ci95?;
        let percent = |ratio: f64| format!("{:+.1}", (ratio - 1.0) * 100.0);
        (high < 1.0 || low > 1.0).then(|| {
            format!(
                "sampling changed throughput by {} % ({} to {})",
                percent(ratio),
                percent(low),
                percent(high)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::record::UnnamedFacts;

    fn check(facts: ProfileFacts, expected: Expect) {
        let lines = |title: &str, lines: Vec<String>| {
            lines.iter().map(|line| format!("{title}: {line}\n")).collect::<String>()
        };
        expected.assert_eq(&(lines("doubt", facts.doubts()) + &lines("warning", facts.warnings())));
    }

    #[test]
    fn coverage_is_no_warning_where_a_part_is_known_to_be_missing() {
        check(
            ProfileFacts {
                samples: 100,
                coverage: Some(0.3),
                privileges: Some("user only".into()),
                missing: vec!["kernel frames".into()],
                observer_effect: Some(ObserverEffect {
                    throughput_ratio: Some(0.5),
                    ci95: Some([0.4, 0.6]),
                    ..ObserverEffect::default()
                }),
                ..ProfileFacts::default()
            },
            expect![[r#"
                doubt: coverage 0.30
                doubt: sampling changed throughput by -50.0 % (-60.0 to -40.0)
                doubt: without kernel frames
                warning: sampling itself took at least 40.0 % of the throughput, so that shares may be wrong: lower --hz
            "#]],
        );
    }

    #[test]
    fn frames_that_are_missing_do_not_excuse_time_that_is() {
        check(
            ProfileFacts {
                samples: 100,
                coverage: Some(0.5),
                missing: vec!["kernel frames".into()],
                ..ProfileFacts::default()
            },
            expect![[r#"
                doubt: coverage 0.50
                doubt: without kernel frames
                warning: the samples stand for 50.0 % of the CPU time that was used: shares may be wrong
            "#]],
        );
    }

    #[test]
    fn a_clean_profile_has_nothing_to_say() {
        check(
            ProfileFacts {
                samples: 10_000,
                truncated_ratio: Some(0.0004),
                unknown_ratio: Some(0.0),
                coverage: Some(1.01),
                observer_effect: Some(ObserverEffect {
                    throughput_ratio: Some(0.99),
                    ci95: Some([0.97, 1.01]),
                    ..ObserverEffect::default()
                }),
                ..ProfileFacts::default()
            },
            expect![""],
        );
    }

    #[test]
    fn files_without_names_are_said() {
        let file = |module: &str, ratio| UnnamedFacts { module: module.to_owned(), ratio };
        check(
            ProfileFacts {
                samples: 9_000,
                truncated_ratio: Some(0.0),
                unknown_ratio: Some(0.075),
                unnamed: vec![file("_core.so", 0.07), file("libc.so.6", 0.005)],
                ..ProfileFacts::default()
            },
            expect![[r#"
                doubt: unknown 7.5 %
                warning: 7.5 % of the samples have callers or names missing, most of them names of _core.so (7.0 %): install its debug symbols, or build it without stripping them
            "#]],
        );
    }

    /// The remedy for callers that are missing because of this.
    fn remedy(truncated: TruncatedFacts, runtime: Option<&str>, copied: u32) -> String {
        let facts = ProfileFacts {
            backend: "perf_event".to_owned(),
            truncated_ratio: Some(0.5),
            truncated: Some(truncated),
            runtime: runtime.map(str::to_owned),
            dump_bytes: Some(copied),
            ..ProfileFacts::default()
        };
        facts.remedy()
    }

    #[test]
    fn callers_are_mended_by_what_was_in_the_way() {
        let none = TruncatedFacts::default();
        let copy = TruncatedFacts { copy: 0.4, no_rules: 0.1, ..none };
        assert!(remedy(copy, None, 8_192).ends_with(": --stack 63"));
        assert!(remedy(copy, None, 65_528).ends_with("the innermost are right"));
        let depth = TruncatedFacts { depth: 0.5, ..none };
        assert!(remedy(depth, None, 65_528).contains("more frames than are followed"));
        for cut in [copy, depth] {
            assert!(!remedy(cut, Some("java"), 65_528).contains("frame pointers"));
        }
        let no_rules = TruncatedFacts { no_rules: 0.5, ..none };
        assert!(remedy(no_rules, None, 8_192).ends_with("build it with frame pointers"));
        assert!(remedy(no_rules, Some("java"), 8_192).ends_with("-XX:+PreserveFramePointer"));
        let lost = TruncatedFacts { lost: 0.5, ..none };
        assert!(!remedy(lost, None, 8_192).contains("frame pointers"));
    }

    #[test]
    fn debug_information_that_cannot_be_read_is_told_of() {
        check(
            ProfileFacts {
                samples: 100,
                unread: vec!["app".to_owned(), "libz.so".to_owned()],
                ..ProfileFacts::default()
            },
            expect![[r#"
                warning: the debug information of app and others could not be read: inlined functions and lines are missing there
            "#]],
        );
    }

    #[test]
    fn generated_code_has_no_debug_symbols_to_install() {
        let names = |runtime: Option<&str>| {
            let facts = ProfileFacts {
                unknown_ratio: Some(0.5),
                unnamed: vec![UnnamedFacts { module: GENERATED.to_owned(), ratio: 0.5 }],
                runtime: runtime.map(str::to_owned),
                ..ProfileFacts::default()
            };
            facts.remedy()
        };
        assert!(names(Some("node")).ends_with("--perf-basic-prof"));
        assert!(names(Some("java")).contains("jcmd PID Compiler.perfmap"));
        assert!(names(Some("python")).ends_with("-X perf"));
        assert!(names(None).ends_with("have its runtime write a perf map"));
        // Below all that a stripped runtime runs is a function of its own.
        let file = |module: &str, ratio| UnnamedFacts { module: module.to_owned(), ratio };
        let both = |generated| {
            let facts = ProfileFacts {
                unknown_ratio: Some(0.998),
                unnamed: vec![file("node", 0.997), file(GENERATED, generated)],
                runtime: Some("node".to_owned()),
                ..ProfileFacts::default()
            };
            facts.remedy()
        };
        assert!(both(0.7).contains("symbols") && both(0.7).ends_with("--perf-basic-prof"));
        assert!(both(0.01).ends_with("without stripping them"));
    }

    #[test]
    fn defects_are_said() {
        check(
            ProfileFacts {
                samples: 9_000,
                lost: 1_000,
                throttled: 3,
                truncated_ratio: Some(0.04),
                unknown_ratio: Some(0.02),
                coverage: Some(0.8),
                bad_records: 2,
                observer_effect: Some(ObserverEffect {
                    throughput_ratio: Some(0.97),
                    ci95: Some([0.96, 0.98]),
                    ..ObserverEffect::default()
                }),
                ..ProfileFacts::default()
            },
            expect![[r#"
                doubt: lost 1,000 (10.0 %)
                doubt: throttled 3 times
                doubt: 2 records not understood
                doubt: truncated 4.0 %
                doubt: unknown 2.0 %
                doubt: coverage 0.80
                doubt: sampling changed throughput by -3.0 % (-4.0 to -2.0)
                warning: 6.0 % of the samples have callers or names missing: build the target with frame pointers and line tables
                warning: 10.0 % of the samples were lost: lower the frequency
                warning: the samples stand for 80.0 % of the CPU time that was used: shares may be wrong
            "#]],
        );
    }
}
