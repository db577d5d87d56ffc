//! Real inputs, and those that once broke something.

use std::{fs, path::Path};

use super::oracles;

/// The seeds of an oracle: each file in its folder, in the order of their names.
pub(super) fn of(oracle: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(oracle);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{oracle}: {error}"));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("readable")).collect()
}

#[test]
fn every_seed_holds() {
    for (name, check) in oracles::ALL {
        let seeds = of(name);
        assert!(!seeds.is_empty(), "{name} has no seeds");
        seeds.iter().for_each(|seed| oracles::hold(check, seed));
    }
}
