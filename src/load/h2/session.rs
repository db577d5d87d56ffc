//! One HTTP/2 connection: opened, used by its streams, and given up when it is of no more use.

use std::{cell::Cell, future::poll_fn, rc::Rc, time::Duration};

use ::h2::{
    Reason,
    client::{Builder, Connection, SendRequest},
};
use bytes::Bytes;
use tokio::{
    task::{self, JoinSet},
    time::timeout,
};

use super::{
    Ended, Lane,
    exchange::Answer,
    transport::{self, Transport},
};
use crate::{
    load::{
        endpoint::Endpoint,
        errors::{Age, Cause, Failure, Phase},
    },
    unit::Nanos,
};

/// What a server may send ahead, of one response and of all on a connection: as much as browsers
/// allow, so that large bodies do not wait for the permission to go on.
const STREAM_WINDOW: u32 = 6 << 20;
const CONNECTION_WINDOW: u32 = 15 << 20;
/// How long the end of a connection may take before it is cut.
const FAREWELL: Duration = Duration::from_millis(100);

/// A connection in use.
#[derive(Debug)]
pub(super) struct Session {
    lane: Rc<Lane>,
    slot: usize,
    /// When the last response was complete, if there was one.
    answered: Cell<Option<Nanos>>,
    /// Whether a request has failed.
    failed: Cell<bool>,
    /// Whether no further request is to be sent.
    closing: Cell<bool>,
    /// Requests sent.
    sent: Cell<u32>,
    /// Why the connection has ended, if that was said.
    reason: Cell<Option<Reason>>,
}

/// Both ends of an open connection: what sends requests, and what moves the bytes.
pub(super) type Opened = (SendRequest<Bytes>, Connection<Box<dyn Transport>, Bytes>);

/// Connects to `endpoint`, within `limit`.
pub(super) async fn open(endpoint: &Endpoint, limit: Duration) -> Result<Opened, (Phase, Cause)> {
    let phase = Cell::new(Phase::Connect);
    let opening = async {
        let transport = transport::open(endpoint, |at| phase.set(at)).await?;
        let handshake = Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(transport);
        handshake.await.map_err(|error| Answer::default().classify(&error))
    };
    match (timeout(limit, opening).await, phase.get()) {
        (Ok(opened), _) => opened,
        (Err(_), Phase::Tls) => Err((Phase::Tls, Cause::NoResponse)),
        (Err(_), phase) => Err((phase, Cause::NotAccepted)),
    }
}

impl Session {
    /// Opens the connection `slot` and uses it until it ends, again and again if it ends because
    /// it has sent as many requests as it should.
    pub(super) async fn run(lane: Rc<Lane>, slot: usize) {
        let mut answered = false;
        loop {
            lane.note_connecting();
            let opened = open(&lane.endpoint, lane.timeout).await;
            if let Err((phase, cause)) = opened {
                lane.note_failure(Failure { phase, cause, age: Age::New });
            }
            lane.note_first_attempt(slot, opened.is_ok());
            let Ok((send, connection)) = opened else { break };
            let session = Rc::new(Self::new(Rc::clone(&lane), slot));
            lane.note_live(true);
            Rc::clone(&session).serve(send, connection).await;
            lane.note_live(false);
            answered = session.answered.get().is_some();
            if !(answered && session.is_worn()) {
                break;
            }
        }
        lane.back_off(slot, answered);
    }

    fn new(lane: Rc<Lane>, slot: usize) -> Self {
        Self {
            lane,
            slot,
            answered: Cell::new(None),
            failed: Cell::new(false),
            closing: Cell::new(false),
            sent: Cell::new(0),
            reason: Cell::new(None),
        }
    }

