//! Names that stay the same from one build to the next.

/// What compilers append to the name of a copy that they made of a function, with a number or
/// without.
const CLONES: [&str; 7] = ["llvm", "cold", "part", "isra", "constprop", "lto_priv", "localalias"];
/// Digits of the hash at the end of a Rust name.
const HASH_DIGITS: usize = 16;

/// The name without what changes though the source does not: the hash of a build, the marks of
/// copies, the numbers of closures.
pub(super) fn clean(name: &str) -> String {
    without_numbers(without_clones(without_hash(name)))
}

/// The name without its generic arguments: `<A<T> as B<U>>::f::<V>` becomes `<A as B>::f`.
///
/// For a name that the other side does not have: arguments change with the types around a
/// function. Where brackets do not match, the name stays.
pub(super) fn without_generics(name: &str) -> String {
    fold(name).unwrap_or_else(|| name.to_owned())
}

fn without_hash(name: &str) -> &str {
    let is_hash =
        |hash: &str| hash.len() == HASH_DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    match name.rsplit_once("::h") {
        Some((stem, hash)) if is_hash(hash) => stem,
        _ => name,
    }
}

fn without_clones(mut name: &str) -> &str {
    while let Some((stem, last)) = name.rsplit_once('.') {
        let is_number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
        let numbered = stem.rsplit_once('.').filter(|_| is_number);
        let (stem, mark) = numbered.unwrap_or((stem, last));
        if stem.is_empty() || !CLONES.contains(&mark) {
            break;
        }
        name = stem;
    }
    name
}

/// `{closure#3}` becomes `{closure}`.
fn without_numbers(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('#') {
        out.push_str(before);
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let is_number = digits > 0 && after[digits..].starts_with('}');
        if !is_number {
            out.push('#');
        }
        rest = if is_number { &after[digits..] } else { after };
    }
    out + rest
}

/// Leaves out each `<…>` or `[…]` that follows a name; those that do not are part of one, as in
/// `<A as B>::f`, and stay, without the arguments inside them.
fn fold(name: &str) -> Option<String> {
    let mut out = String::with_capacity(name.len());
    let (mut kept, mut skipped) = (0_usize, Vec::new());
    for (at, c) in name.char_indices() {
        let arrow = c == '>' && name[..at].ends_with('-');
        if let Some(close) = skipped.last() {
            match c {
                '<' => skipped.push('>'),
                '[' => skipped.push(']'),
                _ if c == *close && !arrow => _ = skipped.pop(),
                _ => {}
            }
            continue;
        }
        match c {
            '<' | '>' if arrow || is_operator(&out) => out.push(c),
            '<' if follows_name(&out) && !name[at..].starts_with("<impl ") => skipped.push('>'),
            '[' if follows_name(&out) && !out.ends_with(':') => skipped.push(']'),
            '<' => {
                kept += 1;
                out.push(c);
            }
            '>' => {
                kept = kept.checked_sub(1)?;
                out.push(c);
            }
            _ => out.push(c),
        }
        if !skipped.is_empty() && out.ends_with("::") {
            out.truncate(out.len() - 2);
        }
    }
    (kept == 0 && skipped.is_empty()).then_some(out)
}

/// Whether arguments may follow: after an identifier, or the `::` after one.
fn follows_name(before: &str) -> bool {
    let stem = before.strip_suffix("::").unwrap_or(before);
    stem.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '}')
}

/// Whether the name of an operator of C++ goes on: `operator<`, `operator>>`, `operator->`.
fn is_operator(before: &str) -> bool {
    before.trim_end_matches(['<', '>', '-', '=']).ends_with("operator")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_build_adds_is_taken_away() {
        for (name, expected) in [
            ("core::fmt::write::h0123456789abcdef", "core::fmt::write"),
            ("core::fmt::write::hello", "core::fmt::write::hello"),
            ("parse.llvm.1234567890", "parse"),
            ("parse.part.0.cold", "parse"),
            ("parse.isra.0.constprop.12", "parse"),
            (".cold", ".cold"),
            ("main.main.func1.2", "main.main.func1.2"),
            ("net/http.(*conn).serve", "net/http.(*conn).serve"),
            ("app::run::{closure#12}::{impl#3}", "app::run::{closure}::{impl}"),
            ("app::run::{{closure}}", "app::run::{{closure}}"),
            ("C#3 and #", "C#3 and #"),
            ("[libc.so.6]", "[libc.so.6]"),
        ] {
            assert_eq!(clean(name), expected);
        }
    }

    #[test]
    fn generic_arguments_are_left_out() {
        for (name, expected) in [
            ("alloc::vec::Vec<T,A>::push", "alloc::vec::Vec::push"),
            ("core::ptr::drop_in_place<alloc::vec::Vec<u8>>", "core::ptr::drop_in_place"),
            ("a::collect::<Vec<fn() -> u8>>::{closure}", "a::collect::{closure}"),
            ("<hyper::Conn<I, B> as Future<T>>::poll::<X>", "<hyper::Conn as Future>::poll"),
            ("<[u8; 4] as app::Encode>::encode", "<[u8; 4] as app::Encode>::encode"),
            ("core::num::<impl From<u8> for u32>::from", "core::num::<impl From for u32>::from"),
            ("<&mut A<B> as C>::d", "<&mut A as C>::d"),
            ("main.Map[go.shape.int,go.shape.[]uint8]", "main.Map"),
            ("std::vector<int, std::allocator<int> >::at(int)", "std::vector::at(int)"),
            ("operator<< <char>(std::ostream&)", "operator<< <char>(std::ostream&)"),
            ("A<int>::operator->()", "A::operator->()"),
            ("A<int>::operator<(A<int>)", "A::operator<(A)"),
            ("<module>", "<module>"),
            ("[libc.so.6]", "[libc.so.6]"),
            ("a<b", "a<b"),
            ("a>b", "a>b"),
        ] {
            assert_eq!(without_generics(name), expected);
        }
    }

    proptest! {
        #[test]
        fn any_name_only_loses(name in "([a-c:<>\\[\\]{}#.0-9 µ-]|::h|cold|part){0,40}") {
            let clean = clean(&name);
            let folded = without_generics(&clean);
            prop_assert!(clean.len() <= name.len() && folded.len() <= clean.len());
            // What is left of it is there in the same order.
            let mut rest = name.chars();
            prop_assert!(folded.chars().all(|c| rest.any(|other| other == c)));
        }
    }
}
