//! Secrets that people put into what names a database, and texts without them.

use std::fmt;

use crate::config::secret;

/// What stands in a secret's place.
const MASK: &str = "***";
/// A shorter secret is masked only where it stands as one: it may be a part of any word.
const SHORT: usize = 4;

/// The secrets in the URL or the connection string of a database, as they are written there and as
/// they are meant.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Those of `postgres://user:secret@host/name?sslpassword=secret`, of the same within a longer
    /// word, and of `host=… password=secret`.
    pub fn of(text: &str) -> Self {
        let mut found: Vec<&str> = Vec::new();
        if let Some((scheme, rest)) = text.split_once("://") {
            let (user, rest) =
                user_and_rest(rest, scheme.ends_with("postgres") || scheme.ends_with("postgresql"));
            found.extend(user.and_then(|user| user.split_once(':')).map(|(_, secret)| secret));
            let query = rest.split_once('?').map_or("", |(_, query)| query);
            found.extend(query.split(['&', '#']).filter_map(named));
        } else {
            found.extend(words(text).filter_map(named));
        }
        let mut all = Vec::new();
        for secret in found.into_iter().filter(|secret| !secret.is_empty()) {
            all.extend([secret.to_owned(), decoded(secret)]);
        }
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        all.dedup();
        Self(all)
    }

    /// Those in the value of a variable, which may be one as a whole by the variable's name.
    pub(super) fn of_variable(name: &str, value: &str) -> Self {
        match named(&format!("{name}=")) {
            Some(_) if !value.is_empty() => Self(vec![value.to_owned()]),
            _ => Self::of(value),
        }
    }

    /// A text without them.
    pub fn mask(&self, text: &str) -> String {
        if self.0.iter().any(|secret| secret == text) {
            return MASK.to_owned();
        }
        self.0.iter().fold(text.to_owned(), |text, secret| match secret.len() < SHORT {
            false => text.replace(secret, MASK),
            true => text
                .replace(&format!(":{secret}@"), &format!(":{MASK}@"))
                .replace(&format!("={secret}"), &format!("={MASK}")),
        })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(redacted)")
    }
}

/// The user with the password, and what follows the `@`, of a URL without its scheme.
///
/// A password with a slash should have it encoded, and many have not. So where `any` is set, the
/// user ends at the first `@` that a host follows.
fn user_and_rest(rest: &str, any: bool) -> (Option<&str>, &str) {
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let is_host = |text: &str| {
        let host = text.split(['/', '?', '#']).next().unwrap_or_default();
        !host.contains('@')
    };
    let mut ends = rest.match_indices('@').map(|(at, _)| at);
    let end = ends.find(|at| (any || *at < authority) && is_host(&rest[at + 1..]));
    match end {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    }
}

/// The value of `name=value`, if the name is that of a secret.
fn named(pair: &str) -> Option<&str> {
    let (name, value) = pair.split_once('=')?;
    secret::is_secret(name.trim()).then(|| value.trim_matches('\''))
}

/// The words of a connection string; one in single quotes may have spaces.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |c: char| {
        is_quoted ^= c == '\'';
        c.is_whitespace() && !is_quoted
    })
}

/// With `%2F` and its kin as what they stand for.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) if *byte == b'%' => {
                decoded.push(value);
                at += 3;
            }
            _ => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn passwords_are_not_kept() {
        for (word, kept) in [
            ("postgres://me:a:b@127.0.0.1:5432/x?y=1", "postgres://me:***@127.0.0.1:5432/x?y=1"),
            ("--db-url=postgres://me:pa@ss@host", "--db-url=postgres://me:***@host"),
            ("postgresql://me:pa/ss@host/x", "postgresql://me:***@host/x"),
            ("postgres://me:pa?ss@host:5/x", "postgres://me:***@host:5/x"),
            ("postgres://me:se:cret@host/x?a=b@c", "postgres://me:***@host/x?a=b@c"),
            ("postgres://host/x?user=me&password=secret", "postgres://host/x?user=me&password=***"),
            ("postgres:///x?PASSWORD=a&b=1", "postgres:///x?PASSWORD=***&b=1"),
            ("host=x password=secret user=me", "host=x password=*** user=me"),
            ("host=x password='two words' user=me", "host=x password='***' user=me"),
            ("postgres://me@127.0.0.1:5432/x", "postgres://me@127.0.0.1:5432/x"),
            ("postgres://me:@host/x", "postgres://me:@host/x"),
            ("http://127.0.0.1:80/a:b@c", "http://127.0.0.1:80/a:b@c"),
            ("server=0,load=1", "server=0,load=1"),
        ] {
            assert_eq!(Secrets::of(word).mask(word), kept);
        }
        let encoded = Secrets::of("postgres://me:pa%2Fss@host/x");
        assert_eq!(
            encoded.mask("cannot log in with pa/ss (pa%2Fss)"),
            "cannot log in with *** (***)"
        );
        assert_eq!(format!("{encoded:?}"), "Secrets(redacted)");
    }

    proptest! {
        #[test]
        fn any_password_of_a_url_is_masked(secret in "[!-?A-~]{4,20}") {
            // A URL with a plain `@` in it may be read in two ways.
            prop_assume!(!secret.contains('@'));
            let url = format!("postgres://me:{secret}@127.0.0.1:5432/shop");
            let masked = Secrets::of(&url).mask(&url);
            prop_assert_eq!(masked, "postgres://me:***@127.0.0.1:5432/shop");
        }

        #[test]
        fn any_text_is_masked_without_a_panic(text in "\\PC{0,60}", other in "\\PC{0,60}") {
            let _ = Secrets::of(&text).mask(&other);
            let _ = Secrets::of(&format!("postgres://{text}")).mask(&other);
        }
    }
}