    /// Lets all streams send requests until the connection is of no more use.
    async fn serve(
        self: Rc<Self>,
        send: SendRequest<Bytes>,
        connection: Connection<Box<dyn Transport>, Bytes>,
    ) {
        let session = Rc::clone(&self);
        let mut driver = task::spawn_local(async move {
            let result = connection.await;
            session.reason.set(result.err().and_then(|error| error.reason()));
            session.close();
        });
        let mut streams = JoinSet::new();
        for number in 0..self.lane.streams {
            streams.spawn_local(Rc::clone(&self).stream(send.clone(), number));
        }
        drop(send);
        while streams.join_next().await.is_some() {}
        if timeout(FAREWELL, &mut driver).await.is_err() {
            driver.abort();
        }
    }

    /// Sends one request after the other.
    async fn stream(self: Rc<Self>, mut send: SendRequest<Bytes>, number: usize) {
        let lane = Rc::clone(&self.lane);
        let place = self.slot * lane.streams + number;
        while self.permission().await {
            let index = lane.next_place(place);
            let request = lane.pool.get(index);
            let Some(message) = lane.messages.get(index) else { return lane.forgo() };
            let started = Nanos::now();
            let mut answer = Answer::default();
            let exchange = async {
                // Also waits while the server allows no further stream.
                poll_fn(|context| send.poll_ready(context)).await.map_err(Unsent)?;
                self.sent.set(self.sent.get().saturating_add(1));
                Ok(answer.fetch(&mut send, message, request.wanted().body).await)
            };
            let result = match timeout(lane.timeout, exchange).await {
                Ok(Ok(Ok(()))) => Ok(()),
                Ok(Ok(Err(error))) => Err(self.explain(answer.classify(&error))),
                Ok(Err(Unsent(error))) => return self.leave(answer.classify(&error).1),
                Err(_) if answer.status == 0 => Err((Phase::Timeout, Cause::NoResponse)),
                Err(_) => Err((Phase::Timeout, Cause::Unfinished)),
            };
            let overdue = matches!(result, Err((Phase::Timeout, _)));
            lane.end(&self, &Ended { index, started, answer: &answer, result });
            self.note_end(result.is_ok());
            if overdue && self.answered.get().is_none_or(|at| at < started) {
                // Nothing else has come either: most likely the connection is dead.
                self.close();
            }
        }
    }

    /// Waits until a request may be sent; false if none may be sent on this connection any more.
    async fn permission(&self) -> bool {
        loop {
            let opened = self.lane.gate.notified();
            if self.is_worn() {
                self.close();
            }
            if self.closing.get() {
                return false;
            }
            if self.lane.begin() {
                return true;
            }
            opened.await;
        }
    }

    /// A request that the server had begun to process when it ended the connection is told of the
    /// end only, and not of the reason.
    fn explain(&self, (phase, cause): (Phase, Cause)) -> (Phase, Cause) {
        match (cause, self.reason.get()) {
            (Cause::Closed, Some(reason)) => (phase, Cause::Http2(reason.into())),
            _ => (phase, cause),
        }
    }

    /// Gives up the connection: it takes no request any more. That is an error only if it never
    /// took one, as a server may close a connection that it was not asked anything on.
    fn leave(&self, cause: Cause) {
        if self.answered.get().is_none() && !self.failed.replace(true) {
            let failure = Failure { phase: Phase::FirstByte, cause, age: Age::New };
            self.lane.note_failure(failure);
        }
        self.lane.forgo();
        self.close();
    }

    fn note_end(&self, complete: bool) {
        if complete {
            self.answered.set(Some(Nanos::now()));
        } else {
            self.failed.set(true);
        }
    }

    fn close(&self) {
        if !self.closing.replace(true) {
            self.lane.gate.notify_waiters();
        }
    }

    /// Whether it has sent as many requests as a connection should.
    fn is_worn(&self) -> bool {
        let most = self.lane.requests_per_connection;
        most.is_some_and(|most| self.sent.get() >= most.get())
    }

    /// How much it had done when a request failed.
    pub(super) fn age(&self) -> Age {
        if self.answered.get().is_some() { Age::Reused } else { Age::New }
    }
}

/// The connection took no further request.
struct Unsent(::h2::Error);
