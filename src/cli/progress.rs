//! Draws the progress of a measurement on stderr: a live line on a terminal, plain lines else.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use crate::{measure::Event, plain::visible};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::out;

/// The progress of a measurement.
pub struct Progress {
    /// None where stderr is not a terminal.
    bar: Option<ProgressBar>,
    /// The last plain line's phase: each is printed once.
    phase: Option<&'static str>,
    phase_started: Instant,
    /// Which of many measurements it is. Plain lines then say that, and not its steps.
    turn: Option<String>,
}

impl Progress {
    pub fn begin() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar, phase: None, phase_started: Instant::now(), turn: None }
    }

    /// Shows one step.
    pub fn show(&mut self, event: Event) {
        match event {
            Event::Building { target } => self.phase("building", &format!("building {target}")),
            Event::BuildOutput(line) => self.build_output(&line),
            Event::Starting => self.phase("starting", "starting the server"),
            Event::Ready { after } => {
                self.phase("ready", &format!("ready; first call took {:.1} ms", ms(after)));
            }
            Event::WarmingUp { left } => {
                self.phase("warming up", &format!("warming up, {} s left", seconds(left)));
            }
            // The summary and the record say how much is copied.
            Event::DumpGrew { .. } => {}
            Event::Measuring { left, requests_per_second } => {
                let left = format!("{} s left", seconds(left));
                self.measuring(&left, requests_per_second);
            }
            Event::Counting { left, requests_per_second } => {
                self.measuring(&format!("{left} requests left"), requests_per_second);
            }
            Event::CoolingDown { left } => {
                self.phase("cooling down", &format!("cooling down, {} s left", seconds(left)));
            }
            Event::Symbolizing => self.phase("symbolizing", "symbolizing"),
            Event::Recording => self.phase("recording", "writing the run"),
        }
    }

    /// Begins the next of many measurements.
    pub fn begin_turn(&mut self, turn: &str) {
        self.phase = None;
        match &self.bar {
            Some(bar) => bar.set_message(turn.to_owned()),
            None => out::tell(turn),
        }
        self.turn = Some(turn.to_owned());
    }

    /// Takes the live line away.
    pub fn finish(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Compilers print a line for each crate: on a terminal the last one shows, and the full
    /// output of a build that fails is in its error.
    fn build_output(&mut self, line: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(format!("building: {}", visible(line).trim())),
            None if self.phase_started.elapsed() > Duration::from_secs(1) => self.note(line),
            None => {}
        }
    }

    fn measuring(&mut self, left: &str, requests_per_second: f64) {
        let rate = requests_per_second.round();
        // As it begins there is no rate yet, and plain output shows only that.
        let rate = if self.bar.is_some() && rate > 0.0 {
            format!(", {rate} requests/s")
        } else {
            String::new()
        };
        self.phase("measuring", &format!("measuring, {left}{rate}"));
    }

    fn phase(&mut self, name: &'static str, message: &str) {
        let is_new = self.phase.replace(name) != Some(name);
        if is_new {
            self.phase_started = Instant::now();
        }
        match (&self.bar, &self.turn) {
            (Some(bar), Some(turn)) => bar.set_message(format!("{turn}: {message}")),
            (Some(bar), None) => bar.set_message(message.to_owned()),
            (None, None) if is_new => out::tell(message),
            (None, _) => {}
        }
    }

    /// Says something that stays.
    pub(crate) fn note(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.println(visible(message)),
            None => out::tell(message),
        }
    }
}

/// Whole seconds, the last of them included.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs_f64().ceil() as u64
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
