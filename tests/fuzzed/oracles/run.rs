//! Records of runs.

use flameload::record::Store;

use super::files::with_file;

/// Any file is a record or refused with a reason; a record says the same when it is read again.
pub(super) fn check(bytes: &[u8]) {
    with_file("run.json", bytes, |folder| match Store::read(folder) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(run) => {
            let again = Store::read(folder).expect("it could be read");
            assert_eq!(format!("{run:?}"), format!("{again:?}"));
        }
    });
}
