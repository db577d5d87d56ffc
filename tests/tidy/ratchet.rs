//! Lists of exceptions that may only shrink.

use std::collections::BTreeMap;

/// What a file is known to have too much of, and how much.
pub(super) type Ratchet = &'static [(&'static str, usize)];

/// What is wrong if `found` holds what each file really has: a file that has more than its entry
/// allows, and an entry that allows more than its file has.
pub(super) fn complaints(found: &BTreeMap<String, usize>, ratchet: Ratchet) -> Vec<String> {
    let allowed: BTreeMap<&str, usize> = ratchet.iter().copied().collect();
    let of = |name: &str| allowed.get(name).copied().unwrap_or(0);
    let more = found
        .iter()
        .filter(|(name, count)| **count > of(name))
        .map(|(name, count)| format!("{name}: {count}, and {} allowed", of(name)));
    let less = allowed
        .iter()
        .filter(|(name, count)| found.get(**name).copied().unwrap_or(0) < **count)
        .map(|(name, _)| format!("{name}: the list of exceptions allows more than is there"));
    more.chain(less).collect()
}

#[test]
fn an_exception_may_only_shrink() {
    let found = |count| BTreeMap::from([("a".to_owned(), count)]);
    assert_eq!(complaints(&found(2), &[("a", 2)]), [""; 0]);
    assert_eq!(complaints(&found(3), &[("a", 2)]), ["a: 3, and 2 allowed"]);
    assert_eq!(complaints(&found(1), &[]), ["a: 1, and 0 allowed"]);
    let stale = ["a: the list of exceptions allows more than is there"];
    assert_eq!(complaints(&found(1), &[("a", 2)]), stale);
    assert_eq!(complaints(&BTreeMap::new(), &[("a", 2)]), stale);
}
