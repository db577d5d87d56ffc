//! Content codings (RFC 9110, section 8.4): a body is looked at as it was before them.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use thiserror::Error;

use super::{BODY_KEPT_MAX, head::elements};

/// No server applies more of them.
const CODINGS_MAX: usize = 4;
/// What is decoded at a time.
const BUFFER: usize = 4096;

/// Why nobody can say what a body contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum Undecoded {
    /// A coding that is not known here.
    #[error(
        "the body has a content-encoding that cannot be looked into: ask for gzip, deflate or br \
         with Accept-Encoding"
    )]
    Unknown,
    /// What the coding says is not what the body is.
    #[error("the body is not what its content-encoding says")]
    Damaged,
    /// It comes to too much.
    #[error("the body is larger than the 16 MiB that are looked at once it is decoded")]
    TooLong,
}

/// The codings of a body, in the order in which they were applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::load) struct Codings {
    list: [Option<Coding>; CODINGS_MAX],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Unknown,
}

impl Codings {
    /// Adds those of a `Content-Encoding` header.
    pub(in crate::load) fn add(&mut self, value: &[u8]) {
        for name in elements(value) {
            let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
            let coding = match () {
                () if name.is_empty() || is("identity") => continue,
                () if is("gzip") || is("x-gzip") => Coding::Gzip,
                () if is("deflate") => Coding::Deflate,
                () if is("br") => Coding::Brotli,
                () => Coding::Unknown,
            };
            match self.list.iter_mut().find(|place| place.is_none()) {
                Some(place) => *place = Some(coding),
                None => self.list = [Some(Coding::Unknown); CODINGS_MAX],
            }
        }
    }

    /// Whether a body is as it is.
    pub(in crate::load) fn is_empty(self) -> bool {
        self.list[0].is_none()
    }

    /// The body without its codings. Neither it nor what lies between two codings is longer than
    /// what is kept of a body that has none.
    pub(in crate::load) fn decode(self, body: &[u8]) -> Result<Vec<u8>, Undecoded> {
        let mut bytes = body.to_vec();
        for coding in self.list.iter().rev().flatten() {
            // The response to some requests has its head alone.
            if !bytes.is_empty() {
                bytes = coding.decode(&bytes)?;
            }
        }
        Ok(bytes)
    }
}

impl Coding {
    fn decode(self, bytes: &[u8]) -> Result<Vec<u8>, Undecoded> {
        match self {
            Self::Gzip => limited(MultiGzDecoder::new(bytes)),
            // It means zlib, and some servers leave that around it out.
            Self::Deflate => limited(ZlibDecoder::new(bytes)).or_else(|error| match error {
                Undecoded::Damaged => limited(DeflateDecoder::new(bytes)),
                error => Err(error),
            }),
            Self::Brotli => limited(brotli_decompressor::Decompressor::new(bytes, BUFFER)),
            Self::Unknown => Err(Undecoded::Unknown),
        }
    }
}

/// What a decoder makes of its bytes, if that is not too much.
fn limited(decoder: impl Read) -> Result<Vec<u8>, Undecoded> {
    let mut decoded = Vec::new();
    let most = BODY_KEPT_MAX as u64;
    decoder.take(most + 1).read_to_end(&mut decoded).map_err(|_| Undecoded::Damaged)?;
    if decoded.len() as u64 > most { Err(Undecoded::TooLong) } else { Ok(decoded) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write};
    use proptest::prelude::*;

    use super::*;

    fn codings(values: &[&str]) -> Codings {
        let mut codings = Codings::default();
        values.iter().for_each(|value| codings.add(value.as_bytes()));
        codings
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = write::GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = write::DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = write::ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    /// `hello` in a stored block, as RFC 7932 has it, and the end.
    const BROTLI: &[u8] = b"\x0b\x02\x80hello\x03";

    #[test]
    fn each_coding_is_undone() {
        let text = b"{\"ok\":true}";
        let check = |values: &[&str], body: &[u8], expected: &[u8]| {
            assert_eq!(codings(values).decode(body).as_deref(), Ok(expected), "{values:?}");
        };
        check(&[], text, text);
        check(&["identity"], text, text);
        check(&["GZip"], &gzip(text), text);
        check(&["x-gzip"], &[gzip(b"{\"ok\""), gzip(b":true}")].concat(), text);
        check(&["deflate"], &zlib(text), text);
        check(&["deflate"], &deflate(text), text);
        check(&["br"], BROTLI, b"hello");
        check(&["deflate, gzip"], &gzip(&zlib(text)), text);
        check(&["deflate", "gzip"], &gzip(&zlib(text)), text);
        check(&["gzip"], b"", b"");
        assert!(codings(&["", "identity"]).is_empty());
    }

    #[test]
    fn what_cannot_be_looked_into_says_why() {
        let check = |values: &[&str], body: &[u8], expected| {
            assert_eq!(codings(values).decode(body), Err(expected), "{values:?}");
        };
        check(&["zstd"], b"x", Undecoded::Unknown);
        check(&["gzip, gzip, gzip, gzip, gzip"], b"x", Undecoded::Unknown);
        check(&["gzip"], b"hello", Undecoded::Damaged);
        check(&["gzip"], &gzip(b"hello")[..12], Undecoded::Damaged);
        check(&["deflate"], b"\xff\xff", Undecoded::Damaged);
        check(&["br"], &BROTLI[..5], Undecoded::Damaged);
    }

    #[test]
    fn a_bomb_is_not_decoded_to_its_end() {
        let zeros = vec![0; BODY_KEPT_MAX + 1];
        let bomb = gzip(&zeros);
        assert!(bomb.len() < 64 * 1024);
        assert_eq!(codings(&["gzip"]).decode(&bomb), Err(Undecoded::TooLong));
        assert_eq!(codings(&["gzip, gzip"]).decode(&gzip(&bomb)), Err(Undecoded::TooLong));
        assert!(codings(&["gzip"]).decode(&gzip(&zeros[1..])).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_not(
            body in prop::collection::vec(any::<u8>(), 0..200),
            value in "(gzip|deflate|br|zstd|,| ){0,8}",
        ) {
            if let Ok(decoded) = codings(&[&value]).decode(&body) {
                prop_assert!(decoded.len() <= BODY_KEPT_MAX);
            }
        }

        #[test]
        fn what_was_encoded_comes_back(body in prop::collection::vec(any::<u8>(), 0..2000)) {
            for (value, encoded) in [("gzip", gzip(&body)), ("deflate", zlib(&body))] {
                prop_assert_eq!(codings(&[value]).decode(&encoded), Ok(body.clone()));
            }
        }
    }
}
