//! Records of benchmarks.

use flameload::{record::Store, report};

use super::files::with_file;

/// Any file is a record or refused with a reason; of a record, all its tables can be made.
pub(super) fn check(bytes: &[u8]) {
    with_file("bench.json", bytes, |folder| match Store::read_bench(folder) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(bench) => {
            let again = Store::read_bench(folder).expect("it could be read");
            assert_eq!(report::derive(&bench).ok(), report::derive(&again).ok());
        }
    });
}
