//! Folded stacks.

use flameload::fold::Folded;

/// What is read and written is what is read again.
pub(super) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(folded) = text.parse::<Folded>() else { return };
    let written = folded.to_string();
    let again: Folded = written.parse().expect("what was written can be read");
    assert_eq!(again.to_string(), written);
    assert_eq!(again.total(), folded.total());
}
