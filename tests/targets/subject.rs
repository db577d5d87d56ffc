//! A target, built, launched, asked and stopped.

use std::{
    fmt::Display,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError, atomic::AtomicBool},
};

use flameload::target::{
    BudgetName, BuildError, BuildOptions, Built, Ending, Guard, LaunchOptions, Manifest, Running,
    build, launch,
};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    client::Client,
    more::{connections_are_kept, eventually, profiles_are_served},
    row::{Dialect, Row},
    rows::BROKEN_CHAIN_ROWS,
    table::Target,
};
use crate::skip::skip;

static GO_ON: AtomicBool = AtomicBool::new(false);

/// Builds use all CPUs anyway, and some share a folder.
static BUILDS: Mutex<()> = Mutex::new(());

/// Holds the target in `folder` to everything that the table says of it, with one worker and with
/// several.
pub(super) fn check(target: &Target, folder: &str) {
    let guard = Guard::start().expect("a guard");
    let targets = root().join("targets");
    let manifest = Manifest::find(&targets, folder).expect("a target of this project");
    let script = manifest.script.as_ref().expect("each has a script of its own");
    let script = root().join("scripts").join(format!("{script}.toml"));
    assert!(script.is_file(), "no {}", script.display());
    let built = match built(&manifest, &guard) {
        Err(error @ BuildError::MissingTool { .. }) => return skip(error),
        built => done(built),
    };
    for (budget, ending) in [(BudgetName::Single, target.alone), (BudgetName::Multi, STOPPED)] {
        let budget = manifest.budget(budget);
        let options = LaunchOptions { budget, ..LaunchOptions::default() };
        let held = done(launch(&manifest, &built, &options, &guard));
        let running = done(held.release(&GO_ON));
        ask(target, &manifest, running.addr().expect("a port"));
        stop(target, running, ending);
    }
    if manifest.processes.len() > 1 {
        break_chain(target, &manifest, &built, &guard);
    }
}

/// How a server ends that was told to and has finished what it had to do.
pub(super) const STOPPED: Ending = Ending::Status(0);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// What was to be had; or the error in full, with what compilers and servers said.
#[track_caller]
fn done<T, E: Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

/// Built where the program builds, so that nothing is built twice.
fn built(manifest: &Manifest, guard: &Guard) -> Result<Built, BuildError> {
    let _turn = BUILDS.lock().unwrap_or_else(PoisonError::into_inner);
    build(manifest, &BuildOptions::default(), guard, &GO_ON, &mut |_| {})
}

fn ask(target: &Target, manifest: &Manifest, addr: SocketAddr) {
    for rows in target.sets {
        hold_to(addr, rows, &target.dialect);
    }
    for more in target.more {
        more(addr);
    }
    connections_are_kept(addr, target.first_path());
    let last = manifest.processes.last().expect("a process");
    if let Some(path) = &last.pprof {
        profiles_are_served(addr, path);
    }
}

/// Sends each request over a connection of its own: some errors close theirs.
fn hold_to(addr: SocketAddr, rows: &[Row], dialect: &Dialect) {
    let complaints: Vec<String> = rows
        .iter()
        .flat_map(|row| row.complaints(&Client::connect(addr).call(&row.request), dialect))
        .collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// Stops a target while a client still has an idle connection: that one is closed in order.
fn stop(target: &Target, running: Running, ending: Ending) {
    let mut idle = Client::connect(running.addr().expect("a port"));
    idle.get(target.first_path());
    for exit in running.stop() {
        assert_eq!(exit.ending, ending, "{exit}");
    }
    assert!(idle.is_closed());
}

/// A chain whose back end is gone says so, and goes on.
fn break_chain(target: &Target, manifest: &Manifest, built: &Built, guard: &Guard) {
    let held = done(launch(manifest, built, &LaunchOptions::default(), guard));
    let mut running = done(held.release(&GO_ON));
    let addr = running.addr().expect("a port");
    // A connection to the back end is open when that is killed.
    hold_to(addr, target.sets[0], &target.dialect);
    let back = running.pids()[0].cast_signed();
    kill_process(Pid::from_raw(back).expect("a process"), Signal::KILL).expect("it runs");
    let is_gone = || running.exited().is_some();
    eventually("the back end is gone", is_gone);
    for _ in 0..2 {
        hold_to(addr, BROKEN_CHAIN_ROWS, &target.dialect);
    }
    let endings: Vec<Ending> = running.stop().iter().map(|exit| exit.ending).collect();
    assert_eq!(endings, [Ending::Signal(9), STOPPED]);
}
