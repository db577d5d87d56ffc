//! What a frame is called where a reader should see at a glance what it is, and which frames are
//! not worth a place of their own.

mod cpp;
mod go;
mod java;
mod noise;
mod rust;

use std::borrow::Cow;

use super::{language::Language, name};
use crate::symbolize::{Frame, FrameKind};

/// What becomes of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// It has a box of its own.
    Shown(Label),
    /// It interprets functions of Python: its time is its caller's where that is one of them.
    Interpreter(Label),
    /// It passes on what it is given: its time is its caller's.
    Merged,
    /// It is a root of Go's runtime, on the stack of a thread rather than a goroutine.
    GoRoot,
}

/// The package of a function of Go, and its name in there; assembler has no package.
pub(crate) fn go_name(name: &str) -> (&str, String) {
    let parsed = go::parse(name);
    (parsed.package, parsed.function.into_owned())
}

/// What a function belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner<'a> {
    /// The outermost namespace or class of C++, if it is in any.
    Namespace(Option<&'a str>),
    /// The package of a class of Java; empty of one that is in none.
    Package(Cow<'a, str>),
}

/// What a function belongs to whose name is a signature; none where it is not.
pub(crate) fn owner(name: &str) -> Option<Owner<'_>> {
    match java::parse(name) {
        Some(Cow::Borrowed(path)) => Some(Owner::Package(Cow::Borrowed(java::package(path)))),
        Some(Cow::Owned(path)) => Some(Owner::Package(Cow::Owned(java::package(&path).to_owned()))),
        None => Some(Owner::Namespace(match cpp::parse(name)?.as_slice() {
            [Cow::Borrowed(space), _, ..] => Some(*space),
            _ => None,
        })),
    }
}

/// What a frame is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    /// As short as it can be understood.
    pub(super) short: String,
    /// With its whole path: for two that would be called the same.
    pub(super) long: String,
}

/// Paths of so many parts lose their middle.
const PARTS_MAX: usize = 4;

/// Where Go's runtime begins on the stack of a thread.
const GO_ROOTS: [&str; 9] = [
    "mcall",
    "morestack",
    "mstart",
    "mstart0",
    "mstart1",
    "rt0_go",
    "sigtramp",
    "sigtrampgo",
    "systemstack",
];

/// What becomes of a frame of this language.
pub(super) fn role(frame: &Frame, language: Language) -> Role {
    let full = name::safe(&frame.name);
    match (frame.kind, language) {
        (FrameKind::Kernel, _) => {
            shown(format!("{}{}", without_clone_suffix(&full), name::KERNEL_SUFFIX))
        }
        (FrameKind::Unknown, _) => shown(unnamed(&full)),
        (FrameKind::Truncated, _) => shown(full.into_owned()),
        (_, Language::Go) => of_go(&full),
        (_, Language::Python) => shown(of_python(&full)),
        (_, Language::Other) if noise::is_start(&full) || noise::is_call_of_python(&full) => {
            Role::Merged
        }
        (_, Language::Other) if noise::is_interpreter(&full) => Role::Interpreter(label(&full)),
        (_, Language::Other) => of_other(&full),
    }
}

fn shown(name: String) -> Role {
    Role::Shown(label(&name))
}

fn label(name: &str) -> Label {
    Label { short: name.to_owned(), long: name.to_owned() }
}

fn of_other(full: &str) -> Role {
    if let Some(path) = java::parse(full) {
        let class = path[java::package(&path).len()..].trim_start_matches('.').to_owned();
        return Role::Shown(Label { short: class, long: path.into_owned() });
    }
    if let Some(path) = cpp::parse(full) {
        let parts: Vec<&str> = path.iter().map(|part| &**part).collect();
        return Role::Shown(Label { short: shorten(&parts), long: parts.join("::") });
    }
    if !full.contains("::") {
        return shown(native(full).to_owned());
    }
    let Some(path) = rust::parse(full) else { return shown(full.to_owned()) };
    if noise::is_wrapper(&path) {
        return Role::Merged;
    }
    if let ["core", "ptr", "drop_in_place", ..] = path.own.as_slice() {
        return Role::Shown(dropping(full));
    }
    Role::Shown(Label { short: shorten(&path.own), long: path.own.join("::") })
}

