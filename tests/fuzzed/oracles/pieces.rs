//! Bytes that arrive in pieces.

/// A stream of bytes, and how it is cut: the first byte has flags, the second says how many bytes
/// follow that are lengths of pieces, and the rest is the stream.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    pub(super) flags: u8,
    pub(super) stream: &'a [u8],
    lengths: &'a [u8],
}

impl<'a> Pieces<'a> {
    /// None where there are too few bytes.
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        let [flags, count, rest @ ..] = bytes else { return None };
        let (lengths, stream) = rest.split_at_checked(usize::from(count % 16))?;
        Some(Self { flags: *flags, stream, lengths })
    }

    /// The stream in its pieces. Where the lengths end, the last piece has all the rest.
    pub(super) fn cut(&self) -> Vec<&'a [u8]> {
        let mut rest = self.stream;
        let mut pieces = Vec::new();
        for length in self.lengths {
            let (piece, after) = rest.split_at(rest.len().min(usize::from(*length)));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        pieces
    }

    /// The stream byte by byte.
    pub(super) fn bytes(&self) -> Vec<&'a [u8]> {
        self.stream.chunks(1).collect()
    }
}
