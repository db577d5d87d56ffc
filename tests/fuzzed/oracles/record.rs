//! The kernel's records of samples, and its lists of mappings.

use flameload::sample::fuzzing::{maps, record, stated};

/// A record has no bytes that did not come, and a sample that is cut short is none.
pub(super) fn check(bytes: &[u8]) {
    let decoded = record(bytes);
    let (size, time) = stated(bytes);
    assert!(size.is_none_or(|size| size >= 8), "a record is larger than its header");
    if let Some(decoded) = &decoded {
        assert!(bytes.len() >= 8, "{decoded:?} without a header");
        assert_eq!(Some(decoded), record(bytes).as_ref(), "read again");
    }
    if let Some((stack, chain)) = decoded.and_then(|decoded| decoded.sample) {
        assert!(time.is_some(), "a sample has a time");
        assert!(stack + chain + 8 <= bytes.len(), "{stack} + {chain} of {} bytes", bytes.len());
    }
    for (address, length) in maps(bytes) {
        assert!(address.checked_add(length).is_some(), "{address:x} + {length:x}");
    }
}
