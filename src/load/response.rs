//! Reads HTTP/1.1 responses from bytes that arrive in any pieces; does no input or output itself.

mod chunks;
mod coding;
mod head;
#[cfg(test)]
mod tests;

use thiserror::Error;

use chunks::Chunks;
pub(super) use coding::Codings;
pub use coding::Undecoded;
pub(super) use head::RecentHead;
use head::{Framing, Head};

/// Most bytes of a head; also of the extension lines and of the trailers of a chunked body.
const HEAD_MAX: usize = 64 * 1024;
/// Most bytes of a body that is kept for a check.
const BODY_KEPT_MAX: usize = 16 * 1024 * 1024;

/// Why bytes are not a complete HTTP/1.1 response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum ResponseError {
    /// The head is not one.
    #[error("not an HTTP/1.1 response")]
    Syntax,
    /// A line of the head is no header.
    #[error("line {0} of the response's head is not a header")]
    Header(u16),
    /// The head does not end.
    #[error("a response head is longer than 64 KiB")]
    HeadTooLong,
    /// No length, or several that differ.
    #[error("the content-length is not one number")]
    ContentLength,
    /// The body is not made of chunks, though the head says so.
    #[error("the body is not validly chunked")]
    Chunk,
    /// A body to be checked is larger than what is kept of one.
    #[error("a body to be checked is larger than the 16 MiB that are looked at")]
    BodyTooLong,
    /// The server changed to a protocol that nobody asked for.
    #[error("the server switched protocols (status 101)")]
    Upgrade,
    /// Bytes that belong to no request.
    #[error("more bytes than the response has")]
    Excess,
    /// The connection ended before the response began.
    #[error("closed by the server before the first byte of a response")]
    Unanswered,
    /// The connection ended within the response.
    #[error("closed by the server in the middle of a response")]
    Cut,
}

/// One response in the making. Feed it what arrives until it says where the response ends.
#[derive(Debug)]
pub(super) struct Parser {
    state: State,
    status: u16,
    /// Whether an interim response has come before.
    interim: bool,
    keep_alive: bool,
    wanted: Wanted,
    /// The head so far, where it did not arrive in one piece.
    partial: Vec<u8>,
    /// The last complete head, if it is kept.
    head: Vec<u8>,
    body: Vec<u8>,
    /// What was done to the last complete response's body to make it smaller.
    codings: Codings,
    /// Decoded bytes of the body, kept or not.
    body_bytes: u64,
}

/// A complete response, as far as it is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Complete<'a> {
    pub(super) status: u16,
    /// Its body without chunks, but as it was encoded; empty unless it is kept.
    pub(super) body: &'a [u8],
    pub(super) codings: Codings,
    /// Bytes of the body, kept or not.
    pub(super) bytes: u64,
}

/// What is to be read of a response, which depends on its request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The response to a HEAD request ends with its head.
    pub(super) bodiless: bool,
    /// Whether its body is kept, to be looked at.
    pub(super) body: bool,
    /// Whether its head is kept.
    pub(super) head: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    /// Within the head, or after an interim one.
    Head,
    /// Within a body of which so many bytes are missing.
    Counted(u64),
    Chunked(Chunks),
    UntilClose,
    Done,
}

impl Parser {
    /// A parser of one response.
    pub(super) fn new(wanted: Wanted) -> Self {
        Self {
            state: State::Start,
            status: 0,
            interim: false,
            keep_alive: false,
            wanted,
            partial: Vec::new(),
            head: Vec::new(),
            body: Vec::new(),
            codings: Codings::default(),
            body_bytes: 0,
        }
    }

    /// Forgets the last response, to read another.
    pub(super) fn reset(&mut self, wanted: Wanted) {
        self.state = State::Start;
        self.interim = false;
        self.wanted = wanted;
        self.partial.clear();
        self.head.clear();
        self.body.clear();
        self.body_bytes = 0;
    }

    /// Takes the bytes that arrived next. When the response is complete, returns how many of them
    /// belong to it; until then it has taken all of them.
    pub(super) fn feed(
        &mut self,
        input: &[u8],
        recent: &mut RecentHead,
    ) -> Result<Option<usize>, ResponseError> {
        let mut rest = input;
        if matches!(self.state, State::Start | State::Head) {
            match self.take_head(rest, recent)? {
                Some(after) => rest = after,
                None => return Ok(None),
            }
        }
        let after = self.take_body(rest)?;
        Ok((self.state == State::Done).then_some(input.len() - after.len()))
    }

    /// The connection has ended: completes a response that lasts until then.
    pub(super) fn close(&mut self) -> Result<(), ResponseError> {
        match self.state {
            State::Start => Err(ResponseError::Unanswered),
            State::UntilClose | State::Done => {
                self.state = State::Done;
                self.keep_alive = false;
                Ok(())
            }
            // What has no line end yet may be wrong all the same.
            State::Head => {
                Head::parse(&self.partial)?;
                Err(ResponseError::Cut)
            }
            State::Counted(_) | State::Chunked(_) => Err(ResponseError::Cut),
        }
    }

    /// Whether no byte of the response has come yet.
    pub(super) fn is_at_start(&self) -> bool {
        self.state == State::Start
    }

