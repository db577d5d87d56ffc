//! One fault from beginning to end: a server misbehaves, what the engine reports is compared, and
//! once the server is well again, so is the load.

use std::{
    env,
    fs::OpenOptions,
    io::{self, Write as _},
    net::TcpStream,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use expect_test::Expect;
use flameload::{
    load::{Generator, Tally},
    measure::{Diagnosis, Seen, ServerSeen},
    unit::Nanos,
};

use super::{
    server::{OK, Server, Stats, answers},
    setup::{alone, eventually, script, slice_of, start},
};

/// Names a file to which each fault adds a row of the table in `docs/RESULTS.md`.
const TABLE: &str = "FLAMELOAD_FAULT_TABLE";

/// So often a fault is shown before the server gets well.
const TIMES: u64 = 12;

/// A server with a fault.
pub(super) struct Fault {
    name: &'static str,
    server: Server,
    is_well: Arc<AtomicBool>,
    load: String,
}

impl Fault {
    /// `answer` writes something wrong to each request.
    pub(super) fn in_answers(
        name: &'static str,
        answer: impl Fn(&mut TcpStream) -> io::Result<ControlFlow<()>> + Clone + Send + 'static,
    ) -> Self {
        let is_well = Arc::new(AtomicBool::new(false));
        let well = Arc::clone(&is_well);
        let server = Server::answering(move |stream| match well.load(SeqCst) {
            true => stream.write_all(OK).map(ControlFlow::Continue),
            false => answer(stream),
        });
        Self { name, server, is_well, load: String::new() }
    }

    /// Each request has this answer, and the connection goes on.
    pub(super) fn saying(name: &'static str, answer: &'static [u8]) -> Self {
        Self::in_answers(name, |stream| stream.write_all(answer).map(ControlFlow::Continue))
    }

    /// `handler` does something wrong to each connection, of which nobody keeps a copy: it can be
    /// closed for good.
    pub(super) fn in_connections(
        name: &'static str,
        handler: impl Fn(TcpStream, &Stats) + Clone + Send + 'static,
    ) -> Self {
        let is_well = Arc::new(AtomicBool::new(false));
        let well = Arc::clone(&is_well);
        let good = answers(|stream| stream.write_all(OK).map(ControlFlow::Continue));
        let server = Server::bare(move |stream, stats| match well.load(SeqCst) {
            true => good(stream, stats),
            false => handler(stream, stats),
        });
        Self { name, server, is_well, load: String::new() }
    }

    /// The script has these keys in `[load]`.
    pub(super) fn load(self, keys: &str) -> Self {
        Self { load: keys.to_owned(), ..self }
    }

    /// Applies load until the fault was seen often enough, and compares what was reported, but for
    /// the counts; then the server gets well, and the load must flow as if nothing had been.
    #[track_caller]
    pub(super) fn check(self, kinds: Expect, diagnosis: Expect) -> Tally {
        let _alone = alone();
        let script = script(4, &self.load, "");
        let mut generator = start(&script, self.server.addr).expect("the server accepts");
        generator.resume();
        let shown = || self.server.received().max(self.server.accepted().saturating_sub(4));
        eventually("the fault is seen", || shown() >= TIMES);
        let tally = generator.pause();
        report(self.name, &tally, (4, generator.live_connections()), ServerSeen::default())
            .check(kinds, diagnosis);
        self.is_well.store(true, SeqCst);
        recovers(&mut generator, &self.server);
        tally
    }
}

/// All connections come back, and with the next slice so does the load.
#[track_caller]
pub(super) fn recovers(generator: &mut Generator, server: &Server) {
    eventually("all connections are back, and none of them fails", || {
        // What is left of the fault, such as a connection that is closed at its first request,
        // belongs to slices of its own; where threads wait for their turn, there may be several.
        let tally = slice_of(generator, server, 10);
        let is_well = tally.errors.total() == 0 && tally.requests >= 10;
        is_well && generator.live_connections() == 4
    });
}

/// What a run reported of a fault.
pub(super) struct Reported {
    kinds: Vec<String>,
    diagnosis: String,
}

/// Gathers what a run reported that wanted so many connections and had so many, and adds it to the table, if there is to be one.
pub(super) fn report(
    name: &str,
    tally: &Tally,
    (connections, live): (u64, usize),
    server: ServerSeen,
) -> Reported {
    let kinds = tally.errors.kinds();
    let counted: Vec<_> = kinds.map(|(kind, seen)| (kind.to_string(), seen.count)).collect();
    let seen = Seen {
        connections,
        live: live as u64,
        requests: tally.requests,
        errors: &tally.errors,
        started: tally.started,
        timeout: Nanos(400_000_000),
        client_open_files: None,
        ports: None,
        server,
    };
    let diagnosis = Diagnosis::of(&seen).unwrap_or_else(|| "nothing failed".to_owned());
    if let Some(path) = env::var_os(TABLE) {
        let shown: Vec<_> =
            counted.iter().map(|(kind, count)| format!("{count} x {kind}")).collect();
        let errors = if shown.is_empty() { "no errors".to_owned() } else { shown.join("<br>") };
        let row = format!("| {name} | {} | {errors} | {diagnosis} |\n", tally.requests);
        let table = OpenOptions::new().create(true).append(true).open(path);
        table.expect("the table").write_all(row.as_bytes()).expect("a row");
    }
    Reported { kinds: counted.into_iter().map(|(kind, _)| kind).collect(), diagnosis }
}

impl Reported {
    /// Compares phases, causes and ages, and the diagnosis without its figures.
    #[track_caller]
    pub(super) fn check(&self, kinds: Expect, diagnosis: Expect) {
        kinds.assert_eq(&self.kinds.join("\n"));
        diagnosis.assert_eq(self.cause());
    }

    /// The kinds of errors.
    pub(super) fn kinds(&self) -> &[String] {
        &self.kinds
    }

    /// The diagnosis without its figures.
    pub(super) fn cause(&self) -> &str {
        self.diagnosis.split(" (").next().unwrap_or_default()
    }

    /// The whole diagnosis.
    pub(super) fn diagnosis(&self) -> &str {
        &self.diagnosis
    }
}
