//! Files of code: their unwind tables, symbols and debug information.

use flameload::{sample::fuzzing::unwinding, symbolize::fuzzing::names};

use super::files::with_file;

/// Any file is read the same each time, and each address has a function with a name.
pub(super) fn check(bytes: &[u8]) {
    with_file("code", bytes, |folder| {
        let file = folder.join("code");
        let addresses: Vec<u64> = (0x1000..0x1200).step_by(7).chain([0, 1 << 47]).collect();
        assert_eq!(unwinding(&file, &addresses), unwinding(&file, &addresses));
        for functions in names(&file, &addresses) {
            assert!(functions.iter().all(|name| !name.is_empty()) && !functions.is_empty());
        }
    });
}
