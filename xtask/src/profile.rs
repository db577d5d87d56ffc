//! `cargo xtask profile`: measure a server and keep a flamegraph that carries the run's figures.

use std::{net::SocketAddr, num::NonZero, path::PathBuf, str::FromStr, time::Duration};

use anyhow::{Context, bail};
use flameload::{
    load::Script,
    measure::{self, Attach, Launch, Settings, What},
    record::{Run, Status},
    symbolize::Detail,
    target::{Cpus, Manifest, split_cpus},
    unit::{Bytes, Hertz, parse_duration},
};

use crate::{
    exit::Exit,
    interrupt::{self, Second},
    out,
    paths::{self, StoreArgs},
    progress::Progress,
    summary,
};

/// Profile a server under load and keep a flamegraph with its throughput.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask profile hyper
  cargo xtask profile hyper --script hello --duration 30s --connections 128
  cargo xtask profile --manifest ~/shop/target.toml --script ~/shop/checkout.toml
  cargo xtask profile --pid 4242 --script users
  cargo xtask profile hyper --json | jq .server.cpu_us_per_request")]
pub(crate) struct Args {
    /// The target, by its name under targets/
    #[arg(required_unless_present_any = ["manifest", "pid"], conflicts_with_all = ["manifest", "pid"])]
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

    /// The load script: a name under scripts/ or a path [default: the manifest's; hello for --pid]
    #[arg(long, short)]
    script: Option<String>,

    /// How long to measure [default: the script's]
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,

    /// How long to apply load before measuring [default: the script's]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    warmup: Option<Duration>,

    /// Connections at once [default: the script's]
    #[arg(long, short, value_name = "N")]
    connections: Option<NonZero<u32>>,

    /// Samples per second of CPU time
    #[arg(long, default_value = "997")]
    hz: Hertz,

    /// How much of each stack a sample copies: less disturbs the server less, and cuts deep stacks
    /// [default: as much as the warm-up finds is needed]
    #[arg(long, value_name = "KIB", value_parser = stack_copy)]
    stack: Option<Bytes>,

    /// Who runs where, such as server=0-2,load=3 [default: load gets the last quarter]
    #[arg(long, value_name = "server=LIST,load=LIST")]
    cpus: Option<CpuChoice>,

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

    /// Print the record as one line of JSON on stdout instead of the summary
    #[arg(long)]
    json: bool,

    /// Open the flamegraph when done
    #[arg(long)]
    open: bool,

    #[command(flatten)]
    store: StoreArgs,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> anyhow::Result<Exit> {
    let what = args.what()?;
    let settings = args.settings(&what)?;
    let interrupted = interrupt::flag(Second::Exits)?;
    let mut progress = Progress::new();
    let measured =
        measure::profile(&what, &settings, &args.store.store(), &interrupted, &mut |event| {
            progress.show(event);
        });
    progress.finish();
    let finished = measured?;
    summary::print(&finished, args.json)?;
    if args.open
        && let Err(error) = open(&finished.directory.join("cpu.svg"))
    {
        // The run was made and kept: a browser that is missing does not undo that.
        out::tell(&format!("note: {error:#}"));
    }
    Ok(verdict(&finished.run, args.json))
}

/// What a run that was kept came to, which the summary says more of; `--json` has none.
fn verdict(run: &Run, json: bool) -> Exit {
    let reason = match &run.reason {
        Some(reason) if json => format!(": {reason}"),
        _ => String::new(),
    };
    match run.status {
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
                "error: the measurement broke off{reason}\nwhat was measured until then is kept, \
                 marked as failed"
            ));
            Exit::CouldNotMeasure
        }
    }
}

impl Args {
    fn what(&self) -> anyhow::Result<What> {
        if let Some(pid) = self.pid {
            let addr = self.url.as_ref().map(|url| url.0);
            return Ok(What::Process(Attach { pid, addr }));
        }
        let manifest = match (&self.manifest, &self.target) {
            (Some(path), _) => Manifest::read(path)?,
            (None, Some(name)) => Manifest::find(&paths::targets(), name)?,
            (None, None) => bail!("name a target, or give --manifest or --pid"),
        };
        let color = std::io::IsTerminal::is_terminal(&std::io::stderr());
        Ok(What::Target(Box::new(Launch {
            manifest,
            port: self.port,
            open_files: self.server_open_files,
            color,
        })))
    }

