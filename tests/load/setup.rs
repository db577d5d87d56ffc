//! Scripts, plans and slices for the tests.

use std::{
    fs,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use flameload::load::{Generator, LoadError, Plan, Script, Tally};

use super::server::Server;

/// One generator at a time: their threads are counted, and two CPUs are soon full.
pub(super) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A script of so many connections, with further keys for `[load]` and for `[[request]]`.
pub(super) fn script(connections: usize, load: &str, request: &str) -> Script {
    let text = format!(
        "schema = 1\nname = \"test\"\n[load]\nconnections = {connections}\nduration = \"1s\"\n\
         {load}\n[[request]]\nname = \"test\"\npath = \"/\"\n{request}\n"
    );
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("test.toml");
    fs::write(&path, text).expect("the script is written");
    Script::read(&path).expect("the script is valid").remove(0)
}

pub(super) fn start(script: &Script, addr: SocketAddr) -> Result<Generator, LoadError> {
    Generator::start(&Plan::new(script, addr, &[])?)
}

/// Lets the load flow for `millis`, then drains it.
pub(super) fn slice(generator: &mut Generator, millis: u64) -> Tally {
    generator.resume();
    thread::sleep(Duration::from_millis(millis));
    generator.pause()
}

/// Lets the load flow until the server has received so many more requests, then drains it.
pub(super) fn slice_of(generator: &mut Generator, server: &Server, requests: u64) -> Tally {
    let before = server.received();
    generator.resume();
    eventually("the load flows", || server.received() - before >= requests);
    generator.pause()
}

/// Starts the script and measures one slice of at least so many requests.
pub(super) fn run(script: &Script, server: &Server, requests: u64) -> Tally {
    let mut generator = start(script, server.addr).expect("the server accepts");
    slice_of(&mut generator, server, requests)
}

/// Waits until `condition` holds; the patience, of a minute at least, only ends a test that fails.
#[track_caller]
pub(super) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..12_000 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("never: {what}");
}
