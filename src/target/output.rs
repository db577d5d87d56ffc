//! What a process prints: the last lines are kept, and one line may be waited for.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use super::secrets::Secrets;

/// How many lines are kept for an error message.
const KEPT_LINES: usize = 20;

/// Where a line without an end is cut.
const LONGEST_LINE: usize = 4096;

/// The output of a process, read by a thread of its own so that the process never blocks on it.
#[derive(Debug, Clone)]
pub(super) struct Output(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug)]
struct State {
    kept: VecDeque<String>,
    awaited: Option<String>,
    /// Not shown in what is kept.
    secrets: Secrets,
    seen: bool,
    ended: bool,
}

impl Output {
    /// Reads `stream` to its end, looks for a line that contains `awaited`, and masks `secrets`
    /// wherever it is printed.
    pub(super) fn follow(
        stream: File,
        awaited: Option<String>,
        secrets: Secrets,
    ) -> io::Result<Self> {
        let state = State { kept: VecDeque::new(), awaited, secrets, seen: false, ended: false };
        let output = Self(Arc::new(Shared { state: Mutex::new(state), ended: Condvar::new() }));
        let reader = output.clone();
        thread::Builder::new().name("output".to_owned()).spawn(move || {
            each_line(stream, LONGEST_LINE, |line| reader.lock().keep(line));
            reader.lock().ended = true;
            reader.0.ended.notify_all();
        })?;
        Ok(output)
    }

    /// The last lines so far.
    pub(super) fn last_lines(&self) -> Vec<String> {
        self.lock().kept.iter().cloned().collect()
    }

    /// Whether the awaited line has come.
    pub(super) fn seen(&self) -> bool {
        self.lock().seen
    }

    /// Waits for the end of the stream. A child of the process may keep it open for long, so this
    /// waits no longer than `patience`.
    pub(super) fn wait_for_end(&self, patience: Duration) {
        let open = |state: &mut State| !state.ended;
        drop(self.0.ended.wait_timeout_while(self.lock(), patience, open));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep(&mut self, line: &str) {
        if self.awaited.as_ref().is_some_and(|awaited| line.contains(awaited)) {
            self.seen = true;
        }
        if self.kept.len() == KEPT_LINES {
            self.kept.pop_front();
        }
        self.kept.push_back(self.secrets.mask(line));
    }
}

/// Calls `act` with each line of `stream` without its end, cut at about `longest` bytes; bytes
/// that are no text are replaced.
pub(super) fn each_line(mut stream: impl Read, longest: usize, mut act: impl FnMut(&str)) {
    let mut pending = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let read = match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        for part in chunk[..read].split_inclusive(|byte| *byte == b'\n') {
            pending.extend_from_slice(part);
            if part.ends_with(b"\n") || pending.len() >= longest {
                act(String::from_utf8_lossy(&pending).trim_end_matches(['\r', '\n']));
                pending.clear();
            }
        }
    }
    if !pending.is_empty() {
        act(&String::from_utf8_lossy(&pending));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        each_line(bytes, LONGEST_LINE, |line| lines.push(line.to_owned()));
        lines
    }

    #[test]
    fn lines_are_cut_at_their_ends() {
        assert_eq!(lines(b"one\ntwo\r\n\nlast"), ["one", "two", "", "last"]);
        assert_eq!(lines(b"\xff\n"), ["\u{fffd}"]);
        assert!(lines(b"").is_empty());
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let cut = lines(&[b'x'; 3 * LONGEST_LINE]);
        assert!(cut.len() >= 2 && cut.iter().all(|line| line.len() <= 2 * LONGEST_LINE));
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut state = State {
            kept: VecDeque::new(),
            awaited: Some("7".into()),
            secrets: Secrets::default(),
            seen: false,
            ended: false,
        };
        for line in 0..7 {
            state.keep(&line.to_string());
        }
        assert!(!state.seen);
        for line in 7..100 {
            state.keep(&line.to_string());
        }
        assert!(state.seen);
        assert_eq!(state.kept.len(), KEPT_LINES);
        assert_eq!(state.kept.back().map(String::as_str), Some("99"));
    }

    proptest! {
        #[test]
        fn no_byte_is_lost(text in "[a-z\n]{0,200}") {
            prop_assert_eq!(lines(text.as_bytes()), text.lines().collect::<Vec<_>>());
        }
    }
}
