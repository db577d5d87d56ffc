//! `flameload profile`: measure a server and keep a flamegraph that carries the run's figures.

pub mod choice;

use std::{num::NonZero, path::PathBuf, sync::atomic::AtomicBool, time::Duration};

use crate::{
    load::{EngineKind, Script},
    measure::{Attach, Backends, Finished, Launch, Prepared, Settings, What},
    record::{Run, Status},
    symbolize::Detail,
    target::{BudgetName, Manifest, Secrets},
    unit::{Bytes, Hertz, parse_duration},
};
use anyhow::{Context, bail};

use crate::cli::{
    browser, called,
    exit::{self, Exit},
    interrupt::{self, Second},
    out,
    paths::{self, StoreArgs},
    progress::Progress,
    sides,
    summary::{self, Sweep},
    width::Width,
};
use choice::{CpuChoice, Url};

/// Profile a server under load and keep a flamegraph with its throughput.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flameload profile hyper
  flameload profile hyper --script hello --duration 30s --connections 128
  flameload profile hyper --connections 100,1000,2000       one run for each
  flameload profile hyper --rate 20000                      an open loop at that rate
  flameload profile hyper --rate 5000,10000,20000 --duration 10s
  flameload profile hyper --script shop --by-request        what each request costs alone
  flameload profile hyper --engine wrk                      the same load by an installed tool
  flameload profile hyper --backend perf-event,pprof        two profilers in turn, and how far they agree
  flameload profile hyper --budget single                   one CPU, 512 MiB
  flameload profile --manifest ~/shop/target.toml --script ~/shop/checkout.toml
  flameload profile --pid 4242 --script users
  flameload profile hyper --json | jq .server.cpu_us_per_request

A list of levels, here or in the script, gives one run for each, of one build; the table at the end
compares them. With --json, each run is one line.")]
pub struct Args {
    /// The target: its name in the project, or its manifest [default: the project's only one]
    #[arg(conflicts_with_all = ["manifest", "pid"])]
    target: Option<String>,

    /// A target's manifest anywhere
    #[arg(long, value_name = "PATH", conflicts_with = "pid")]
    manifest: Option<PathBuf>,

    /// A process that runs already, instead of a target; it is left running
    #[arg(long)]
    pid: Option<u32>,

    /// Where to send the load of a process that listens on several ports
    #[arg(long, value_name = "http://HOST:PORT", requires = "pid")]
    #[arg(conflicts_with_all = ["target", "manifest"])]
    url: Option<Url>,

    /// The load script: a name or a path [default: the manifest's; hello for --pid]
    #[arg(long, short)]
    script: Option<String>,

    /// How long to measure [default: the script's]
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,

    /// How long to apply load before measuring [default: the script's]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    warmup: Option<Duration>,

    /// Connections at once; of an open loop, the most [default: the script's]
    #[arg(long, short, value_name = "N[,N...]", value_delimiter = ',')]
    connections: Vec<NonZero<u32>>,

    /// Requests a second, whether the server keeps up or not: an open loop [default: the script's]
    #[arg(long, value_name = "R[,R...]", value_delimiter = ',', value_parser = choice::rate)]
    rate: Vec<f64>,

    /// Give each request of the script slices of its own as well, and say what it costs alone
    /// [default: the script's]
    #[arg(long)]
    by_request: bool,

    /// What sends the load: builtin, wrk, wrk2, k6, hey, oha or bombardier [default: the script's]
    #[arg(long, value_name = "NAME", value_parser = choice::engine)]
    engine: Option<EngineKind>,

    /// What samples, one or several in turn: perf-event, py-spy, pprof. The first one's profile is
    /// the run's own [default: the manifest's; else perf-event]
    #[arg(long, value_name = "NAME[,NAME...]")]
    backend: Option<Backends>,

