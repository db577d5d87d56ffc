//! The events that take samples, whatever they are opened on.

use super::{cpu_timers::CpuTimers, few_threads::FewThreads, turns::Turns};
use crate::{
    sample::{periods::Periods, rhythm::Rhythm, scope::Scope},
    unit::Bytes,
};

/// The events that take samples.
pub(super) enum Timers {
    /// None: exact times alone are asked for.
    Off,
    Cpus(CpuTimers),
    Turns(Turns),
    Few(FewThreads),
}

/// What timers draw from, and tell of.
pub(super) struct Drawing<'a> {
    pub(super) rhythm: &'a mut Rhythm,
    pub(super) periods: &'a mut Periods,
}

impl Timers {
    /// Starts to take samples that copy so much of the stack. `cpus` are those that what is watched
    /// may use.
    pub(super) fn enable(&mut self, dump: Bytes, cpus: &[usize], drawing: Drawing<'_>) {
        match self {
            Self::Off => {}
            Self::Cpus(timers) => timers.enable(dump, cpus, drawing),
            Self::Turns(turns) => turns.enable(dump, drawing),
            Self::Few(threads) => threads.enable(dump, drawing),
        }
    }

    /// Stops.
    pub(super) fn disable(&mut self, drawing: Drawing<'_>) {
        match self {
            Self::Off => {}
            Self::Cpus(timers) => timers.disable(drawing),
            Self::Turns(turns) => turns.disable(drawing),
            Self::Few(threads) => threads.disable(),
        }
    }

    /// Draws periods anew: those now in force have been for as long as they may.
    pub(super) fn change(&mut self, drawing: Drawing<'_>) {
        match self {
            Self::Cpus(timers) => timers.change(drawing),
            Self::Turns(turns) => turns.change(drawing),
            // They keep theirs for as long as they have their turn.
            Self::Few(_) | Self::Off => {}
        }
    }

    /// What they are opened on.
    pub(super) fn scope(&self) -> Scope {
        match self {
            Self::Off | Self::Cpus(_) => Scope::Cpus,
            Self::Turns(_) => Scope::Threads,
            Self::Few(_) => Scope::FewThreads,
        }
    }
}
