//! Targets with real processes: started, watched, stopped, and outlived by none of them.

#[path = "support/skip.rs"]
mod skip;

mod target {
    mod budgets;
    mod builds;
    mod chains;
    mod daemons;
    mod databases;
    mod go;
    mod helper;
    mod hyper;
    mod killed;
    mod launches;
    mod python;
    mod readiness;
    mod stops;
    mod support;
}
