//! A duel: two servers in one measurement, load and sampling alternating between them.
//!
//! ```text
//! round 1:  launch A, B   warm up   A B B A   A B B A   B A A B   A B B A   stop
//! round 2:  launch B, A   warm up   B A A B   B A A B   A B B A   B A A B   stop      and so on
//!                                             sampled
//! ```
//!
//! Both servers are up on the same CPUs, and one of them is idle. What the machine does meanwhile,
//! it does to both: in a block such as A B B A a steady drift cancels. One block of four is sampled,
//! and says which functions the time is in; the others say how much it is. Rounds are of fresh
//! processes, since what differs from process to process is the same in all slices of one.

mod arm;
mod bout;
mod calibration;
mod doubts;
mod order;
mod sequence;
mod unlike;

use std::{sync::atomic::AtomicBool, time::Duration};

use super::{
    backends::{Backend, Backends},
    error::MeasureError,
    event::{Event, Sink},
    instruments::Instruments,
    profile::{Pinned, Settings},
    subject::{Launch, Subject},
};
use crate::{
    compare::{Design, Pair, Side, Unlike},
    load::{Base, EngineKind, Extent, raise_nofile},
    target::{Built, Changes, Guard},
    unit::{Bytes, Nanos},
};
use arm::{Arm, Ready};
use bout::Bout;
pub use calibration::{calibration, known_floors};
use sequence::ROUNDS_MIN;
pub use sequence::{DuelEvent, DuelSink, Looks, Question, until_sure};

/// One of two servers that are measured against each other.
#[derive(Debug)]
pub struct Contender {
    /// What it is called.
    pub name: String,
    /// What else tells it apart, in a phrase.
    pub detail: String,
    /// What its name says to be changed in its manifest, and the launch's manifest has.
    pub changes: Changes,
    /// How it is launched.
    pub launch: Launch,
    /// What is launched.
    pub built: Built,
}

/// Two servers, and the rounds that were made of them.
#[derive(Debug)]
pub struct Duel<'a> {
    contenders: [&'a Contender; 2],
    settings: Settings,
    /// How long a slice lasts.
    slice: Duration,
    unlike: Vec<Unlike>,
    /// What makes the figures of both sides doubtful.
    notes: Vec<String>,
    guard: Guard,
    /// For each round, what each side did.
    bouts: Vec<[Bout; 2]>,
}

/// About how long it takes to launch a server, connect to it and stop it.
const LAUNCH: Duration = Duration::from_millis(150);

