//! Which statuses are good.

/// Whether `status` is one of those expected, or any 2xx if none is.
pub(super) fn good(expected: &[u16], status: u16) -> bool {
    match expected {
        [] => (200..300).contains(&status),
        expected => expected.contains(&status),
    }
}
