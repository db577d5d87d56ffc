//! Names of Rust and C++ functions, taken apart.
//!
//! ```text
//! <hyper::proto::h1::dispatch::Dispatcher<D,Bs,I,T> as core::future::future::Future>::poll
//!  `------------------ own ----------------'            `------- of_trait --------'   `own
//! ```

/// A name without generics, closures and hashes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Path<'a> {
    /// The parts of the function's path. Of a trait's implementation it is the type's path and the
    /// method; the trait's path and the method, where the type has none.
    pub(super) own: Vec<&'a str>,
    /// The path of the trait, of its implementation for a type.
    pub(super) of_trait: Vec<&'a str>,
    /// Whether the type that implements the trait is a reference or a parameter.
    pub(super) is_borrowed: bool,
    /// Whether it is code within the function: a closure, or an asynchronous block.
    pub(super) is_closure: bool,
}

/// Types within types are followed so far; deeper ones are as good as none.
const DEPTH_MAX: usize = 16;

/// Takes a name apart; none where its brackets do not fit.
pub(super) fn parse(name: &str) -> Option<Path<'_>> {
    parse_at(name, 0)
}

fn parse_at(name: &str, depth: usize) -> Option<Path<'_>> {
    let mut path = Path::default();
    for part in split(name, "::")? {
        path.push(part, depth)?;
    }
    (depth < DEPTH_MAX && !path.own.is_empty()).then_some(path)
}

impl<'a> Path<'a> {
    fn push(&mut self, part: &'a str, depth: usize) -> Option<()> {
        if let Some(inner) = part.strip_prefix('<') {
            return self.push_bracketed(inner.strip_suffix('>')?, depth);
        }
        // `call_once{{vtable.shim}}`, `f(int)`, `Vec<T,A>`: what follows a name is none. A part
        // that begins so, such as `{{closure}}` or `(anonymous namespace)`, is no name at all.
        let name = part.split(['<', '(', '{', '[']).next().unwrap_or(part).trim_end();
        self.is_closure |= part.starts_with('{') && !part.starts_with("{impl");
        if !name.is_empty() && name != "_" && !is_hash(name) {
            self.own.push(name);
        }
        Some(())
    }

    /// `<Type as Trait>`, `<Type>`, `<impl Trait for Type>`, `<impl Type>`, or the arguments of a
    /// generic function.
    fn push_bracketed(&mut self, inner: &'a str, depth: usize) -> Option<()> {
        if depth == DEPTH_MAX {
            return None;
        }
        let (implemented, is_impl) = match inner.strip_prefix("impl ") {
            Some(rest) => (rest, true),
            None => (inner, false),
        };
        let halves = match is_impl {
            true => split(implemented, " for ")?,
            false => split(implemented, " as ")?,
        };
        let (type_, of_trait) = match (halves.as_slice(), is_impl) {
            ([of_trait, type_], true) => (*type_, Some(*of_trait)),
            ([type_, of_trait], false) => (*type_, Some(*of_trait)),
            // Arguments, unless a type's own methods begin so.
            ([_], false) if !self.own.is_empty() => return Some(()),
            ([type_], _) => (*type_, None),
            _ => return None,
        };
        let stripped = strip_references(type_);
        self.is_borrowed = of_trait.is_some() && (stripped != type_ || !stripped.contains("::"));
        self.of_trait =
            of_trait.map_or(Some(Vec::new()), |name| Some(parse_at(name, depth + 1)?.own))?;
        let type_path = match stripped.contains("::") {
            true => parse_at(stripped, depth + 1).map(|path| path.own).unwrap_or_default(),
            // A parameter, a tuple, a number: the trait says more.
            false => Vec::new(),
        };
        if !type_path.is_empty() {
            self.own = type_path;
        } else if !self.of_trait.is_empty() {
            self.own.clone_from(&self.of_trait);
        }
        Some(())
    }
}

/// The type that a reference, a pointer or a trait object is of.
fn strip_references(type_: &str) -> &str {
    let mut rest = type_.trim();
    loop {
        let shorter = ["&", "*const ", "*mut ", "mut ", "dyn ", "impl "]
            .into_iter()
            .find_map(|prefix| rest.strip_prefix(prefix));
        let shorter = shorter.or_else(|| {
            let (lifetime, behind) = rest.split_once(' ')?;
            lifetime.starts_with('\'').then_some(behind)
        });
        match shorter {
            Some(shorter) => rest = shorter.trim_start(),
            None => break,
        }
    }
    // Of a trait object, the first trait.
    match split(rest, " + ").as_deref() {
        Some([first, _, ..]) => first,
        _ => rest,
    }
}

