//! Ctrl-C, SIGTERM and SIGHUP, as a flag that whoever waits looks at.

use std::{
    fs,
    sync::{Arc, atomic::AtomicBool},
};

use anyhow::Context as _;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};

/// What a second signal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    /// Ends the tool at once; for commands of which the guard ends all that they started.
    Exits,
    /// Nothing more than the first.
    Waits,
}

/// A flag that the first signal sets.
///
/// # Errors
/// When the system refuses the handler.
pub fn flag(second: Second) -> anyhow::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let ignored = ignored();
    // What was ignored at the start stays so: `nohup`, and jobs in the background of a script.
    for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !ignored(*signal)) {
        let registered = match second {
            // In this order: the first signal finds the flag still down.
            Second::Exits => flag::register_conditional_shutdown(signal, 130, interrupted.clone()),
            Second::Waits => flag::register(signal, interrupted.clone()),
        };
        registered
            .and_then(|_| flag::register(signal, interrupted.clone()))
            .context("cannot listen for Ctrl-C")?;
    }
    Ok(interrupted)
}

/// Whether this process was started with a signal ignored.
fn ignored() -> impl Fn(i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    move |signal| mask >> (signal - 1) & 1 == 1
}