    fn settings(&self, what: &What) -> anyhow::Result<Settings> {
        let (server_cpus, load_cpus) = self.choose_cpus()?;
        Ok(Settings {
            script: self.load_script(what)?,
            hz: self.hz,
            dump: self.stack,
            server_cpus,
            load_cpus,
            detail: if self.names_only { Detail::NamesOnly } else { Detail::Auto },
            command: std::iter::once("cargo xtask".to_owned())
                .chain(std::env::args().skip(1))
                .collect::<Vec<_>>()
                .join(" "),
        })
    }

    fn load_script(&self, what: &What) -> anyhow::Result<Script> {
        let default = match what {
            What::Target(launch) => launch.manifest.script.as_deref(),
            What::Process(_) => None,
        };
        let name = self.script.as_deref().or(default).unwrap_or("hello");
        let mut script = Script::find(&paths::scripts(), name)?.remove(0);
        if let Some(connections) = self.connections {
            script = script.with_connections(connections);
        }
        if let Some(duration) = self.duration {
            script = script.with_duration(duration)?;
        }
        if let Some(warmup) = self.warmup {
            script = script.with_warmup(warmup)?;
        }
        Ok(script)
    }

    fn choose_cpus(&self) -> anyhow::Result<(Cpus, Cpus)> {
        let available = Cpus::available().context("cannot tell which CPUs are available")?;
        if let Some(CpuChoice { server, load }) = &self.cpus {
            let known =
                |cpus: &Cpus| cpus.as_slice().iter().all(|cpu| available.as_slice().contains(cpu));
            if let Some(wrong) = [server, load].into_iter().find(|cpus| !known(cpus)) {
                bail!("cannot use the CPUs {wrong}: those that may be used are {available}");
            }
            return Ok((server.clone(), load.clone()));
        }
        let split = split_cpus(available.as_slice());
        Ok((split.server, split.load))
    }
}

fn open(svg: &std::path::Path) -> anyhow::Result<()> {
    let status = std::process::Command::new("xdg-open")
        .arg(svg)
        .status()
        .with_context(|| format!("cannot run xdg-open; open {} in a browser", svg.display()))?;
    if !status.success() {
        bail!("xdg-open failed ({status}); open {} in a browser", svg.display());
    }
    Ok(())
}

/// Kibibytes from 1 to 63: what the kernel puts into one record.
fn stack_copy(text: &str) -> Result<Bytes, String> {
    match text.parse::<u64>() {
        Ok(kib @ 1..=63) => Ok(Bytes(kib << 10)),
        _ => Err(format!("'{text}' is not a whole number of KiB from 1 to 63")),
    }
}

/// The address in a URL such as `http://127.0.0.1:8080`.
#[derive(Debug, Clone)]
struct Url(SocketAddr);

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let address = address.replace("localhost", "127.0.0.1");
        address.parse().map(Self).map_err(|_| {
            format!("'{text}' is not the address of a server, such as http://127.0.0.1:8080")
        })
    }
}

/// Which CPUs the server and the load get.
#[derive(Debug, Clone)]
struct CpuChoice {
    server: Cpus,
    load: Cpus,
}

impl FromStr for CpuChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("'{text}' is not of the form server=LIST,load=LIST");
        let (first, second) = text
            .split_once(",load=")
            .and_then(|(server, load)| Some((server.strip_prefix("server=")?, load)))
            .or_else(|| {
                let (load, server) = text.split_once(",server=")?;
                Some((server, load.strip_prefix("load=")?))
            })
            .ok_or_else(form)?;
        let cpus = |list: &str| list.parse::<Cpus>().map_err(|error| error.to_string());
        Ok(Self { server: cpus(first)?, load: cpus(second)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_choices_name_both_sides_in_any_order() {
        let choice: CpuChoice = "server=0-2,5,load=3".parse().expect("this is the form");
        assert_eq!(
            (choice.server.as_slice(), choice.load.as_slice()),
            (&[0, 1, 2, 5][..], &[3][..])
        );
        let choice: CpuChoice = "load=1,server=0".parse().expect("the order does not matter");
        assert_eq!((choice.server.as_slice(), choice.load.as_slice()), (&[0][..], &[1][..]));
        for wrong in ["", "0,1", "server=0", "server=x,load=1", "server=,load=1"] {
            assert!(wrong.parse::<CpuChoice>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn urls_are_addresses() {
        assert!("http://127.0.0.1:80/".parse::<Url>().is_ok());
        assert!("localhost:8080".parse::<Url>().is_ok());
        assert!("http://example.org".parse::<Url>().is_err());
    }
}
