//! What in `target` reads foreign bytes, for tests that make up such bytes; no part of the
//! interface.

use std::io;

use super::{http::Progress, network, procfs, usage};

/// Reads an answer that arrives in `pieces`: the status, and whether it is complete.
///
/// # Errors
/// When it is not HTTP/1.
pub fn answer(pieces: &[&[u8]]) -> io::Result<(Option<u16>, bool)> {
    let mut progress = Progress::default();
    pieces.iter().try_for_each(|piece| progress.take(piece))?;
    Ok((progress.head, progress.done()))
}

/// Reads a text as each of the files under `/proc`, and gives what was found as text.
pub fn procfs(text: &str) -> String {
    let listeners: Vec<_> = procfs::parse_listeners(text).collect();
    let sockets: Vec<_> = network::parse_sockets(text).collect();
    let (stat, status) = (procfs::parse_stat(text), usage::parse_status(text));
    let (files, drops) = (usage::parse_open_files(text), network::parse_listen_drops(text));
    format!("{listeners:?} {sockets:?} {stat:?} {status:?} {files:?} {drops:?}")
}