/// `hyper::proto::h1::dispatch::Dispatcher::poll` -> `hyper::…::Dispatcher::poll`.
fn shorten(parts: &[&str]) -> String {
    match parts {
        [first, .., before, last] if parts.len() > PARTS_MAX => {
            format!("{first}::…::{before}::{last}")
        }
        _ => parts.join("::"),
    }
}

/// What is dropped says more than that it is.
fn dropping(full: &str) -> Label {
    let dropped = full.split_once('<').and_then(|(_, rest)| rest.strip_suffix('>'));
    let dropped = dropped.unwrap_or_default();
    let path = rust::parse(dropped).map(|path| path.own).unwrap_or_else(|| vec![dropped]);
    Label {
        short: format!("drop_in_place<{}>", shorten(&path)),
        long: format!("core::ptr::drop_in_place<{}>", path.join("::")),
    }
}

fn of_go(full: &str) -> Role {
    let parsed = go::parse(full);
    let function = &*parsed.function;
    if function.is_empty() {
        return shown(full.to_owned());
    }
    match (parsed.package, function) {
        ("runtime", "goexit") => return Role::Merged,
        // In a program with C code, such frames lie below those of its threads.
        ("", function) if noise::is_start(function) => return Role::Merged,
        ("runtime", function) if GO_ROOTS.contains(&function) => return Role::GoRoot,
        _ => {}
    }
    // What the compiler makes of a `go` or `defer` statement with arguments.
    let last = function.rsplit('.').next().unwrap_or_default();
    let made = ["gowrap", "deferwrap"].iter().find_map(|made| last.strip_prefix(made));
    if made.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit())) {
        return Role::Merged;
    }
    let name = |package: &str| match package {
        "" => function.to_owned(),
        package => format!("{package}.{function}"),
    };
    Role::Shown(Label { short: name(parsed.short_package()), long: name(parsed.package) })
}

/// `py::handler:/srv/app.py` -> `handler (app.py)`.
fn of_python(full: &str) -> String {
    let parts = full.strip_prefix("py::").and_then(|name| name.split_once(':'));
    match parts {
        Some((function, path)) => {
            format!("{function} ({})", path.rsplit('/').next().unwrap_or(path))
        }
        None => full.to_owned(),
    }
}

/// A function of C, without what compiler and linker put around its name.
fn native(full: &str) -> &str {
    let name = full.strip_prefix("__GI_").unwrap_or(full);
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    without_clone_suffix(if name.is_empty() { full } else { name })
}

/// `tcp_ack.part.0` -> `tcp_ack`: the compiler makes several functions of one.
fn without_clone_suffix(full: &str) -> &str {
    let clones = [".cold", ".constprop.", ".isra.", ".lto_priv.", ".part."];
    let end = clones.iter().filter_map(|clone| full.find(clone)).min();
    end.filter(|end| *end > 0).map_or(full, |end| &full[..end])
}

