//! The level of a load over time, and when its requests are due.
//!
//! ```text
//!  level            b ____ c        The level goes in straight lines, so its integral, the number
//!        a      ___/      \         of requests due so far, goes in parabolas: the instant of the
//!        ______/           \___     k-th request solves a quadratic equation.
//! ```

use super::script::{Extent, Pace, Stage};
use crate::unit::Nanos;

/// While the level moves, whoever follows it looks again after so long.
const STEP: Nanos = Nanos(5_000_000);

/// A level, of connections or of requests a second, as a function of the time since its start.
#[derive(Debug, Clone)]
pub(super) struct Course {
    /// In their order; the last one never ends.
    segments: Vec<Segment>,
}

/// A time in which the level goes in a straight line.
#[derive(Debug, Clone, Copy)]
struct Segment {
    /// Seconds from the start.
    begin: f64,
    /// Seconds.
    length: f64,
    from: f64,
    to: f64,
    /// The integral of the level before this segment.
    before: f64,
}

impl Course {
    /// The course of a script's load.
    pub(super) fn of(pace: &Pace, extent: &Extent) -> Self {
        match (extent, pace) {
            (Extent::Stages { start, stages }, _) => Self::staged(*start, stages),
            (_, Pace::Closed { connections, .. }) => Self::steady(connections.get().into()),
            (_, Pace::Open { rate, .. }) => Self::steady(*rate),
        }
    }

    /// Always the same level.
    pub(super) fn steady(level: f64) -> Self {
        Self::staged(level, &[])
    }

    fn staged(start: f64, stages: &[Stage]) -> Self {
        let mut segments = Vec::with_capacity(stages.len() + 1);
        let (mut begin, mut level, mut before) = (0.0, start, 0.0);
        for stage in stages {
            let length = stage.duration.as_secs_f64();
            let segment = Segment { begin, length, from: level, to: stage.level, before };
            level = stage.level;
            // A stage that takes no time is a step.
            if length > 0.0 {
                before += segment.integral(length);
                begin += length;
                segments.push(segment);
            }
        }
        segments.push(Segment { begin, length: f64::INFINITY, from: level, to: level, before });
        Self { segments }
    }

    /// The same load before its course begins: the level at its start.
    pub(super) fn warm_up(&self) -> Self {
        Self::steady(self.level(Nanos(0)))
    }

    /// The level at `time`.
    pub(super) fn level(&self, time: Nanos) -> f64 {
        self.segment_at(time).map_or(0.0, |(segment, into)| segment.level(into))
    }

    /// The integral of the level up to `time`: how many requests are due by then.
    pub(super) fn total(&self, time: Nanos) -> f64 {
        self.segment_at(time).map_or(0.0, |(segment, into)| segment.before + segment.integral(into))
    }

    /// The last instant at which the integral is still `total`; none if it always will be, or if
    /// it never gets that far.
    pub(super) fn instant_of(&self, total: f64) -> Option<Nanos> {
        let ended = |segment: &Segment| segment.before + segment.integral(segment.length) <= total;
        let segment = self.segments.get(self.segments.partition_point(ended))?;
        let seconds = segment.begin + segment.time_of(total - segment.before);
        Some(Nanos((seconds * 1e9).round() as u64))
    }

    /// When the level at `time` will have changed, as far as whoever follows it is concerned.
    pub(super) fn next_change(&self, time: Nanos) -> Option<Nanos> {
        let (segment, _) = self.segment_at(time)?;
        if segment.is_flat() {
            let end = (segment.begin + segment.length) * 1e9;
            return end.is_finite().then_some(Nanos(end.ceil() as u64));
        }
        Some(time + STEP)
    }

    /// The segment at `time`, and the seconds since it began.
    fn segment_at(&self, time: Nanos) -> Option<(&Segment, f64)> {
        let seconds = time.as_secs_f64();
        let ended = |segment: &Segment| segment.begin + segment.length <= seconds;
        let segment = self.segments.get(self.segments.partition_point(ended))?;
        Some((segment, seconds - segment.begin))
    }
}

impl Segment {
    fn is_flat(&self) -> bool {
        self.from == self.to
    }

    /// What the level gains each second.
    fn slope(&self) -> f64 {
        if self.is_flat() { 0.0 } else { (self.to - self.from) / self.length }
    }

    fn level(&self, into: f64) -> f64 {
        self.from + self.slope() * into
    }

    /// The integral over its first `into` seconds.
    fn integral(&self, into: f64) -> f64 {
        match self.from == 0.0 && self.is_flat() {
            // Also where it never ends.
            true => 0.0,
            false => (self.from + self.level(into)) / 2.0 * into,
        }
    }

