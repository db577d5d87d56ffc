//! `xtask profile`, `bench`, `compare` and others as their users meet it: the real binary, real servers, real failures.

#[path = "../../tests/support/measured.rs"]
mod measured;
#[path = "../../tests/support/skip.rs"]
mod skip;

mod profile {
    mod attached;
    mod backends;
    mod bench;
    mod bench_load;
    mod bench_observer;
    mod bench_truth;
    mod bisect;
    mod bombs;
    mod browser;
    mod case;
    mod chain;
    mod collapse;
    mod endpoints;
    mod failures;
    mod hyper;
    mod java;
    mod live;
    mod load;
    mod picture;
    mod signals;
    mod store;
    mod system;
    mod terminal;
    mod usage;
}