    /// Samples per second of CPU time, of perf-event [default: as many as cost the server no more
    /// than 1.5 % of its CPU time, which the warm-up finds out]
    #[arg(long)]
    hz: Option<Hertz>,

    /// Sample by events on the server's threads even where CPUs may be sampled, which costs less
    #[arg(long)]
    on_threads: bool,

    /// How much of each stack a sample copies: less disturbs the server less, and cuts deep stacks
    /// [default: as much as the warm-up finds is needed]
    #[arg(long, value_name = "KIB", value_parser = choice::stack_copy)]
    stack: Option<Bytes>,

    /// Who runs where, such as server=0-2,load=3 [default: load gets the last quarter]
    #[arg(long, value_name = "server=LIST,load=LIST")]
    cpus: Option<CpuChoice>,

    /// What the target may use: CPUs, workers, memory, database connections: single (1 CPU), multi (4
    /// CPUs) or default (all of the server's), unless its manifest says otherwise
    #[arg(long, value_name = "NAME", default_value_t, conflicts_with = "pid")]
    budget: BudgetName,

    /// A database that runs already, instead of the services of the target; it is used as it is
    #[arg(long, value_name = "postgres://...", conflicts_with = "pid", value_parser = choice::db_url)]
    db_url: Option<String>,

    /// The port for the target [default: a free one]
    #[arg(long, conflicts_with = "pid")]
    port: Option<u16>,

    /// How many files the server may open, to see what it does at that limit [default: the
    /// manifest's; else as many as the system allows]
    #[arg(long, value_name = "N", conflicts_with = "pid")]
    server_open_files: Option<NonZero<u64>>,

    /// Look up only the names of functions: no inlined ones, no lines; for huge binaries
    #[arg(long)]
    names_only: bool,

    /// Draw every frame with its full name: no wrapper is folded into its caller
    #[arg(long)]
    raw: bool,

    /// Print each record as one line of JSON on stdout instead of the summary
    #[arg(long)]
    json: bool,

    /// Open the flamegraph when done; of several, the last
    #[arg(long)]
    open: bool,

    #[command(flatten)]
    store: StoreArgs,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> anyhow::Result<Exit> {
    let what = args.what()?;
    let levels = args.levels(&what)?;
    let interrupted = interrupt::flag(Second::Exits)?;
    let store = args.store.store()?;
    let mut progress = Progress::begin();
    let prepared = Prepared::new(&what, &levels, &store, &interrupted, &mut |event| {
        progress.show(event);
    });
    progress.finish();
    let prepared = prepared?;
    if let [settings] = levels.as_slice() {
        let (finished, exit) = args.level(&prepared, settings, &interrupted)?;
        args.open_if_asked(&finished);
        return Ok(exit);
    }
    args.sweep(&prepared, &levels, &interrupted)
}

impl Args {
    /// A short look at a target.
    pub(crate) fn brief(target: &str) -> Self {
        #[derive(Debug, clap::Parser)]
        struct Brief {
            #[command(flatten)]
            args: Args,
        }
        let words = ["profile", target, "--duration", "3s", "--warmup", "1s"];
        <Brief as clap::Parser>::parse_from(words).args
    }

    /// One run for each level. A level that could not be measured does not keep the next from it.
    fn sweep(
        &self,
        prepared: &Prepared<'_>,
        levels: &[Settings],
        interrupted: &AtomicBool,
    ) -> anyhow::Result<Exit> {
        let mut sweep = Sweep::default();
        let mut worst = Exit::Done;
        let mut last = None;
        for (index, settings) in levels.iter().enumerate() {
            let pace = summary::level(&settings.script);
            out::tell(&format!("level {} of {}: {pace}", index + 1, levels.len()));
            let measured = self.level(prepared, settings, interrupted);
            let exit = match measured {
                Ok((finished, exit)) => {
                    sweep.add(&pace, &finished);
                    last = Some(finished);
                    exit
                }
                Err(error) => {
                    sweep.fail(&pace, &error);
                    exit::report(&error)
                }
            };
            worst = worst.max(exit);
            if exit == Exit::Interrupted {
                break;
            }
            if index + 1 < levels.len() {
                let cooldown = settings.script.cooldown;
                let mut progress = Progress::begin();
                let rested = Prepared::cool_down(cooldown, interrupted, &mut |event| {
                    progress.show(event);
                });
                progress.finish();
                if rested.is_err() {
                    worst = Exit::Interrupted;
                    break;
                }
            }
        }
        if !self.json {
            out::print(&sweep.table(Width::of_stdout()))?;
        }
        if let Some(finished) = last {
            self.open_if_asked(&finished);
        }
        Ok(worst)
    }

