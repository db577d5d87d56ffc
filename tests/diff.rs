//! The differential flamegraph as other programs read it, through the public API alone.

#[path = "support/skip.rs"]
mod skip;

mod diff {
    mod browser;
    mod files;
    mod graph;
}