impl<'a> Duel<'a> {
    /// A duel from the first to the second. The script's duration and thresholds are of no meaning
    /// here; of several backends, only the first one samples.
    ///
    /// Where the kernel does not allow sampling, nothing is known of functions, and all else is
    /// measured as well as ever: a note says so.
    ///
    /// # Errors
    /// When the script cannot be cut into slices that alternate.
    pub fn new(contenders: [&'a Contender; 2], settings: &Settings) -> Result<Self, MeasureError> {
        check(settings)?;
        let first = settings.backends.as_slice().first();
        let backends = first.map_or(Backends::none(), |backend| Backends::one(*backend));
        let mut settings = Settings { backends, ..settings.clone() };
        let mut notes = Vec::new();
        if let Err(refusal) = Instruments::probe(&settings) {
            settings.backends = Backends::none();
            notes.push(format!("no functions, as nothing can be sampled here: {refusal}"));
        }
        let guard = Guard::start().map_err(MeasureError::Guard)?;
        let bouts = Vec::new();
        let (slice, unlike) = (order::slice(Duration::MAX, ROUNDS_MIN), unlike::unlike(contenders));
        Ok(Self { contenders, settings, slice, unlike, notes, guard, bouts })
    }

    /// The same with a doubt that is of both sides.
    #[must_use]
    pub fn with_note(mut self, note: Option<String>) -> Self {
        self.notes.extend(note);
        self
    }

    /// The same in so little time that the fewest rounds would take longer: the load that counts
    /// lasts no longer than that, beside warming up and launching, in shorter slices.
    #[must_use]
    pub fn within(mut self, duration: Duration) -> Self {
        self.slice = order::slice(duration, ROUNDS_MIN);
        self
    }

    /// How many rounds were made.
    pub fn rounds(&self) -> usize {
        self.bouts.len()
    }

    /// About how long a round takes, launches and warm-up included.
    pub fn round_duration(&self) -> Duration {
        order::duration(self.slice) + 2 * (self.settings.script.warmup + LAUNCH)
    }

    /// Makes one more round, of fresh processes.
    ///
    /// # Errors
    /// When a side could not be measured; the round is none then. Nothing that was started
    /// outlives it.
    pub fn round(
        &mut self,
        interrupted: &AtomicBool,
        events: Sink<'_>,
    ) -> Result<(), MeasureError> {
        let _ = self.settings.script.limits.raise_nofile.then(raise_nofile);
        let _pinned = Pinned::to(&self.settings.load_cpus);
        events(Event::Starting);
        // Whoever is launched first is the other one in the next round.
        let leader = order::leader(self.bouts.len());
        let first = self.launch(leader, interrupted)?;
        let second = self.launch(1 - leader, interrupted)?;
        let [a, b] = if leader == 0 { [first, second] } else { [second, first] };
        let ((mut subject_a, a), (mut subject_b, b)) = (a, b);
        let settings = self.settings.clone();
        let mut arms = [
            Arm::new(&mut subject_a, a, &settings, interrupted).map_err(|e| self.of(0, e))?,
            Arm::new(&mut subject_b, b, &settings, interrupted).map_err(|e| self.of(1, e))?,
        ];
        self.warm_up(&mut arms, events)?;
        self.take_turns(&mut arms, events)?;
        let mut bouts = arms.map(Arm::finish);
        if self.settings.backends.contains(Backend::PerfEvent) {
            for (bout, subject) in bouts.iter_mut().zip([&subject_a, &subject_b]) {
                bout.name_code(&subject.pids(), &self.guard, interrupted);
            }
        }
        subject_a.stop();
        subject_b.stop();
        self.bouts.push(bouts);
        Ok(())
    }

    fn launch(
        &self,
        side: usize,
        interrupted: &AtomicBool,
    ) -> Result<(Subject, Ready), MeasureError> {
        let contender = self.contenders[side];
        Ready::launch(contender, &self.settings, &self.guard, interrupted)
            .map_err(|error| self.of(side, error))
    }

    /// Warms both sides up, and finds how much of the stack samples must copy: the same of both.
    fn warm_up(&mut self, arms: &mut [Arm<'_>; 2], events: Sink<'_>) -> Result<(), MeasureError> {
        for (side, arm) in arms.iter_mut().enumerate() {
            let warmed = arm.warm_up(self.settings.script.warmup, events);
            warmed.map_err(|error| self.of(side, error))?;
        }
        let most = arms.iter_mut().map(Arm::copies).max().unwrap_or_default();
        for arm in arms.iter_mut() {
            arm.copy_at_least(most);
        }
        if let Some(hz) = arms.iter_mut().filter_map(Arm::rate).min() {
            arms.iter_mut().for_each(|arm| arm.sample_at_most(hz));
            self.settings.hz = self.settings.hz.or(Some(hz));
        }
        // What it was found to be in the first round it is in all others.
        self.settings.dump = self.settings.dump.or(Some(most).filter(|most| *most > Bytes(0)));
        Ok(())
    }

    /// The window that counts.
    fn take_turns(&self, arms: &mut [Arm<'_>; 2], events: Sink<'_>) -> Result<(), MeasureError> {
        let backend = self.settings.backends.as_slice().first().copied();
        arms.iter_mut().for_each(Arm::begin);
        let end = Nanos::now() + order::duration(self.slice).into();
        for slot in order::slots(self.bouts.len(), self.slice, backend) {
            let mut report = |now: Nanos, _| {
                let left = Duration::from(end - now);
                events(Event::Measuring { left, requests_per_second: 0.0 });
            };
            let taken = arms[slot.side].slice(&slot, &mut report);
            taken.map_err(|error| self.of(slot.side, error))?;
        }
        Ok(())
    }

    /// An error, with the side that it is of.
    fn of(&self, side: usize, error: MeasureError) -> MeasureError {
        if error.is_interruption() {
            return error;
        }
        let side = format!("{} ({})", ["A", "B"][side], self.contenders[side].name);
        MeasureError::OfSide { side, source: Box::new(error) }
    }

    /// What was measured until now, with its profiles where they are asked for: naming their
    /// functions takes a while.
    pub fn pair(&mut self, with_profiles: bool) -> Pair {
        if with_profiles {
            let detail = self.settings.detail;
            self.bouts.iter_mut().flatten().for_each(|bout| bout.resolve(detail));
        }
        let side = |side: usize| {
            let Contender { name, detail, .. } = self.contenders[side];
            let bouts: Vec<&Bout> = self.bouts.iter().map(|pair| &pair[side]).collect();
            Side {
                name: name.clone(),
                detail: detail.clone(),
                rounds: bouts.iter().map(|bout| bout.round.clone()).collect(),
                doubts: self.notes.iter().cloned().chain(doubts::doubts(&bouts)).collect(),
                invalid: doubts::invalid(&bouts),
            }
        };
        Pair {
            a: side(0),
            b: side(1),
            design: Design::Interleaved,
            unlike: self.unlike.clone(),
            without_frames: None,
        }
    }
}

/// Whether a load can be cut into slices that alternate between two servers.
fn check(settings: &Settings) -> Result<(), MeasureError> {
    let script = &settings.script;
    let why = if script.engine.kind != EngineKind::Builtin {
        format!("only the built-in engine can alternate, not {}", script.engine.kind)
    } else if matches!(script.base, Base::Fixed(_)) {
        "its requests go to a fixed address, and there are two servers".to_owned()
    } else if matches!(script.extent, Extent::Stages { .. }) {
        "it has stages, which go on while the other server has its turn".to_owned()
    } else if settings.backends.as_slice().first() == Some(&Backend::Pprof) {
        format!(
            "a profile over HTTP takes whole seconds, longer than a slice: use --backend {}",
            Backend::PerfEvent
        )
    } else {
        return Ok(());
    };
    Err(MeasureError::NotInTurns { script: script.name.clone(), why })
}
