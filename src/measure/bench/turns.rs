//! The turns of a benchmark while they are taken: what each came to, and how long the rest takes.

use std::time::Duration;

use super::{
    BenchEvent, BenchSink, Contest,
    cell::{Cell, Round},
    compare, level, order,
    order::Turn,
    unlike,
};
use crate::{
    load::Extent,
    measure::{
        error::MeasureError,
        profile::{Finished, Settings},
    },
    record::{Bench, LevelFacts, Run},
    unit::Nanos,
};

/// A target that could not be measured so often at a level is not tried again there.
const MISSES_MAX: usize = 2;

/// What a turn came to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A run that was kept, to its end or not.
    Kept(Box<Run>),
    /// Nothing, and why.
    Missed(String),
    /// Nothing, because its user wanted no more.
    Interrupted,
}

impl Outcome {
    pub(super) fn of(measured: Result<Finished, MeasureError>, events: BenchSink<'_>) -> Self {
        match measured {
            Ok(finished) => Self::Kept(Box::new(finished.run)),
            Err(error) if error.is_interruption() => Self::Interrupted,
            Err(error) => {
                events(BenchEvent::Missed { error: &error });
                Self::Missed(error.to_string())
            }
        }
    }
}

/// A benchmark on its way.
#[derive(Debug)]
pub(super) struct Course<'a> {
    contest: &'a Contest,
    levels: Vec<LevelFacts>,
    /// Level by level, and in each the targets.
    cells: Vec<Cell>,
}

impl<'a> Course<'a> {
    pub(super) fn new(contest: &'a Contest) -> Self {
        let entrants = &contest.entrants;
        // One that has more levels than another is measured at those that all have.
        let count = entrants.iter().map(|entrant| entrant.levels.len()).min().unwrap_or_default();
        let first = entrants.iter().take(1).flat_map(|entrant| &entrant.levels);
        let levels: Vec<_> = first.take(count).map(|it| level::of_script(&it.script)).collect();
        let cells = levels.iter().enumerate().flat_map(|(index, level)| {
            entrants.iter().map(move |entrant| {
                let settings = &entrant.levels[index];
                Cell::begin(&entrant.name, &entrant.what, settings, level.clone())
            })
        });
        let cells = cells.collect();
        Self { contest, levels, cells }
    }

    pub(super) fn order(&self) -> Vec<Turn> {
        order::turns(self.levels.len(), self.contest.rounds, self.contest.entrants.len())
    }

    pub(super) fn settings(&self, turn: Turn) -> &'a Settings {
        &self.contest.entrants[turn.entrant].levels[turn.level]
    }

    fn index(&self, turn: Turn) -> usize {
        turn.level * self.contest.entrants.len() + turn.entrant
    }

    /// Whether a target has failed so often at a level, and never not, that it is not tried again.
    pub(super) fn is_given_up(&self, turn: Turn) -> bool {
        let rounds = &self.cells[self.index(turn)].rounds;
        let missed = rounds.iter().filter(|round| round.run().is_none()).count();
        missed >= MISSES_MAX && missed == rounds.len()
    }

    pub(super) fn announce(&self, turn: Turn, left: Duration, events: BenchSink<'_>) {
        let Contest { entrants, rounds, .. } = self.contest;
        events(BenchEvent::Turn {
            target: &entrants[turn.entrant].name,
            level: &self.levels[turn.level].name,
            round: (turn.round + 1, *rounds),
            place: (turn.place + 1, self.levels.len() * rounds * entrants.len()),
            left,
        });
    }

    pub(super) fn note(&mut self, turn: Turn, outcome: Outcome) {
        let index = self.index(turn);
        if let Some(round) = Round::new(turn.round + 1, turn.place + 1, outcome) {
            self.cells[index].rounds.push(round);
        }
    }

    /// What it came to.
    ///
    /// # Errors
    /// When not a single turn was taken to its end, and its user wanted no more.
    pub(super) fn finish(self, mut bench: Bench) -> Result<Bench, MeasureError> {
        if self.cells.iter().all(|cell| cell.rounds.is_empty()) {
            return Err(MeasureError::Interrupted);
        }
        let contest = self.contest;
        let settings = contest.entrants.iter().flat_map(|entrant| &entrant.levels);
        bench.rounds = u32::try_from(contest.rounds).unwrap_or(u32::MAX);
        bench.profiled = settings.clone().any(|settings| !settings.backends.is_empty());
        bench.paired = true;
        bench.warnings = unlike::warnings(&self.cells);
        bench.cells = self.cells.iter().map(Cell::facts).collect();
        let baseline = contest.entrants.get(contest.baseline);
        if let (Some(baseline), 2..) = (baseline, contest.entrants.len()) {
            bench.baseline = Some(baseline.name.clone());
            compare::to_baseline(&mut bench, &baseline.name);
        }
        Ok(bench)
    }
}

/// How long the turns take: as long as their scripts say, and each as much longer as those that
/// were taken did on average.
#[derive(Debug)]
pub(super) struct Clock {
    started: Nanos,
    /// What each turn is to take.
    planned: Vec<Duration>,
    /// What those that were taken were to take, together.
    meant: Duration,
    taken: u32,
}

impl Clock {
    pub(super) fn start(course: &Course<'_>) -> Self {
        let planned = course.order().into_iter().map(|turn| {
            let script = &course.settings(turn).script;
            let window = match script.extent {
                // Nobody knows; from the second turn on, the first says it.
                Extent::Requests(_) => Duration::ZERO,
                _ => script.duration(),
            };
            script.warmup + window + script.cooldown
        });
        let (planned, meant) = (planned.collect(), Duration::ZERO);
        Self { started: Nanos::now(), planned, meant, taken: 0 }
    }

    /// About how long a turn and all that follow take.
    pub(super) fn left(&self, turn: Turn) -> Duration {
        self.left_after(Duration::from(Nanos::now() - self.started), turn)
    }

    fn left_after(&self, elapsed: Duration, turn: Turn) -> Duration {
        let to_come = self.planned.get(turn.place..).unwrap_or_default();
        let more = elapsed.saturating_sub(self.meant).checked_div(self.taken).unwrap_or_default();
        let count = u32::try_from(to_come.len()).unwrap_or(u32::MAX);
        to_come.iter().sum::<Duration>() + more.saturating_mul(count)
    }

    /// A turn has been taken.
    pub(super) fn tick(&mut self, turn: Turn) {
        self.meant += self.planned.get(turn.place).copied().unwrap_or_default();
        self.taken += 1;
    }

    pub(super) fn is_last(&self, turn: Turn) -> bool {
        turn.place + 1 >= self.planned.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_planned_and_as_much_more_as_before() {
        let seconds = Duration::from_secs;
        let planned = vec![seconds(3); 4];
        let mut clock = Clock { started: Nanos(0), planned, meant: Duration::ZERO, taken: 0 };
        let turn = |place| Turn { level: 0, round: 0, entrant: 0, place };
        assert_eq!(clock.left_after(seconds(9), turn(0)), seconds(12));
        clock.tick(turn(0));
        assert_eq!(clock.left_after(seconds(4), turn(1)), seconds(12));
        assert_eq!(clock.left_after(seconds(1), turn(1)), seconds(9));
        assert!(clock.is_last(turn(3)) && !clock.is_last(turn(2)));
    }
}
