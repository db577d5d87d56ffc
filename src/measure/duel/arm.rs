//! One side in one round: a fresh server with its load and instruments.

use std::{sync::atomic::AtomicBool, time::Duration};

use super::{Contender, bout::Bout, order::Slot};
use crate::{
    load::{Generator, Plan},
    measure::{
        agenda::Way,
        builtin::before_window,
        error::MeasureError,
        event::Sink,
        instruments::Instruments,
        observed::Usages,
        profile::{Settings, Sides},
        served::Served,
        server_watch::ServerWatch,
        slices::Slices,
        subject::Subject,
        window::{Cut, Window},
    },
    target::{Guard, PerfMaps},
    unit::{Bytes, Hertz, Nanos},
};

/// What watches a server that serves, and the load to come.
pub(super) struct Ready {
    instruments: Instruments,
    plan: Plan,
    server: ServerWatch,
}

/// One side in one round.
pub(super) struct Arm<'a> {
    window: Window<'a>,
    owners: Vec<(u32, String)>,
    usage_before: Usages,
    slices: Slices,
    /// The block of each slice.
    blocks: Vec<u32>,
    /// What the server writes for profilers, which is to go with what was taken.
    maps: PerfMaps,
}

impl Ready {
    /// Launches a server.
    pub(super) fn launch(
        contender: &Contender,
        settings: &Settings,
        guard: &Guard,
        interrupted: &AtomicBool,
    ) -> Result<(Subject, Self), MeasureError> {
        let load_cpus = settings.load_cpus.as_slice();
        // The other side has as many.
        let mut instruments = Instruments::start_one_of(2, settings)?;
        let Contender { launch, built, .. } = contender;
        let subject =
            Subject::launch(launch, built, settings, guard, &mut instruments, interrupted)?;
        let Served { plan, server, .. } =
            Served::begin(&subject, &settings.script, &mut instruments, load_cpus, interrupted)?;
        Ok((subject, Self { instruments, plan, server }))
    }
}

impl<'a> Arm<'a> {
    /// Opens the connections to a server; no load yet.
    pub(super) fn new(
        subject: &'a mut Subject,
        ready: Ready,
        settings: &Settings,
        interrupted: &'a AtomicBool,
    ) -> Result<Self, MeasureError> {
        let Ready { instruments, plan, server } = ready;
        let generator = Generator::start(&plan)?;
        let sides = Sides { instruments, subject, server };
        Ok(Self {
            window: Window::new(generator, sides, (&settings.script, &plan), interrupted),
            owners: Vec::new(),
            usage_before: Usages::default(),
            slices: Slices::new(),
            blocks: Vec::new(),
            maps: PerfMaps::default(),
        })
    }

    /// Applies load that does not count.
    pub(super) fn warm_up(
        &mut self,
        duration: Duration,
        events: Sink<'_>,
    ) -> Result<(), MeasureError> {
        let warmed = self.window.warm_up(duration, Way::Drained, events);
        warmed.map_err(|early| before_window(early.0))
    }

    /// How much of the stack a sample copies.
    pub(super) fn copies(&mut self) -> Bytes {
        self.window.instruments.copies()
    }

    /// Lets samples copy at least this much.
    pub(super) fn copy_at_least(&mut self, bytes: Bytes) {
        self.window.instruments.copy_at_least(bytes);
    }

    /// How many samples a second are taken.
    pub(super) fn rate(&mut self) -> Option<Hertz> {
        self.window.instruments.rate()
    }

    /// Takes no more samples a second than this.
    pub(super) fn sample_at_most(&mut self, hz: Hertz) {
        self.window.instruments.sample_at_most(hz);
    }

    /// Begins the window that counts.
    pub(super) fn begin(&mut self) {
        self.window.begin();
        self.usage_before = self.window.subject.usage();
        self.owners = self.window.subject.owners();
        self.maps = self.window.subject.take_maps();
    }

    /// Has its turn.
    pub(super) fn slice(
        &mut self,
        slot: &Slot,
        report: &mut dyn FnMut(Nanos, u64),
    ) -> Result<(), MeasureError> {
        let (slice, tally, waited) = self.window.slice(Way::Drained, slot.place, report);
        self.slices.push(slice, &tally);
        self.blocks.push(slot.block);
        waited.map_err(in_window)
    }

    /// Ends the load, and says what the server did; it lives on.
    pub(super) fn finish(self) -> Bout {
        let Self { window, owners, usage_before, slices, blocks, maps, .. } = self;
        let usage = [usage_before.total(), window.subject.usage().total()];
        let (taken, _) = window.finish();
        Bout::new(&slices, &blocks, usage, taken.into_iter().next(), (owners, maps))
    }
}

/// The error of a round that ended before its time.
fn in_window(cut: Cut) -> MeasureError {
    match cut {
        Cut::Exited(exit) => MeasureError::ExitedMidway(exit),
        cut => before_window(cut),
    }
}
