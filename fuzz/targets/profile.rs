#![no_main]
#![doc = "Made-up bytes for `tests/fuzzed/oracles/profile.rs`."]

include!("../target.rs");

fuzz!("profile");
