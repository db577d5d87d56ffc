//! Ctrl-C, SIGTERM and SIGHUP, as a flag that whoever waits looks at.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::Context as _;

/// What a second signal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Second {
    /// Ends the tool at once; for commands of which the guard ends all that they started.
    Exits,
    /// Nothing more than the first.
    Waits,
}

/// A flag that the first signal sets.
///
/// # Errors
/// When the system refuses the handler.
pub(crate) fn flag(second: Second) -> anyhow::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    let handler = move || {
        if flag.swap(true, Ordering::Relaxed) && second == Second::Exits {
            #[expect(clippy::exit, reason = "whoever presses Ctrl-C twice does not want to wait")]
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handler).context("cannot listen for Ctrl-C")?;
    Ok(interrupted)
}