/// `h` and sixteen hexadecimal digits: what the compiler puts behind a name.
fn is_hash(name: &str) -> bool {
    let digits = name.strip_prefix('h').unwrap_or_default();
    digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Splits outside of all brackets; none where these do not fit.
fn split<'a>(text: &'a str, separator: &str) -> Option<Vec<&'a str>> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' | '(' | '[' | '{' => depth += 1,
            // The arrow of a function's type is no bracket.
            '>' if before == '-' => {}
            '>' | ')' | ']' | '}' => depth = depth.checked_sub(1)?,
            _ if depth == 0 && at >= start && text[at..].starts_with(separator) => {
                parts.push(&text[start..at]);
                start = at + separator.len();
            }
            _ => {}
        }
        before = c;
    }
    parts.push(text.get(start..)?);
    (depth == 0).then_some(parts)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check(names: &[&str], expected: Expect) {
        let line = |name: &&str| match parse(name) {
            None => "-\n".to_owned(),
            Some(path) => format!(
                "{}{}{}{}\n",
                path.own.join("::"),
                if path.of_trait.is_empty() { "" } else { " of " },
                path.of_trait.join("::"),
                if path.is_closure { " (closure)" } else { "" },
            ),
        };
        expected.assert_eq(&names.iter().map(line).collect::<String>());
    }

    #[test]
    fn names_are_taken_apart() {
        check(
            &[
                "main",
                "hyper::proto::h1::dispatch::Dispatcher<D,Bs,I,T>::poll_catch",
                "<hyper::server::conn::http1::Connection<I,S> as core::future::future::Future>::poll",
                "<core::pin::Pin<P> as core::future::future::Future>::poll",
                "<T as hyper::service::http::HttpService<B1>>::call",
                "<&mut serde_json::ser::Serializer<W,F> as serde_core::ser::Serializer>::serialize_str",
                "<alloc::boxed::Box<dyn core::ops::function::FnOnce<(), Output = ()> + core::marker::Send> as core::ops::function::FnOnce<()>>::call_once",
                "core::ops::function::FnOnce::call_once{{vtable.shim}}",
                "hyper_server::server::spawn_connection::{{closure}}::{{closure}}",
                "app::f::{closure#0}::{async_block#1}",
                "serde_core::ser::impls::<impl serde_core::ser::Serialize for alloc::vec::Vec<T>>::serialize",
                "hyper_server::service::_::<impl serde_core::ser::Serialize for hyper_server::service::User>::serialize",
                "core::slice::<impl [T]>::copy_from_slice",
                "<std::sys::fd::unix::FileDesc>::write_vectored",
                "serde_json::ser::to_vec::<alloc::vec::Vec<app::User>>",
                "app::f::h0123456789abcdef",
                "<dyn app::Handler + core::marker::Send>::call",
                "core::ptr::drop_in_place<fn(u8) -> alloc::vec::Vec<u8>>",
                "std::vector<int, std::allocator<int> >::push_back(int const&)",
                "(anonymous namespace)::f(int)",
                "<broken",
                "operator>>",
            ],
            expect![[r#"
                main
                hyper::proto::h1::dispatch::Dispatcher::poll_catch
                hyper::server::conn::http1::Connection::poll of core::future::future::Future
                core::pin::Pin::poll of core::future::future::Future
                hyper::service::http::HttpService::call of hyper::service::http::HttpService
                serde_json::ser::Serializer::serialize_str of serde_core::ser::Serializer
                alloc::boxed::Box::call_once of core::ops::function::FnOnce
                core::ops::function::FnOnce::call_once
                hyper_server::server::spawn_connection (closure)
                app::f (closure)
                alloc::vec::Vec::serialize of serde_core::ser::Serialize
                hyper_server::service::User::serialize of serde_core::ser::Serialize
                core::slice::copy_from_slice
                std::sys::fd::unix::FileDesc::write_vectored
                serde_json::ser::to_vec
                app::f
                app::Handler::call
                core::ptr::drop_in_place
                std::vector::push_back
                f
                -
                -
            "#]],
        );
    }

    #[test]
    fn depth_is_no_danger() {
        assert_eq!(parse(&"<".repeat(1 << 20)), None);
        let deep =
            format!("{}a::B{} as c::D>::e", "<".repeat(10_000), " as c::D>::x".repeat(9_999));
        let _ = parse(&deep);
    }

    proptest! {
        #[test]
        fn any_name_is_taken_apart_or_not(name in "[<>&*(){}\\[\\]:, a-zT+'-]{0,40}|\\PC{0,20}") {
            if let Some(path) = parse(&name) {
                prop_assert!(!path.own.is_empty());
                prop_assert!(path.own.iter().all(|part| !part.is_empty()));
            }
        }
    }
}
