//! The cookies of one connection.

mod date;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::unit::Nanos;

/// Most cookies that are kept, and the most bytes of one: a server must not fill the memory.
const COOKIES_MAX: usize = 64;
const BYTES_MAX: usize = 4096;

/// The cookies that the server has set on one connection, by name. All that have not expired are
/// sent with every request, whatever their other attributes say: it is one user, on one site, for
/// a short time.
#[derive(Debug, Default)]
pub(in crate::load) struct Jar {
    cookies: Vec<Cookie>,
}

#[derive(Debug)]
struct Cookie {
    /// As `name=value`, with the length of the name.
    text: Vec<u8>,
    name: usize,
    /// When it expires; none if that is after the load.
    until: Option<Nanos>,
}

/// How long a cookie is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Long,
    For(Duration),
    /// It is to be dropped.
    Over,
}

/// What lives longer than any load does not expire.
const LONG: Duration = Duration::from_secs(48 * 60 * 60);

impl Jar {
    pub(super) fn clear(&mut self) {
        self.cookies.clear();
    }

    /// Takes the cookies that a response's head sets.
    pub(in crate::load) fn take(&mut self, head: &[u8]) {
        let mut lines = head.split(|byte| *byte == b'\n').skip(1).peekable();
        while let Some(line) = lines.next() {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = line.split_at(colon);
            if !name.eq_ignore_ascii_case(b"set-cookie") {
                continue;
            }
            let mut value = value.get(1..).unwrap_or_default().trim_ascii_end().to_vec();
            // A header may go on in the next line.
            while let Some(more) =
                lines.next_if(|line| line.starts_with(b" ") || line.starts_with(b"\t"))
            {
                value.push(b' ');
                value.extend_from_slice(more.trim_ascii());
            }
            self.set(&value);
        }
    }

    /// Appends the header with all cookies, if there are any.
    pub(in crate::load) fn write(&mut self, out: &mut Vec<u8>) {
        if self.cookies.iter().any(|cookie| cookie.until.is_some()) {
            let now = Nanos::now();
            self.cookies.retain(|cookie| cookie.until.is_none_or(|until| now < until));
        }
        let mut separator: &[u8] = b"Cookie: ";
        for cookie in &self.cookies {
            out.extend_from_slice(separator);
            out.extend_from_slice(&cookie.text);
            separator = b"; ";
        }
        if !self.cookies.is_empty() {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Sets one from `name=value; attributes`, RFC 6265 section 5.2, or drops it.
    fn set(&mut self, text: &[u8]) {
        let mut parts = text.split(|byte| *byte == b';');
        let pair = parts.next().unwrap_or_default();
        let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { return };
        let (name, value) = pair.split_at(equals);
        let (name, value) = (name.trim_ascii(), value.get(1..).unwrap_or_default().trim_ascii());
        if name.is_empty() || pair.len() > BYTES_MAX {
            return;
        }
        let until = match life(parts) {
            Life::Over => return self.cookies.retain(|known| !known.is(name)),
            Life::For(life) if life < LONG => Some(Nanos::now() + life.into()),
            Life::For(_) | Life::Long => None,
        };
        let cookie = Cookie { text: [name, b"=", value].concat(), name: name.len(), until };
        let is_full = self.cookies.len() >= COOKIES_MAX;
        match self.cookies.iter_mut().find(|known| known.is(name)) {
            Some(known) => *known = cookie,
            None if !is_full => self.cookies.push(cookie),
            None => {}
        }
    }
}

impl Cookie {
    fn is(&self, name: &[u8]) -> bool {
        self.text.get(..self.name) == Some(name)
    }
}

/// How long a cookie with these attributes lives: of several that say so the last one counts, and
/// `Max-Age` before `Expires`.
fn life<'a>(attributes: impl Iterator<Item = &'a [u8]>) -> Life {
    let (mut age, mut expires) = (None, None);
    for attribute in attributes {
        let Some(equals) = attribute.iter().position(|byte| *byte == b'=') else { continue };
        let (name, value) = attribute.split_at(equals);
        let value = String::from_utf8_lossy(value.get(1..).unwrap_or_default());
        let value = value.trim();
        match name.trim_ascii() {
            name if name.eq_ignore_ascii_case(b"max-age") => age = of_age(value).or(age),
            name if name.eq_ignore_ascii_case(b"expires") => {
                expires = date::parse(value).map(of_date).or(expires);
            }
            _ => {}
        }
    }
    age.or(expires).unwrap_or(Life::Long)
}

/// Of seconds; none if they are no number.
fn of_age(text: &str) -> Option<Life> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(match text.parse::<u64>() {
        Ok(0) => Life::Over,
        Ok(seconds) => Life::For(Duration::from_secs(seconds)),
        // Below zero, or beyond any number.
        Err(_) if text.starts_with('-') => Life::Over,
        Err(_) => Life::Long,
    })
}

