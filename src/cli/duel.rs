//! Two sides measured in one: what is asked for on the command line, and progress.

use std::{num::NonZero, sync::atomic::AtomicBool, time::Duration};

use crate::{
    compare::{Comparison, Metric, Options, Pair},
    load::Script,
    measure::{
        Backends, Contender, Duel, DuelEvent, Looks, Question, Settings, known_floors, until_sure,
    },
    record::{Host, HostClass, Store},
    symbolize::Detail,
    target::Manifest,
    unit::{Hertz, parse_duration},
};

use crate::cli::{
    bench::entrants::command,
    paths,
    profile::{
        choice::{self, CpuChoice},
        default_backends,
    },
    progress::Progress,
};

/// What two sides are measured with.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Measuring")]
pub(crate) struct LoadArgs {
    /// The load script: a name or a path [default: the target's]
    #[arg(long, short)]
    script: Option<String>,

    /// Connections at once [default: the script's]
    #[arg(long, short, value_name = "N")]
    connections: Option<NonZero<u32>>,

    /// Requests a second: an open loop [default: the script's]
    #[arg(long, value_name = "R", value_parser = choice::rate)]
    rate: Option<f64>,

    /// How long each side is warmed up in each round [default: the script's]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    warmup: Option<Duration>,

    /// Samples per second of CPU time [default: 1997]
    #[arg(long)]
    hz: Option<Hertz>,

    /// What samples: perf-event or py-spy [default: the target's; else perf-event]
    #[arg(long, value_name = "NAME")]
    backend: Option<Backends>,

    /// Who runs where, such as server=0-2,load=3 [default: load gets the last quarter]
    #[arg(long, value_name = "server=LIST,load=LIST")]
    cpus: Option<CpuChoice>,
}

/// How two sides are measured in one.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Measuring")]
pub struct DuelArgs {
    #[command(flatten)]
    load: LoadArgs,

    /// How long to measure before the first look at the result; in less than four rounds take,
    /// the load alone lasts so long [default: 30s]
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,

    /// How long to measure at most where the result is not sure [default: three times as long]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    max_duration: Option<Duration>,
}

/// Twice as often as a profile is: no figure comes from slices that are sampled.
const HZ: Hertz = Hertz(1997);
/// Enough to see a change of 2 % on a machine that is not quiet.
const DURATION: Duration = Duration::from_secs(30);
/// Where that was not enough, it may take so many times as long.
const LONGER: u32 = 3;

/// What two sides came to.
pub(crate) type Judged = (Pair, Comparison);

impl LoadArgs {
    /// How to measure a target.
    pub(crate) fn settings(&self, manifest: &Manifest) -> anyhow::Result<Settings> {
        let CpuChoice { server, load } = CpuChoice::or_usual(self.cpus.as_ref())?;
        let backends = match &self.backend {
            Some(backends) => backends.clone(),
            None => default_backends(manifest)?,
        };
        Ok(Settings {
            script: self.load_script(manifest)?,
            backends,
            hz: Some(self.hz.unwrap_or(HZ)),
            on_threads: false,
            dump: None,
            server_cpus: server,
            load_cpus: load,
            detail: Detail::Auto,
            raw_stacks: false,
            command: command(),
        })
    }

    fn load_script(&self, manifest: &Manifest) -> anyhow::Result<Script> {
        let name = self.script.as_deref().or(manifest.script.as_deref()).unwrap_or("hello");
        let mut levels = Script::find(paths::scripts(), name)?;
        if let Some(rate) = self.rate {
            levels = Script::at_rates(&levels, &[rate])?;
        }
        if let Some(connections) = self.connections {
            levels = Script::at_connections(&levels, &[connections])?;
        }
        // A script with several levels is compared at its first.
        let script = levels.remove(0);
        Ok(match self.warmup {
            Some(warmup) => script.with_warmup(warmup)?,
            None => script,
        })
    }

