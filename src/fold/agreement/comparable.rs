//! Names that two tools give to the same function, made alike.

/// A name without what tools and compilers add to it: the compiler's hash, arguments of generics,
/// the numbers of closures, and the marks of an assembler's calling convention.
pub(super) fn comparable(name: &str) -> String {
    let name = without_suffixes(name.trim());
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(next) = rest.chars().next() {
        let arguments = if begins_arguments(&out, rest) { balanced(rest) } else { None };
        match arguments {
            Some(length) => {
                // `collect::<Vec<_>>` and `collect<Vec<_>>` are the same.
                if out.ends_with("::") && !rest[length..].starts_with("::") {
                    out.truncate(out.len() - 2);
                }
                rest = &rest[length..];
                if out.ends_with("::") && rest.starts_with("::") {
                    rest = &rest[2..];
                }
            }
            None => {
                out.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    closures(&out)
}

fn without_suffixes(name: &str) -> &str {
    let name = [".abi0", ".abiinternal"]
        .iter()
        .fold(name, |name, end| name.strip_suffix(end).unwrap_or(name));
    match name.rsplit_once("::h") {
        Some((stem, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            stem
        }
        _ => name,
    }
}

/// Whether arguments of a generic begin where `rest` does: after a name, or after `::`.
fn begins_arguments(before: &str, rest: &str) -> bool {
    let after_name = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    match rest.as_bytes().first() {
        Some(b'<') => after_name || before.ends_with("::"),
        Some(b'[') => after_name,
        _ => false,
    }
}

/// The length of what begins with a bracket, up to its partner; none where it has none.
fn balanced(text: &str) -> Option<usize> {
    let (mut depth, mut previous) = (0_usize, ' ');
    for (at, c) in text.char_indices() {
        match c {
            '<' | '[' => depth += 1,
            // An arrow closes nothing.
            '>' if previous == '-' => {}
            '>' | ']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(at + c.len_utf8());
        }
        previous = c;
    }
    None
}

/// `{closure#1}`, `{closure_env#0}` and `{{closure}}` are closures.
fn closures(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find("{closure") {
        let numbered = rest[at..].find('}').filter(|end| rest[at..at + end].contains('#'));
        let Some(end) = numbered else {
            let (before, after) = rest.split_at(at + "{closure".len());
            out.push_str(before);
            rest = after;
            continue;
        };
        out.push_str(&rest[..at]);
        out.push_str("{{closure}}");
        rest = &rest[at + end + 1..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_function_are_one() {
        for (name, same) in [
            ("runtime.memmove.abi0", "runtime.memmove"),
            ("slices.pdqsort[go.shape.int]", "slices.pdqsort[...]"),
            ("main.(*Tree[go.shape.string]).Walk", "main.(*Tree[...]).Walk"),
            ("app::main::h0123456789abcdef", "app::main"),
            (
                "core::iter::Iterator::collect::<alloc::vec::Vec<u8>>",
                "core::iter::Iterator::collect",
            ),
            ("alloc::vec::Vec<T,A>::push", "alloc::vec::Vec::push"),
            ("alloc::vec::Vec::<u8>::push", "alloc::vec::Vec<T>::push"),
            ("<a::B<C> as d::E<F>>::g", "<a::B as d::E>::g"),
            ("a::b::{closure#0}", "a::b::{{closure}}"),
            ("a::f<fn(u8) -> u8>::g", "a::f::g"),
        ] {
            assert_eq!(comparable(name), comparable(same), "{name}");
        }
    }

    #[test]
    fn what_is_no_generic_is_kept() {
        for name in [
            "net/http.(*conn).serve",
            "<[u8]>::len",
            "<&T as a::B>::c",
            "[libc.so.6]",
            "operator<",
            "main.main.func1",
            "a::{{closure}}",
        ] {
            assert_eq!(comparable(name), name);
        }
        assert_eq!(comparable("a::hello"), "a::hello");
    }

    proptest! {
        #[test]
        fn any_name_is_shortened_once(name in "[a-c:<>\\[\\]{}# -]{0,30}|\\PC{0,30}") {
            let once = comparable(&name);
            let closures = name.matches("{closure").count();
            prop_assert!(once.len() <= name.len() + 4 * closures);
        }
    }
}
