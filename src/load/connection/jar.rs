//! The cookies of one connection.

/// Most cookies that are kept, and the most bytes of one: a server must not fill the memory.
const COOKIES_MAX: usize = 64;
const BYTES_MAX: usize = 4096;

/// The cookies that the server has set on one connection, by name. All are sent with every
/// request, whatever their attributes say: it is one user, on one site, for a short time.
#[derive(Debug, Default)]
pub(in crate::load) struct Jar {
    /// Each as `name=value`, with the length of the name.
    cookies: Vec<(Vec<u8>, usize)>,
}

impl Jar {
    pub(super) fn clear(&mut self) {
        self.cookies.clear();
    }

    /// Takes the cookies that a response's head sets.
    pub(in crate::load) fn take(&mut self, head: &[u8]) {
        for line in head.split(|byte| *byte == b'\n').skip(1) {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = line.split_at(colon);
            if name.eq_ignore_ascii_case(b"set-cookie") {
                self.set(value.get(1..).unwrap_or_default());
            }
        }
    }

    /// Appends the header with all cookies, if there are any.
    pub(in crate::load) fn write(&self, out: &mut Vec<u8>) {
        let mut separator: &[u8] = b"Cookie: ";
        for (cookie, _) in &self.cookies {
            out.extend_from_slice(separator);
            out.extend_from_slice(cookie);
            separator = b"; ";
        }
        if !self.cookies.is_empty() {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Sets one from `name=value; attributes`, RFC 6265 section 5.2.
    fn set(&mut self, text: &[u8]) {
        let pair = text.split(|byte| *byte == b';').next().unwrap_or_default();
        let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { return };
        let (name, value) = pair.split_at(equals);
        let (name, value) = (name.trim_ascii(), value.get(1..).unwrap_or_default().trim_ascii());
        if name.is_empty() || pair.len() > BYTES_MAX {
            return;
        }
        let cookie = ([name, b"=", value].concat(), name.len());
        let is_full = self.cookies.len() >= COOKIES_MAX;
        let known = self.cookies.iter_mut().find(|(known, len)| known.get(..*len) == Some(name));
        match known {
            Some(known) => *known = cookie,
            None if !is_full => self.cookies.push(cookie),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn header(jar: &Jar) -> String {
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
        expected.assert_eq(&format!("{:?}", header(&jar)));
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