    /// The seconds after which the integral is `part`: the smaller root of
    /// `slope / 2 * t^2 + from * t = part`, in the form that subtracts no equal numbers.
    fn time_of(&self, part: f64) -> f64 {
        let discriminant = self.from * self.from + 2.0 * self.slope() * part;
        let seconds = 2.0 * part / (self.from + discriminant.max(0.0).sqrt());
        // At the start of a ramp from nothing this is 0 / 0.
        if seconds.is_nan() { 0.0 } else { seconds.clamp(0.0, self.length) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn course(start: f64, stages: &[(f64, f64)]) -> Course {
        let stage = |(seconds, level): &(f64, f64)| Stage {
            duration: Duration::from_secs_f64(*seconds),
            level: *level,
            record: true,
        };
        Course::staged(start, &stages.iter().map(stage).collect::<Vec<_>>())
    }

    fn at(seconds: f64) -> Nanos {
        Nanos((seconds * 1e9) as u64)
    }

    #[track_caller]
    fn check(course: &Course, expected: Expect) {
        let mut text = String::new();
        for seconds in [0.0, 0.5, 1.0, 2.5, 4.0, 9.0] {
            let (level, total) = (course.level(at(seconds)), course.total(at(seconds)));
            let next = course.next_change(at(seconds)).map(|next| next.as_secs_f64());
            text += &format!("{seconds} s: level {level}, total {total}, next {next:?}\n");
        }
        for total in [0.0, 1.0, 10.0, 100.0] {
            let instant = course.instant_of(total).map(|instant| instant.as_secs_f64());
            text += &format!("total {total}: {instant:?}\n");
        }
        expected.assert_eq(&text);
    }

    #[test]
    fn a_steady_level() {
        check(
            &Course::steady(4.0),
            expect![[r#"
            0 s: level 4, total 0, next None
            0.5 s: level 4, total 2, next None
            1 s: level 4, total 4, next None
            2.5 s: level 4, total 10, next None
            4 s: level 4, total 16, next None
            9 s: level 4, total 36, next None
            total 0: Some(0.0)
            total 1: Some(0.25)
            total 10: Some(2.5)
            total 100: Some(25.0)
        "#]],
        );
        check(
            &Course::steady(0.0),
            expect![[r#"
            0 s: level 0, total 0, next None
            0.5 s: level 0, total 0, next None
            1 s: level 0, total 0, next None
            2.5 s: level 0, total 0, next None
            4 s: level 0, total 0, next None
            9 s: level 0, total 0, next None
            total 0: None
            total 1: None
            total 10: None
            total 100: None
        "#]],
        );
    }

    #[test]
    fn up_flat_and_down_to_nothing() {
        check(
            &course(0.0, &[(1.0, 10.0), (2.0, 10.0), (1.0, 0.0)]),
            expect![[r#"
            0 s: level 0, total 0, next Some(0.005)
            0.5 s: level 5, total 1.25, next Some(0.505)
            1 s: level 10, total 5, next Some(3.0)
            2.5 s: level 10, total 20, next Some(3.0)
            4 s: level 0, total 30, next None
            9 s: level 0, total 30, next None
            total 0: Some(0.0)
            total 1: Some(0.447213595)
            total 10: Some(1.5)
            total 100: None
        "#]],
        );
    }

    #[test]
    fn a_pause_between_two_loads() {
        check(
            &course(2.0, &[(0.5, 2.0), (0.0, 0.0), (2.0, 0.0), (1.0, 40.0)]),
            expect![[r#"
            0 s: level 2, total 0, next Some(0.5)
            0.5 s: level 0, total 1, next Some(2.5)
            1 s: level 0, total 1, next Some(2.5)
            2.5 s: level 0, total 1, next Some(2.505)
            4 s: level 40, total 41, next None
            9 s: level 40, total 241, next None
            total 0: Some(0.0)
            total 1: Some(2.5)
            total 10: Some(3.170820393)
            total 100: Some(5.475)
        "#]],
        );
    }

    proptest! {
        #[test]
        fn requests_are_as_many_as_the_integral_says(
            start in 0.0..300.0_f64,
            stages in prop::collection::vec(
                (prop_oneof![Just(0.0), 0.0..3.0_f64], prop_oneof![Just(0.0), 0.0..300.0_f64]),
                0..6,
            ),
        ) {
            let course = course(start, &stages);
            let end = at(stages.iter().map(|(seconds, _)| seconds).sum::<f64>());
            let due = course.total(end);
            let mut last = Nanos(0);
            let mut count = 0_u64;
            while let Some(instant) = course.instant_of(count as f64).filter(|at| *at < end) {
                prop_assert!(last <= instant);
                // The integral up to the instant is the number of requests before it.
                prop_assert!((course.total(instant) - count as f64).abs() < 1e-3, "{count}");
                last = instant;
                count += 1;
            }
            prop_assert!((count as f64 - due).abs() <= 1.001, "{count} of {due}");
        }

        #[test]
        fn levels_lie_between_those_of_the_stages(
            start in 0.0..1e6_f64,
            stages in prop::collection::vec((0.0..1e4_f64, 0.0..1e6_f64), 0..6),
            time in 0.0..1e5_f64,
        ) {
            let course = course(start, &stages);
            let levels = || stages.iter().map(|(_, level)| *level).chain([start]);
            let level = course.level(at(time));
            prop_assert!(level >= levels().fold(f64::MAX, f64::min) - 1e-6);
            prop_assert!(level <= levels().fold(0.0, f64::max) + 1e-6);
            prop_assert!(course.next_change(at(time)).is_none_or(|next| next > at(time)));
        }
    }
}
