//! The reader of a server's first answer.

use flameload::target::fuzzing::answer;

use super::Pieces;

/// The same bytes are the same answer, however they arrive.
pub(super) fn check(bytes: &[u8]) {
    let Some(pieces) = Pieces::of(bytes) else { return };
    let whole = answer(&[pieces.stream]).ok();
    for cut in [pieces.cut(), pieces.bytes()] {
        assert_eq!(answer(&cut).ok(), whole, "in {} pieces", cut.len());
    }
    if let Some((status, is_complete)) = whole {
        assert!(status.is_some() || !is_complete, "complete without a head");
    }
}
