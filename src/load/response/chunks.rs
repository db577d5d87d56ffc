//! The chunked transfer coding, RFC 9112 section 7.1.

use super::{HEAD_MAX, ResponseError};

/// Where in a chunked body the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunks {
    place: Place,
    /// Bytes of this extension line, or of all trailers, so far.
    aside: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first digit of a size.
    SizeStart,
    /// Within the digits.
    Size(u64),
    /// After the size, until the end of its line.
    Extension(u64),
    /// Before the LF that ends the size's line.
    SizeLf(u64),
    Data(u64),
    /// Before the CR and LF that end a chunk's data.
    DataCr,
    DataLf,
    /// At the start of a trailer, or of the empty line that ends them.
    TrailerStart,
    Trailer,
    /// Before the LF of that empty line.
    EndLf,
    Done,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Self { place: Place::SizeStart, aside: 0 }
    }

    pub(super) fn done(&self) -> bool {
        self.place == Place::Done
    }

    /// Takes what belongs to the body, handing its data on; returns the bytes after it.
    pub(super) fn feed<'a>(
        &mut self,
        input: &'a [u8],
        mut data: impl FnMut(&[u8]) -> Result<(), ResponseError>,
    ) -> Result<&'a [u8], ResponseError> {
        let mut rest = input;
        while self.place != Place::Done {
            if let Place::Data(missing) = self.place {
                let taken = usize::try_from(missing).map_or(rest.len(), |n| n.min(rest.len()));
                let (part, after) = rest.split_at(taken);
                data(part)?;
                rest = after;
                self.place = match missing - taken as u64 {
                    0 => Place::DataCr,
                    missing => Place::Data(missing),
                };
            }
            let Some((byte, after)) = rest.split_first() else { break };
            rest = after;
            self.place = self.step(*byte)?;
        }
        Ok(rest)
    }

    /// The place after `byte`, which is not data.
    fn step(&mut self, byte: u8) -> Result<Place, ResponseError> {
        Ok(match (self.place, byte) {
            (Place::SizeStart, _) => Place::Size(digit(byte)?),
            (Place::Size(size), b'\r') => Place::SizeLf(size),
            (Place::Size(size), b';' | b' ' | b'\t') => {
                self.aside = 0;
                Place::Extension(size)
            }
            (Place::Size(size), _) => {
                let shifted = size.checked_mul(16).ok_or(ResponseError::Chunk)?;
                Place::Size(shifted + digit(byte)?)
            }
            (Place::Extension(size), b'\r') => Place::SizeLf(size),
            (Place::Extension(size), _) => self.pass(byte, Place::Extension(size))?,
            (Place::SizeLf(0), b'\n') => {
                self.aside = 0;
                Place::TrailerStart
            }
            (Place::SizeLf(size), b'\n') => Place::Data(size),
            (Place::DataCr, b'\r') => Place::DataLf,
            (Place::DataLf, b'\n') => Place::SizeStart,
            (Place::TrailerStart, b'\r') => Place::EndLf,
            (Place::Trailer, b'\n') => Place::TrailerStart,
            // Nothing in a trailer matters here.
            (Place::TrailerStart | Place::Trailer, _) => self.pass(byte, Place::Trailer)?,
            (Place::EndLf, b'\n') => Place::Done,
            _ => return Err(ResponseError::Chunk),
        })
    }

    /// Passes over a byte of an extension or a trailer, of which there may not be too many.
    fn pass(&mut self, byte: u8, place: Place) -> Result<Place, ResponseError> {
        self.aside += 1;
        match byte {
            b'\n' => Err(ResponseError::Chunk),
            _ if self.aside > HEAD_MAX => Err(ResponseError::Chunk),
            _ => Ok(place),
        }
    }
}

fn digit(byte: u8) -> Result<u64, ResponseError> {
    char::from(byte).to_digit(16).map(u64::from).ok_or(ResponseError::Chunk)
}
