//! What in `load` reads foreign bytes, for tests that make up such bytes; no part of the interface.

use super::{
    EngineKind, ExternalError, Reported, ResponseError,
    connection::jar::Jar,
    external,
    response::{Parser, RecentHead, Wanted},
};

/// The heads that came last, as a load thread keeps them.
#[derive(Debug, Default)]
pub struct Recent(RecentHead);

/// A complete response.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Whether the connection can serve another request.
    pub keep_alive: bool,
    /// Its body, where it was to be kept.
    pub body: Vec<u8>,
    /// Its head.
    pub head: Vec<u8>,
    /// How many of the bytes belong to it; none where the connection's end was its end.
    pub end: Option<usize>,
}

/// Reads a response that arrives in `pieces`, after which the connection ends.
///
/// # Errors
/// When the pieces are not a complete response.
pub fn response(
    pieces: &[&[u8]],
    head_request: bool,
    keep_body: bool,
    recent: &mut Recent,
) -> Result<Response, ResponseError> {
    let mut parser = Parser::new(Wanted { bodiless: head_request, body: keep_body, head: true });
    let (mut before, mut end) = (0, None);
    for piece in pieces {
        if let Some(used) = parser.feed(piece, &mut recent.0)? {
            end = Some(before + used);
            break;
        }
        before += piece.len();
    }
    if end.is_none() {
        parser.close()?;
    }
    Ok(Response {
        status: parser.status(),
        keep_alive: parser.keep_alive(),
        body: parser.complete().body.to_vec(),
        head: parser.head().to_vec(),
        end,
    })
}

/// What a connection sends of the cookies that these heads have set, as a header.
pub fn cookies(heads: &[&[u8]]) -> Vec<u8> {
    let mut jar = Jar::default();
    heads.iter().for_each(|head| jar.take(head));
    let mut header = Vec::new();
    jar.write(&mut header);
    header
}

/// The figures in what a tool wrote under a load of so many connections, with so many requests at
/// once on each.
///
/// # Errors
/// When they are not where they should be.
pub fn figures(
    tool: EngineKind,
    connections: u64,
    pipeline: u64,
    text: &str,
) -> Result<Reported, ExternalError> {
    external::figures(tool, connections, pipeline, text)
}
