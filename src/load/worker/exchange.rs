//! Requests and responses on the connections of one thread: the hot path.

use std::{mem, ops::ControlFlow};

use super::Worker;
use crate::{
    load::{
        connection::{Flight, ReadError, Stage},
        errors::{Cause, Failure, Phase},
        request::Fault,
        response::ResponseError,
    },
    unit::Nanos,
};

impl Worker {
    pub(super) fn send_rest(&mut self, slot: usize) {
        if self.connections[slot].has_unsent(&self.setup.pool) {
            self.send(slot);
        }
    }

    pub(super) fn send(&mut self, slot: usize) {
        if let Err(error) = self.connections[slot].send(&self.setup.pool) {
            self.fail(slot, Phase::Write, Cause::of_io(&error));
        }
    }

    /// A server may close a connection that it was not asked anything on: that is no error.
    pub(super) fn on_idle(&mut self, slot: usize) {
        match self.connections[slot].idle_event(&mut self.buffer) {
            Ok(false) => {}
            Ok(true) => self.retire(slot),
            Err(error) => self.fail_reading(slot, &error),
        }
    }

    /// Reads what has arrived; `closed` if the server has closed its side.
    ///
    /// A read that does not fill the buffer has emptied the socket, and what comes later raises a
    /// new edge: reading again only to be told so would cost a system call for each response. Only
    /// when the server has closed its side is the end still to be read.
    pub(super) fn receive(&mut self, slot: usize, closed: bool) {
        let mut buffer = mem::take(&mut self.buffer);
        loop {
            let connection = &mut self.connections[slot];
            let n = match connection.read(&mut buffer) {
                Ok(Some(n)) => n,
                Ok(None) => break,
                Err(error) => {
                    self.fail_reading(slot, &ReadError::Io(error));
                    break;
                }
            };
            let may_be_more = n == buffer.len() || closed || !connection.reads_to_end();
            // One reading of the clock ends this request and starts the next.
            self.now = Nanos::now();
            self.tally.bytes += n as u64;
            if self.take(slot, buffer.get(..n).unwrap_or_default(), closed).is_break()
                || !may_be_more
            {
                break;
            }
        }
        self.buffer = buffer;
    }

    /// Takes bytes that arrived on a connection; breaks when no more of them are to be read.
    fn take(&mut self, slot: usize, bytes: &[u8], closed: bool) -> ControlFlow<()> {
        let mut rest = bytes;
        loop {
            let connection = &mut self.connections[slot];
            let used = match connection.feed(rest, &mut self.recent) {
                Ok(Some(used)) => used,
                Ok(None) => return ControlFlow::Continue(()),
                Err(error) => {
                    self.fail_reading(slot, &ReadError::Response(error));
                    return ControlFlow::Break(());
                }
            };
            rest = rest.get(used..).unwrap_or_default();
            let is_last = connection.flights().len() <= 1;
            if is_last && !rest.is_empty() {
                self.fail_reading(slot, &ReadError::Response(ResponseError::Excess));
                return ControlFlow::Break(());
            }
            self.complete(slot, is_last && closed)?;
            if is_last {
                self.offer(slot);
                return ControlFlow::Break(());
            }
            if rest.is_empty() {
                // While the server works on the others, what it has answered makes room.
                if !closed {
                    self.offer(slot);
                }
                return ControlFlow::Continue(());
            }
        }
    }

