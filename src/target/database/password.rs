//! The password of a database: another one for each launch, and never shown.

use std::{fmt, io};

use rustix::rand::{GetRandomFlags, getrandom};

/// What stands in its place.
const MASK: &str = "***";

/// A password.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::target) struct Password(String);

impl Password {
    /// One that nobody can guess, of digits and letters.
    pub(super) fn new() -> io::Result<Self> {
        let mut bytes = [0; 16];
        getrandom(&mut bytes, GetRandomFlags::empty())?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// That of a URL such as `postgres://user:password@host/name`, as it is written there.
    pub(in crate::target) fn of(url: &str) -> Option<Self> {
        let (_, rest) = url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (user, _) = authority.rsplit_once('@')?;
        let (_, password) = user.split_once(':')?;
        (!password.is_empty()).then(|| Self(password.to_owned()))
    }

    /// The password itself, for whom it is meant.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// A text without it.
    pub(in crate::target) fn mask(&self, text: &str) -> String {
        text.replace(&self.0, MASK)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same_and_none_is_shown() {
        let [one, other] = [(); 2].map(|()| Password::new().expect("random"));
        assert_ne!(one, other);
        assert_eq!(one.reveal().len(), 32);
        assert!(!format!("{one:?}").contains(one.reveal()));
        assert_eq!(one.mask(&format!("at x:{}@y", one.reveal())), "at x:***@y");
    }

    #[test]
    fn a_url_has_one_or_none() {
        let of = |url: &str| Password::of(url).map(|password| password.0);
        assert_eq!(of("postgres://me:se:cret@127.0.0.1:5/x?a=b@c").as_deref(), Some("se:cret"));
        for none in
            ["postgres://me@host/x", "postgres://host:5/x", "postgres://me:@h/x", "", "a:b@c"]
        {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