/// `[_core.cpython-311-x86_64-linux-gnu.so]` -> `[_core.so]`.
fn unnamed(full: &str) -> String {
    match full.split_once(".cpython-") {
        Some((module, rest)) if rest.ends_with(".so]") => format!("{module}.so]"),
        _ => full.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn frame(name: &str, kind: FrameKind) -> Frame {
        Frame { name: name.to_owned(), module: None, file: None, line: None, kind }
    }

    fn check(language: Language, names: &[&str], expected: Expect) {
        let line = |name: &&str| match role(&frame(name, FrameKind::User), language) {
            Role::Shown(Label { short, .. }) => format!("{short}\n"),
            other => format!("{other:?}\n"),
        };
        expected.assert_eq(&names.iter().map(line).collect::<String>());
    }

    #[test]
    fn rust_keeps_the_crate_and_the_last_two_parts() {
        check(
            Language::Other,
            &[
                "hyper::proto::h1::dispatch::Dispatcher<D,Bs,I,T>::poll_catch",
                "<hyper::server::conn::http1::Connection<I,S> as core::future::future::Future>::poll",
                "hyper_server::server::spawn_connection::{{closure}}",
                "hyper_server::service::Service::answer",
                "serde_json::ser::format_escaped_str_contents",
                "<tokio::net::tcp::stream::TcpStream as tokio::io::async_write::AsyncWrite>::poll_write",
                "core::ptr::drop_in_place<hyper::proto::h1::conn::State<alloc::vec::Vec<u8>>>",
                "core::ptr::drop_in_place<[u8]>",
                "<core::pin::Pin<P> as core::future::future::Future>::poll",
                "app::f::h0123456789abcdef",
                "a<b::c",
            ],
            expect![[r#"
                hyper::…::Dispatcher::poll_catch
                hyper::…::Connection::poll
                hyper_server::server::spawn_connection
                hyper_server::service::Service::answer
                serde_json::ser::format_escaped_str_contents
                tokio::…::TcpStream::poll_write
                drop_in_place<hyper::…::conn::State>
                drop_in_place<[u8]>
                Merged
                app::f
                a<b::c
            "#]],
        );
    }

    #[test]
    fn signatures_lose_what_the_function_gives_and_takes() {
        check(
            Language::Other,
            &[
                "shop::Money<unsigned long> shop::price<shop::Item>(shop::Item const&)",
                "shop::Desk::operator()(unsigned long) const",
                "void std::this_thread::sleep_for<long, std::ratio<1l, 1l> >(int)",
                "handle(char const*)",
                "java.lang.String com.example.shop.Cart.render(int)",
                "long Shop.parsePrice(int)",
            ],
            expect![[r#"
                shop::price
                shop::Desk::operator()
                std::this_thread::sleep_for
                handle
                Cart.render
                Shop.parsePrice
            "#]],
        );
        let space = |name| owner(name).expect("a signature");
        assert_eq!(space("std::unique_ptr<a> shop::f<a>()"), Owner::Namespace(Some("shop")));
        assert_eq!(space("handle(int)"), Owner::Namespace(None));
        assert_eq!(space("int java.lang.A.f()"), Owner::Package("java.lang".into()));
        assert_eq!(owner("<T as core::ops::Drop>::drop"), None);
    }

    #[test]
    fn go_keeps_the_package_and_the_function() {
        check(
            Language::Go,
            &[
                "github.com/go-chi/chi/v5.(*Mux).ServeHTTP",
                "net/http.(*Server).Serve.gowrap3",
                "main.main.func2",
                "runtime.goexit.abi0",
                "runtime.mcall",
                "runtime.mallocgc",
                "encoding/json.appendString[go.shape.string]",
                "memeqbody",
            ],
            expect![[r#"
                chi.(*Mux).ServeHTTP
                Merged
                main.main.func2
                Merged
                GoRoot
                runtime.mallocgc
                json.appendString
                memeqbody
            "#]],
        );
    }

    #[test]
    fn python_and_c_lose_what_is_no_name() {
        check(
            Language::Python,
            &["py::handler:/srv/app.py", "handler (app.py:12)"],
            expect![[r#"
                handler (app.py)
                handler (app.py:12)
            "#]],
        );
        check(
            Language::Other,
            &[
                "__GI___writev",
                "memcpy@GLIBC_2.14",
                "tcp_ack.part.0",
                "clone3",
                "@",
                ".cold",
                "_PyEval_Vector",
            ],
            expect![[r#"
                __writev
                memcpy
                tcp_ack
                Merged
                @
                .cold
                Merged
            "#]],
        );
        let short = |name, kind| match role(&frame(name, kind), Language::Other) {
            Role::Shown(label) => label.short,
            other => format!("{other:?}"),
        };
        let module = "[_core.cpython-311-x86_64-linux-gnu.so]";
        assert_eq!(short(module, FrameKind::Unknown), "[_core.so]");
        assert_eq!(short("do_softirq.part.0", FrameKind::Kernel), "do_softirq_[k]");
        assert_eq!(short("[truncated]", FrameKind::Truncated), "[truncated]");
    }

    proptest! {
        #[test]
        fn any_name_has_a_role_that_fits_a_line(
            name in "[<>&*(){}\\[\\]:;., a-zT/@]{0,40}|\\PC{0,20}",
            language in prop::sample::select(vec![Language::Go, Language::Python, Language::Other]),
        ) {
            for kind in [FrameKind::User, FrameKind::Kernel, FrameKind::Unknown] {
                if let Role::Shown(Label { short, long }) = role(&frame(&name, kind), language) {
                    prop_assert!(!short.is_empty() && !short.contains([';', '\n']), "{short:?}");
                    prop_assert!(!long.is_empty() && !long.contains([';', '\n']), "{long:?}");
                }
            }
        }
    }
}
