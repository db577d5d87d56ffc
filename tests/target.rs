//! Targets with real processes: started, watched, stopped, and outlived by none of them.

mod target {
    mod builds;
    mod helper;
    mod hyper;
    mod killed;
    mod launches;
    mod stops;
    mod support;
}
