//! What `/proc` says about processes and sockets.

use flameload::target::fuzzing::procfs;

/// Any text is read the same each time.
pub(super) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(procfs(&text), procfs(&text));
}