    /// The complete response's status.
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// Whether interim responses, such as 103 (Early Hints), came before the complete one.
    pub(super) fn had_interim(&self) -> bool {
        self.interim
    }

    /// Whether the connection can serve another request after the complete response.
    pub(super) fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// The complete response, to be judged.
    pub(super) fn complete(&self) -> Complete<'_> {
        let Self { status, body, codings, body_bytes, .. } = self;
        Complete { status: *status, body, codings: *codings, bytes: *body_bytes }
    }

    /// The complete response's head; empty unless it is kept.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Passes interim heads and the final one; returns the bytes after it once it is complete.
    fn take_head<'a>(
        &mut self,
        input: &'a [u8],
        recent: &mut RecentHead,
    ) -> Result<Option<&'a [u8]>, ResponseError> {
        let mut rest = input;
        loop {
            let Some((head, used)) = self.next_head(rest, recent)? else { return Ok(None) };
            rest = rest.get(used..).unwrap_or_default();
            self.state = State::Head;
            match head.status {
                101 => return Err(ResponseError::Upgrade),
                100..200 => self.interim = true,
                status => {
                    self.status = status;
                    self.codings = head.codings;
                    self.state = self.body_of(head);
                    self.keep_alive = head.keep_alive && self.state != State::UntilClose;
                    return Ok(Some(rest));
                }
            }
        }
    }

    /// The next complete head and how many bytes of `input` it ends after.
    fn next_head(
        &mut self,
        input: &[u8],
        recent: &mut RecentHead,
    ) -> Result<Option<(Head, usize)>, ResponseError> {
        if self.partial.is_empty() {
            if let Some(head) = recent.at_start_of(input) {
                self.keep_head(input, head);
                return Ok(Some((head, head.len)));
            }
            return match Head::parse(&input[..input.len().min(HEAD_MAX)])? {
                Some(head) => {
                    recent.remember(input, head);
                    self.keep_head(input, head);
                    Ok(Some((head, head.len)))
                }
                None => self.keep_partial(input).map(|()| None),
            };
        }
        let before = self.partial.len();
        let room = HEAD_MAX - before;
        self.partial.extend_from_slice(&input[..input.len().min(room)]);
        // A head ends with a line: parsing again at each byte of one would take quadratic time.
        let head = match input.contains(&b'\n') || input.len() >= room {
            true => Head::parse(&self.partial)?,
            false => None,
        };
        match head {
            Some(head) => {
                let partial = std::mem::take(&mut self.partial);
                self.keep_head(&partial, head);
                Ok(Some((head, head.len.saturating_sub(before))))
            }
            None if input.len() >= room => Err(ResponseError::HeadTooLong),
            None => Ok(None),
        }
    }

    fn keep_head(&mut self, bytes: &[u8], head: Head) {
        if self.wanted.head {
            self.head.clear();
            self.head.extend_from_slice(bytes.get(..head.len).unwrap_or_default());
        }
    }

    fn keep_partial(&mut self, input: &[u8]) -> Result<(), ResponseError> {
        if input.len() >= HEAD_MAX {
            return Err(ResponseError::HeadTooLong);
        }
        if !input.is_empty() {
            self.state = State::Head;
            self.partial.extend_from_slice(input);
        }
        Ok(())
    }

    fn body_of(&self, head: Head) -> State {
        if self.wanted.bodiless || matches!(head.status, 204 | 304) {
            return State::Done;
        }
        match head.framing {
            Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Counted(length),
            Framing::Chunked => State::Chunked(Chunks::new()),
            Framing::UntilClose => State::UntilClose,
        }
    }

    /// Takes what belongs to the body; returns the bytes after it.
    fn take_body<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], ResponseError> {
        let mut kept =
            Kept { body: self.wanted.body.then_some(&mut self.body), bytes: &mut self.body_bytes };
        match self.state {
            State::Counted(missing) => {
                let taken = usize::try_from(missing).map_or(input.len(), |n| n.min(input.len()));
                let (part, rest) = input.split_at(taken);
                kept.add(part)?;
                self.state = match missing - taken as u64 {
                    0 => State::Done,
                    missing => State::Counted(missing),
                };
                Ok(rest)
            }
            State::Chunked(mut chunks) => {
                let rest = chunks.feed(input, |part| kept.add(part))?;
                self.state = if chunks.done() { State::Done } else { State::Chunked(chunks) };
                Ok(rest)
            }
            State::UntilClose => {
                kept.add(input)?;
                Ok(&[])
            }
            State::Start | State::Head | State::Done => Ok(input),
        }
    }
}

/// Where the parts of a body go.
struct Kept<'a> {
    body: Option<&'a mut Vec<u8>>,
    bytes: &'a mut u64,
}

impl Kept<'_> {
    fn add(&mut self, part: &[u8]) -> Result<(), ResponseError> {
        *self.bytes += part.len() as u64;
        let Some(body) = &mut self.body else { return Ok(()) };
        if body.len() + part.len() > BODY_KEPT_MAX {
            return Err(ResponseError::BodyTooLong);
        }
        body.extend_from_slice(part);
        Ok(())
    }
}
