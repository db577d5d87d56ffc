//! Names that fit a line of folded text.

use std::borrow::Cow;

use crate::plain::is_unprintable;

/// Marks a kernel frame in folded text, as the collapse scripts for perf do, so that a palette
/// can tell it apart.
///
/// They also mark inlined frames, with `_[i]`. That is not done here: a function that is inlined
/// at one place and called at another would show as two.
pub const KERNEL_SUFFIX: &str = "_[k]";

/// What stands for a frame, thread or process without a name.
const UNKNOWN: &str = "[unknown]";

/// A name of folded text without its suffix, as it is to be shown.
pub fn clean(name: &str) -> &str {
    name.strip_suffix(KERNEL_SUFFIX).unwrap_or(name)
}

/// The name as it can be shown anywhere: control characters are replaced, which XML has no place
/// for and a terminal would obey.
pub(super) fn printable(name: &str) -> Cow<'_, str> {
    let trimmed = name.trim();
    match trimmed {
        "" => Cow::Borrowed(UNKNOWN),
        _ if trimmed.contains(is_unprintable) => {
            Cow::Owned(trimmed.replace(is_unprintable, "\u{fffd}"))
        }
        _ => Cow::Borrowed(trimmed),
    }
}

/// The name as it can stand in a stack: printable, and without the `;` that separates frames.
pub(super) fn safe(name: &str) -> Cow<'_, str> {
    let name = printable(name);
    if name.contains(';') { Cow::Owned(name.replace(';', ":")) } else { name }
}

/// The name that a pool's threads share: `worker-12` -> `worker`.
///
/// None where the name does not end in a number after a separator, or in a number at all when
/// `any` is set: `http2` alone is a name of its own, `http1` and `http2` are a pool.
pub(super) fn pool(name: &str, any: bool) -> Option<&str> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let bare = stem.trim_end_matches(['-', '_', ' ', ':', '#', '/', '.']);
    let numbered = stem.len() < name.len() && !bare.is_empty();
    (numbered && (any || bare.len() < stem.len())).then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_names_are_mended() {
        assert_eq!(safe("main"), "main");
        assert_eq!(safe("<[u8; 4]>::f"), "<[u8: 4]>::f");
        assert_eq!(printable("<[u8; 4]>::f"), "<[u8; 4]>::f");
        assert_eq!(safe(" \t"), "[unknown]");
        assert_eq!(safe("a\nb\u{1b}c"), "a\u{fffd}b\u{fffd}c");
        assert_eq!(safe("exe.\u{202e}gnp"), "exe.\u{fffd}gnp");
    }

    #[test]
    fn a_pool_has_one_name() {
        assert_eq!(pool("worker-12", false), Some("worker"));
        assert_eq!(pool("Thread #3", false), Some("Thread"));
        assert_eq!(pool("http2", false), None);
        assert_eq!(pool("http2", true), Some("http"));
        assert_eq!(pool("tokio-rt-worker", true), None);
        assert_eq!(pool("42", true), None);
        assert_eq!(pool("-42", true), None);
    }
}