/// Until an instant, in seconds since 1970.
fn of_date(at: u64) -> Life {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    match Duration::from_secs(at).checked_sub(now) {
        None | Some(Duration::ZERO) => Life::Over,
        Some(left) => Life::For(left),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn header(jar: &mut Jar) -> String {
        let mut out = Vec::new();
        jar.write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[track_caller]
    fn check(heads: &[&str], expected: Expect) {
        let mut jar = Jar::default();
        for head in heads {
            jar.take(head.as_bytes());
        }
        expected.assert_eq(&format!("{:?}", header(&mut jar)));
    }

    #[test]
    fn names_and_values_are_taken_and_attributes_are_not() {
        check(&["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], expect![[r#""""#]]);
        check(
            &[
                "HTTP/1.1 200 OK\r\nset-cookie:  id = 7 ; Path=/; HttpOnly\r\nSet-Cookie: b=\r\n\r\n",
            ],
            expect![[r#""Cookie: id=7; b=\r\n""#]],
        );
    }

    #[test]
    fn what_expires_is_dropped() {
        let expires = |attributes: &str| {
            let mut jar = Jar::default();
            jar.take(b"HTTP/1.1 200 OK\r\nSet-Cookie: id=7\r\nSet-Cookie: theme=dark\r\n\r\n");
            let again = format!("HTTP/1.1 200 OK\r\nSet-Cookie: id=8; Path=/{attributes}\r\n\r\n");
            jar.take(again.as_bytes());
            header(&mut jar)
        };
        let (kept, dropped) = ("Cookie: id=8; theme=dark\r\n", "Cookie: theme=dark\r\n");
        for attributes in [
            "",
            "; Max-Age=3600",
            "; max-age=x",
            "; Expires=Fri, 31 Dec 9999 23:59:59 GMT",
            "; Expires=nonsense",
            "; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60",
            "; Max-Age=99999999999999999999999",
        ] {
            assert_eq!(expires(attributes), kept, "{attributes}");
        }
        for attributes in [
            "; Max-Age=0",
            "; MAX-AGE = -1; Expires=Fri, 31 Dec 9999 23:59:59 GMT",
            "; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "; expires=Thursday, 01-Jan-70 00:00:00 GMT",
            "; Expires=Sun Nov  6 08:49:37 1994",
            ";\r\n Max-Age=0",
            "; Max-Age=-99999999999999999999999",
        ] {
            assert_eq!(expires(attributes), dropped, "{attributes}");
        }
    }

    #[test]
    fn a_short_life_ends_while_the_load_goes_on() {
        let mut jar = Jar::default();
        jar.take(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Max-Age=1\r\nSet-Cookie: b=2\r\n\r\n");
        assert_eq!(header(&mut jar), "Cookie: a=1; b=2\r\n");
        jar.cookies[0].until = Some(Nanos(0));
        assert_eq!(header(&mut jar), "Cookie: b=2\r\n");
    }

    #[test]
    fn a_later_cookie_of_the_same_name_replaces_the_first() {
        check(
            &[
                "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: ab=2\r\n\r\n",
                "HTTP/1.1 200 OK\r\nSet-Cookie: a=3=4\r\nSet-Cookie: none\r\nSet-Cookie: =5\r\n\r\n",
            ],
            expect![[r#""Cookie: a=3=4; ab=2\r\n""#]],
        );
    }

    proptest! {
        #[test]
        fn no_head_can_fill_the_memory_or_end_the_header(
            heads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
            names in prop::collection::vec("[a-z]{1,3}", 0..200),
        ) {
            let mut jar = Jar::default();
            for head in &heads {
                jar.take(head);
            }
            for name in &names {
                jar.take(format!("HTTP/1.1 200 OK\r\nSet-Cookie: {name}=1\r\n\r\n").as_bytes());
            }
            prop_assert!(jar.cookies.len() <= COOKIES_MAX);
            let mut out = Vec::new();
            jar.write(&mut out);
            prop_assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), usize::from(!out.is_empty()));
        }
    }
}
