//! Seeds with a few changes.

use proptest::{prelude::*, sample::Index};

use super::{oracles, seeds};

/// How many mutants an oracle gets; each seed is run as it is, too.
const MUTANTS: u32 = 400;

/// One change of some bytes.
#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, Index),
    /// A part of the bytes once more, somewhere else.
    Repeat(Index, Index, Index),
    Cut(Index),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let at = |index: &Index, bytes: &[u8]| index.index(bytes.len() + 1);
        let range = |one: &Index, other: &Index, bytes: &[u8]| {
            let (one, other) = (at(one, bytes), at(other, bytes));
            one.min(other)..one.max(other)
        };
        match self {
            Self::Set(index, value) => {
                let place = at(index, bytes);
                bytes.get_mut(place).into_iter().for_each(|byte| *byte = *value);
            }
            Self::Insert(index, new) => {
                let place = at(index, bytes);
                bytes.splice(place..place, new.iter().copied());
            }
            Self::Remove(one, other) => drop(bytes.drain(range(one, other, bytes))),
            Self::Repeat(one, other, index) => {
                let part = bytes[range(one, other, bytes)].to_vec();
                let place = at(index, bytes);
                bytes.splice(place..place, part);
            }
            Self::Cut(index) => bytes.truncate(at(index, bytes)),
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<Index>;
    // Signs that mean something in one format or another.
    let sign = prop::sample::select(b"\0\r\n \t:;,=-+.%{}[]\"'#09afx\xff".to_vec());
    let byte = prop_oneof![sign, any::<u8>()].boxed();
    prop_oneof![
        4 => (index(), byte.clone()).prop_map(|(at, byte)| Change::Set(at, byte)),
        2 => (index(), prop::collection::vec(byte, 1..8)).prop_map(|(at, new)| Change::Insert(at, new)),
        2 => (index(), index()).prop_map(|(one, other)| Change::Remove(one, other)),
        1 => (index(), index(), index()).prop_map(|(a, b, at)| Change::Repeat(a, b, at)),
        1 => index().prop_map(Change::Cut),
    ]
}

/// The same mutants each time: a test that fails by chance would fail for somebody else.
#[track_caller]
fn hold(oracle: &str) {
    let (_, check) = oracles::ALL.into_iter().find(|(name, _)| *name == oracle).expect("an oracle");
    let config = ProptestConfig { cases: MUTANTS, failure_persistence: None, ..Default::default() };
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(Default::default()),
    );
    let seeds = prop::sample::select(seeds::of(oracle));
    let mutants =
        (seeds, prop::collection::vec(change(), 1..6)).prop_map(|(mut bytes, changes)| {
            changes.iter().for_each(|change| change.apply(&mut bytes));
            bytes
        });
    let held = runner.run(&mutants, |bytes| {
        oracles::hold(check, &bytes);
        Ok(())
    });
    held.unwrap_or_else(|error| panic!("{oracle}: {error}"));
}

macro_rules! hold {
    ($($oracle:ident)*) => {
        $(
            #[test]
            fn $oracle() {
                hold(stringify!($oracle));
            }
        )*

        #[test]
        fn every_oracle_is_held() {
            assert_eq!([$(stringify!($oracle)),*], oracles::ALL.map(|(name, _)| name));
        }
    };
}

hold! {
    answer bench cookies elf folded manifest perf_map pprof procfs profile record response run script
    tools
}