    /// Counts a complete response; breaks if its connection is of no more use.
    fn complete(&mut self, slot: usize, closed: bool) -> ControlFlow<()> {
        let pool = &self.setup.pool;
        let connection = &mut self.connections[slot];
        let Some(Flight { intended, began, index }) = connection.flights().front().copied() else {
            return ControlFlow::Break(());
        };
        let (request, parser) = (pool.get(index), connection.parser());
        let latency = self.now.since(began);
        self.latency = latency;
        let status = request.expects_several().then(|| parser.status());
        let fault = match request.judge(&parser.complete()) {
            _ if latency > self.setup.timeout + self.standstill.excused(began) => {
                Some((Phase::Timeout, Cause::Late))
            }
            judged => judged.err().map(Fault::failure),
        };
        // What is left of a request that was answered early would be read as the next one.
        let is_early = connection.flights().len() == 1 && connection.has_unsent(pool);
        let is_last = closed || request.closes() || !parser.keep_alive();
        let age = connection.age();
        connection.answer(pool);
        self.completed += 1;
        self.busy -= 1;
        match fault {
            None => {
                self.tally.record(pool.kind(index), latency, self.now.since(intended));
                if let Some(status) = status {
                    self.tally.note_status(status, 1);
                }
            }
            Some((phase, cause)) => {
                self.tally.fail(Some(pool.kind(index)), Failure { phase, cause, age }, self.now);
            }
        }
        if is_early || is_last || self.connections[slot].is_worn() {
            self.renew(slot);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Closes a connection that did its work, and opens it again at once. What is under way on one
    /// that the server ends has no answer: it goes to the one that follows, if it may be sent
    /// twice.
    fn renew(&mut self, slot: usize) {
        let age = self.connections[slot].age();
        self.hold(slot, Failure { phase: Phase::FirstByte, cause: Cause::Closed, age });
        self.reopen(slot);
    }

    /// Keeps what may be sent twice for the next connection; the rest has failed. Returns how much
    /// is kept.
    fn hold(&mut self, slot: usize, failure: Failure) -> usize {
        let held = self.connections[slot].hold(&self.setup.pool);
        self.tally.resent += held as u64;
        self.fail_flights(slot, failure);
        held
    }

    fn reopen(&mut self, slot: usize) {
        self.connections[slot].close();
        self.set_live(self.live - 1);
        self.open(slot);
    }

    /// Sends what was kept for a connection that is open again; tells whether there was anything.
    pub(super) fn resume(&mut self, slot: usize) -> bool {
        let is_held = self.connections[slot].resume(&self.setup.pool);
        if is_held {
            self.send(slot);
        }
        is_held
    }

    /// Counts an error and closes its connection, to be opened again later. That a server ends a
    /// connection which it had served, as it may at any time, is no error of the requests that it
    /// has not begun to answer.
    pub(super) fn fail(&mut self, slot: usize, phase: Phase, cause: Cause) {
        let connection = &self.connections[slot];
        let failure = Failure { phase, cause, age: connection.age() };
        if cause.is_end() && connection.is_between() && !connection.flights().is_empty() {
            return self.lose(slot, failure);
        }
        if connection.flights().is_empty() && connection.held().is_empty() {
            self.tally.fail(None, failure, self.now);
        }
        for flight in connection.held() {
            self.tally.fail(Some(self.setup.pool.kind(flight.index)), failure, self.now);
            self.busy -= 1;
        }
        self.connections[slot].drop_held();
        self.fail_flights(slot, failure);
        self.retire(slot);
    }

    /// The server has ended a kept connection with requests under way.
    fn lose(&mut self, slot: usize, failure: Failure) {
        match self.hold(slot, failure) {
            0 => self.retire(slot),
            _ => self.reopen(slot),
        }
    }

    pub(super) fn fail_reading(&mut self, slot: usize, error: &ReadError) {
        let (phase, cause) = self.connections[slot].classify(error);
        self.fail(slot, phase, cause);
    }

    /// Closes a connection, to be opened again after its back-off.
    pub(super) fn retire(&mut self, slot: usize) {
        match self.connections[slot].stage() {
            Stage::Closed => {}
            Stage::Connecting => self.connecting -= 1,
            Stage::Open => self.set_live(self.live - 1),
        }
        self.connections[slot].close();
        let failures = self.connections[slot].note_failure();
        self.openings.back_off(slot, failures, self.now);
        self.note_first_attempt(slot, false);
    }

    /// Counts a failure for every request under way on a connection that is about to be closed.
    fn fail_flights(&mut self, slot: usize, failure: Failure) {
        for flight in self.connections[slot].flights() {
            self.tally.fail(Some(self.setup.pool.kind(flight.index)), failure, self.now);
            self.busy -= 1;
        }
    }
}