    /// What to say where the command line cuts the script's warm-up short: servers may not be what
    /// they become.
    pub(crate) fn cut(&self, manifest: &Manifest) -> anyhow::Result<Option<String>> {
        let Some(warmup) = self.warmup else { return Ok(None) };
        let asked = Self { warmup: None, ..self.clone() }.load_script(manifest)?.warmup;
        Ok((warmup < asked).then(|| {
            format!("it was warmed up for {warmup:?} in each round, not for the script's {asked:?}")
        }))
    }
}

impl DuelArgs {
    /// How to measure a target.
    pub fn settings(&self, manifest: &Manifest) -> anyhow::Result<Settings> {
        self.load.settings(manifest)
    }

    /// How long to measure before the first look.
    pub fn duration(&self) -> Duration {
        self.duration.unwrap_or(DURATION)
    }

    /// Whether anything was said that only live sides have a use for.
    pub(crate) fn is_empty(&self) -> bool {
        let LoadArgs { script, connections, rate, warmup, hz, backend, cpus } = &self.load;
        let said = [
            script.is_some(),
            connections.is_some(),
            rate.is_some(),
            warmup.is_some(),
            hz.is_some(),
            backend.is_some(),
            cpus.is_some(),
            self.duration.is_some(),
            self.max_duration.is_some(),
        ];
        !said.contains(&true)
    }

    /// Measures until `metrics` have a verdict, or there is no more time.
    pub fn measure(
        &self,
        sides: [&Contender; 2],
        settings: &Settings,
        metrics: &[Metric],
        options: &Options,
        interrupted: &AtomicBool,
    ) -> anyhow::Result<Judged> {
        self.ask(sides, settings, Question::Metrics(metrics), options, interrupted)
    }

    /// Measures until a question is answered, or there is no more time.
    pub(crate) fn ask(
        &self,
        sides: [&Contender; 2],
        settings: &Settings,
        question: Question<'_>,
        options: &Options,
        interrupted: &AtomicBool,
    ) -> anyhow::Result<Judged> {
        let note = self.load.cut(&sides[0].launch.manifest)?;
        let most = self.max_duration.unwrap_or(self.duration() * LONGER);
        let duration = self.duration().min(most);
        let mut duel = Duel::new(sides, settings)?.with_note(note).within(duration);
        let looks = Looks::within(duration, most, duel.round_duration());
        ask(&mut duel, &looks, question, options, interrupted)
    }
}

/// Measures until all of `metrics` have a verdict, with progress.
pub(crate) fn fight(
    duel: &mut Duel<'_>,
    looks: &Looks,
    metrics: &[Metric],
    options: &Options,
    interrupted: &AtomicBool,
) -> anyhow::Result<Judged> {
    ask(duel, looks, Question::Metrics(metrics), options, interrupted)
}

fn ask(
    duel: &mut Duel<'_>,
    looks: &Looks,
    question: Question<'_>,
    options: &Options,
    interrupted: &AtomicBool,
) -> anyhow::Result<Judged> {
    let mut progress = Progress::begin();
    let judged =
        until_sure(duel, looks, question, options, interrupted, &mut |event| match event {
            DuelEvent::Round { number, until, most, left } => {
                let cap = if most > until { format!(", at most {most}") } else { String::new() };
                let left = choice::minutes(left);
                progress.begin_turn(&format!("round {number} of {until}{cap} ({left} left)"));
            }
            DuelEvent::Step(event) => progress.show(event),
            DuelEvent::Unsure { headline } => progress.note(&format!("not sure yet: {headline}")),
        });
    progress.finish();
    Ok(judged?)
}

/// What to go by: a tolerance, and what was found by calibration for this target.
///
/// # Errors
/// When the calibrations cannot be read.
pub fn options(
    store: &Store,
    tolerance: Option<f64>,
    target: &str,
    script: &str,
) -> anyhow::Result<Options> {
    let calibrations = store.calibrations(&HostClass::of(&Host::read()))?;
    let defaults = Options::default();
    Ok(Options {
        tolerance: tolerance.unwrap_or(defaults.tolerance),
        floors: known_floors(&calibrations, target, script),
        ..defaults
    })
}
