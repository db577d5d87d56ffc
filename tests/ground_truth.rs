//! The sampler against the truth: programs whose use of the CPU is known, sampled and named.

#[path = "support/measured.rs"]
mod measured;
#[path = "support/skip.rs"]
mod skip;

mod ground_truth {
    mod adapts;
    mod attaches;
    mod binaries;
    mod callers;
    mod compiled;
    mod cpp;
    mod go;
    mod known;
    mod names;
    mod processes;
    mod python;
    mod shares;
    mod stacks;
    mod storm;
    mod switches;
    mod unprivileged;
    mod view;
}