    /// Measures one level and prints what it came to.
    fn level(
        &self,
        prepared: &Prepared<'_>,
        settings: &Settings,
        interrupted: &AtomicBool,
    ) -> anyhow::Result<(Finished, Exit)> {
        let mut progress = Progress::begin();
        let store = self.store.store()?;
        let measured = prepared.profile(settings, &store, interrupted, &mut |event| {
            progress.show(event);
        });
        progress.finish();
        let finished = measured?;
        summary::print(&finished, self.json)?;
        let exit = verdict(&finished.run, self.json);
        Ok((finished, exit))
    }

    fn open_if_asked(&self, finished: &Finished) {
        if self.open
            && let Err(error) = browser::open(&finished.directory.join("cpu.svg"))
        {
            // The run was made and kept: a browser that is missing does not undo that.
            out::tell(&format!("note: {error:#}"));
        }
    }

    fn what(&self) -> anyhow::Result<What> {
        if let Some(pid) = self.pid {
            let addr = self.url.as_ref().map(|url| url.0);
            return Ok(What::Process(Attach { pid, addr }));
        }
        let manifest = match (&self.manifest, &self.target) {
            (Some(path), _) => Manifest::read(path)?,
            (None, Some(name)) => sides::target(name)?,
            (None, None) => sides::only_target()?,
        };
        if self.db_url.is_some() && !manifest.uses_database() {
            bail!("--db-url is of no use: no process of '{}' asks for {{db_url}}", manifest.name);
        }
        Ok(What::Target(Box::new(Launch {
            port: self.port,
            open_files: self.server_open_files,
            color: std::io::IsTerminal::is_terminal(&std::io::stderr()),
            cache: paths::cache(),
            budget: self.budget,
            db_url: self.db_url.clone(),
            ..Launch::new(manifest)
        })))
    }

    /// How to measure each level.
    fn levels(&self, what: &What) -> anyhow::Result<Vec<Settings>> {
        let CpuChoice { server, load } = CpuChoice::or_usual(self.cpus.as_ref())?;
        let backends = match (&self.backend, what) {
            (Some(backends), _) => backends.clone(),
            (None, What::Target(launch)) => default_backends(&launch.manifest)?,
            (None, What::Process(_)) => Backends::default(),
        };
        let settings = |script| Settings {
            script,
            backends: backends.clone(),
            hz: self.hz,
            on_threads: self.on_threads,
            dump: self.stack,
            server_cpus: server.clone(),
            load_cpus: load.clone(),
            detail: if self.names_only { Detail::NamesOnly } else { Detail::Auto },
            raw_stacks: self.raw,
            command: std::iter::once(called().to_owned())
                .chain(std::env::args().skip(1).map(|word| Secrets::of(&word).mask(&word)))
                .collect::<Vec<_>>()
                .join(" "),
        };
        Ok(self.load_scripts(what)?.into_iter().map(settings).collect())
    }

