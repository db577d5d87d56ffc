//! Names of Go functions: `github.com/go-chi/chi/v5.(*Mux).ServeHTTP`.

use std::borrow::Cow;

/// A name taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name<'a> {
    /// The path of the package; empty of code in assembler, which has none.
    pub(super) package: &'a str,
    /// The function, with the type that it is a method of, without the arguments of generics.
    pub(super) function: Cow<'a, str>,
}

/// Takes a name apart. Every text is one.
pub(super) fn parse(name: &str) -> Name<'_> {
    let name = [".abi0", ".abiinternal"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .unwrap_or(name);
    // The arguments of generics have packages of their own, with slashes and dots.
    let plain = name.split('[').next().unwrap_or(name);
    let last = plain.rfind('/').map_or(0, |slash| slash + 1);
    let dot = plain[last..].find('.').map(|dot| last + dot);
    let (package, function) = match dot {
        Some(dot) => (&name[..dot], &name[dot + 1..]),
        None => ("", name),
    };
    Name { package, function: without_arguments(function) }
}

impl Name<'_> {
    /// The package as its users write it: without its path, and without its version.
    pub(super) fn short_package(&self) -> &str {
        // The linker writes dots in the last part as `%2e`: `gopkg.in/yaml%2ev3`.
        let mut parts = self.package.rsplit('/').map(|part| part.split("%2e").next());
        let last = parts.next().flatten().unwrap_or_default();
        let short = match (is_version(last), parts.next().flatten()) {
            (true, Some(before)) => before,
            _ => last,
        };
        short.strip_prefix("go-").unwrap_or(short)
    }
}

fn is_version(part: &str) -> bool {
    let digits = part.strip_prefix('v').unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// `Map[go.shape.int,...].Load` -> `Map.Load`.
fn without_arguments(function: &str) -> Cow<'_, str> {
    if !function.contains('[') {
        return Cow::Borrowed(function);
    }
    let (mut plain, mut depth) = (String::with_capacity(function.len()), 0_usize);
    for c in function.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_have_a_package_and_a_function() {
        for (name, package, short, function) in [
            (
                "github.com/go-chi/chi/v5.(*Mux).ServeHTTP",
                "github.com/go-chi/chi/v5",
                "chi",
                "(*Mux).ServeHTTP",
            ),
            ("net/http.(*conn).serve", "net/http", "http", "(*conn).serve"),
            ("main.main.func2", "main", "main", "main.func2"),
            ("runtime.goexit.abi0", "runtime", "runtime", "goexit"),
            (
                "encoding/json.appendString[go.shape.string]",
                "encoding/json",
                "json",
                "appendString",
            ),
            ("sync.(*Map[go.shape.int,go.shape.*net/http.x]).Load", "sync", "sync", "(*Map).Load"),
            ("gopkg.in/yaml%2ev3.Unmarshal", "gopkg.in/yaml%2ev3", "yaml", "Unmarshal"),
            (
                "github.com/mattn/go-isatty.IsTerminal",
                "github.com/mattn/go-isatty",
                "isatty",
                "IsTerminal",
            ),
            ("crypto/entropy/v1%2e0%2e0.Seed", "crypto/entropy/v1%2e0%2e0", "entropy", "Seed"),
            ("indexbytebody", "", "", "indexbytebody"),
            ("type:.eq.[2]string", "type:", "type:", "eq.string"),
            ("", "", "", ""),
        ] {
            let parsed = parse(name);
            assert_eq!((parsed.package, parsed.short_package()), (package, short), "{name}");
            assert_eq!(parsed.function, function, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_name(name in any::<String>()) {
            let _ = parse(&name).short_package().len();
        }

        #[test]
        fn any_path_is_a_name(name in "[a-z/.\\[\\]v2%()*]{0,30}") {
            let _ = parse(&name).short_package().len();
        }
    }
}