    /// The script, once for each level.
    fn load_scripts(&self, what: &What) -> anyhow::Result<Vec<Script>> {
        let default = match what {
            What::Target(launch) => launch.manifest.script.as_deref(),
            What::Process(_) => None,
        };
        let name = self.script.as_deref().or(default).unwrap_or("hello");
        let mut levels = Script::find(paths::scripts(), name)?;
        if !self.rate.is_empty() {
            levels = Script::at_rates(&levels, &self.rate)?;
        }
        if !self.connections.is_empty() {
            levels = Script::at_connections(&levels, &self.connections)?;
        }
        let levels: Vec<Script> =
            levels.into_iter().map(|script| self.changed(script)).collect::<Result<_, _>>()?;
        if levels.iter().any(|script| script.by_request && script.requests.len() == 1) {
            out::tell(&format!(
                "note: the script '{name}' has only one request, so by_request changes nothing"
            ));
        }
        Ok(levels)
    }

    fn changed(&self, mut script: Script) -> anyhow::Result<Script> {
        if let Some(duration) = self.duration {
            script = script.with_duration(duration)?;
        }
        if let Some(warmup) = self.warmup {
            script = script.with_warmup(warmup)?;
        }
        if let Some(engine) = self.engine {
            script = script.with_engine(engine)?;
        }
        if self.by_request {
            script = script.with_each_request()?;
        }
        Ok(script)
    }
}

/// What samples a target unless it is said otherwise.
pub(crate) fn default_backends(manifest: &Manifest) -> anyhow::Result<Backends> {
    let backends = Backends::try_from(manifest.backends.as_slice());
    backends.with_context(|| format!("`backends` of the target '{}'", manifest.name))
}

/// What a run that was kept came to, which the summary says more of; `--json` has none.
fn verdict(run: &Run, json: bool) -> Exit {
    let broken = run.thresholds.iter().filter(|limit| !limit.passed);
    let names: Vec<&str> = broken.clone().map(|limit| limit.metric.as_str()).collect();
    let aborted = broken.clone().any(|limit| limit.aborted);
    if !names.is_empty() && (aborted || run.status == Status::Complete) {
        out::tell(&format!("error: the run does not keep its thresholds: {}", names.join(", ")));
        return Exit::Failed;
    }
    match run.status {
        Status::Complete if is_blind(run) => {
            out::tell(
                "error: the samples stand for less than a tenth of the CPU time that the server \
                 used, which is no profile: if its threads or processes live for less than a \
                 millisecond, sample more often (--hz 9997); if another process serves, name it",
            );
            Exit::CouldNotMeasure
        }
        Status::Complete if run.load.valid => Exit::Done,
        Status::Complete => {
            out::tell(
                "error: too many slices failed for a figure that could be quoted; the warnings \
                 say why, and the run is kept as not valid",
            );
            Exit::CouldNotMeasure
        }
        Status::Interrupted => {
            out::tell("interrupted: what was measured until then is kept");
            Exit::Interrupted
        }
        Status::Failed => {
            out::tell(&format!(
                "error: the measurement broke off{}\nwhat was measured until then is kept, \
                 marked as failed",
                if json { why(run) } else { String::new() }
            ));
            Exit::CouldNotMeasure
        }
    }
}

/// Less sampled time than this share of the CPU time that was used is no profile.
const SEEN_MIN: f64 = 0.1;
/// With less CPU time than this in the slices that count, samples may fail to come by chance.
const CPU_MIN: f64 = 0.2;

/// Whether a profile was asked for and nearly nothing was sampled of a server that worked.
fn is_blind(run: &Run) -> bool {
    let cpu = run.server.cpus_used.unwrap_or(0.0) * run.load.duration_s;
    let Some(profile) = run.profile.as_ref().filter(|_| cpu >= CPU_MIN) else { return false };
    profile.samples == 0 || profile.coverage.is_some_and(|coverage| coverage < SEEN_MIN)
}

/// The reason that a summary would have told, and what explains it.
fn why(run: &Run) -> String {
    let said = [run.reason.as_deref(), run.diagnosis.as_deref()].into_iter().flatten();
    said.map(|reason| format!(": {reason}")).collect()
}
