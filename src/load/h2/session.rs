//! One HTTP/2 connection: opened, used by its streams, and given up when it is of no more use.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use ::h2::{
    Error, Reason,
    client::{Builder, Connection, SendRequest},
};
use bytes::Bytes;
use tokio::{
    task::{self, JoinSet},
    time::timeout,
};

use super::{
    Lane,
    exchange::{Answer, Broken},
    pacing::Grant,
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

/// A request is sent again so often, where servers do not take it: one that takes none at all must
/// show.
const REFUSALS_MAX: u8 = 3;

/// A connection in use.
#[derive(Debug)]
pub(super) struct Session {
    lane: Rc<Lane>,
    slot: usize,
    /// When the last response was complete, if there was one.
    answered: Cell<Option<Nanos>>,
    /// Whether a request has failed.
    failed: Cell<bool>,
    /// Whether the server has told in an orderly way that it takes no further requests.
    refused: Cell<bool>,
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
        handshake.await.map_err(|error| Answer::default().classify(&Broken::Unsent(error)))
    };
    match (timeout(limit, opening).await, phase.get()) {
        (Ok(opened), _) => opened,
        (Err(_), Phase::Tls) => Err((Phase::Tls, Cause::NoResponse)),
        (Err(_), phase) => Err((phase, Cause::NotAccepted)),
    }
}

impl Session {
    /// Opens the connection `slot` and uses it until it ends, again and again if it ends because
    /// it has sent as many requests as it should, or as the server takes.
    pub(super) async fn run(lane: Rc<Lane>, slot: usize) {
        let mut answered = false;
        loop {
            lane.note_connecting();
            let opened = open(&lane.setup.endpoint, lane.setup.timeout).await;
            match &opened {
                // Whoever waits for the first attempts then asks what is live.
                Ok(_) => lane.note_live(true),
                Err(failure) => lane.give_up(slot, *failure),
            }
            lane.note_first_attempt(slot, opened.is_ok());
            let Ok((send, connection)) = opened else { break };
            let session = Rc::new(Self::new(Rc::clone(&lane), slot));
            Rc::clone(&session).serve(send, connection).await;
            lane.note_live(false);
            answered = session.answered.get().is_some();
            if !(answered && (session.is_worn() || session.refused.get())) {
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
            refused: Cell::new(false),
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
            let error = connection.await.err();
            session.reason.set(error.as_ref().and_then(|error| error.reason()));
            session.note_ended(error);
        });
        let mut streams = JoinSet::new();
        for number in 0..self.lane.setup.streams {
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
        let setup = &lane.setup;
        let seat = self.slot * setup.streams + number;
        loop {
            if !self.ready(&mut send, seat).await {
                return;
            }
            let Some(grant) = self.grant(seat).await else { return };
            let request = setup.pool.get(grant.index);
            let mut answer = Answer::default();
            let exchange =
                answer.fetch(&mut send, setup.messages.get(grant.index), request.wanted().body);
            let result = match timeout(setup.timeout, exchange).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(broken @ Broken::Unsent(_))) if !lane.is_open_loop() && is_fresh(grant) => {
                    lane.forgo();
                    return self.leave(&broken);
                }
                Ok(Err(broken)) if self.is_to_resend(&answer, &broken, grant) => {
                    return self.hold(seat, grant, &broken);
                }
                Ok(Err(broken)) => Err(self.explain(answer.classify(&broken))),
                Err(_) if answer.status == 0 => Err((Phase::Timeout, Cause::NoResponse)),
                Err(_) => Err((Phase::Timeout, Cause::Unfinished)),
            };
            let is_complete = result.is_ok();
            let overdue = matches!(result, Err((Phase::Timeout, _)));
            lane.end(self.age(), &grant, &answer, result);
            self.note_end(is_complete);
            if overdue && self.answered.get().is_none_or(|at| at < grant.began) {
                // Nothing else has come either: most likely the connection is dead.
                self.close();
            }
        }
    }

    /// Whether a request that has no response is sent again on the connection that follows.
    fn is_to_resend(&self, answer: &Answer, broken: &Broken, grant: Grant) -> bool {
        answer.status == 0 && broken.is_untouched() && grant.refusals < REFUSALS_MAX
    }

    /// Keeps a request for the connection that follows; this one takes no more. That it is at its
    /// end is no error.
    fn hold(&self, seat: usize, grant: Grant, broken: &Broken) {
        if let Some(place) = self.lane.seats.get(seat) {
            place.hold(grant);
            self.lane.note_resent();
        }
        self.refused.set(self.refused.get() || broken.is_orderly());
        self.close();
    }

    /// Waits until the connection takes a request; false if it will not. A connection that is about
    /// to end shows it here, before a request is granted.
    async fn ready(&self, send: &mut SendRequest<Bytes>, seat: usize) -> bool {
        let Some(place) = self.lane.seats.get(seat) else { return false };
        let mut news = pin!(place.news.notified());
        let ready = poll_fn(|context| {
            while news.as_mut().poll(context).is_ready() {
                news.set(place.news.notified());
            }
            match self.closing.get() {
                true => Poll::Ready(None),
                false => send.poll_ready(context).map(Some),
            }
        });
        match ready.await {
            Some(Ok(())) => true,
            Some(Err(error)) => {
                self.leave(&Broken::Unsent(error));
                false
            }
            None => false,
        }
    }

    /// Waits until a request is to be sent; none if none may be sent on this connection any more.
    async fn grant(&self, seat: usize) -> Option<Grant> {
        let place = self.lane.seats.get(seat)?;
        if self.is_worn() {
            self.close();
        }
        if self.closing.get() {
            // What is kept on the seat is for the connection that follows.
            place.leave();
            return None;
        }
        if let Some(held) = place.take() {
            self.sent.set(self.sent.get().saturating_add(1));
            return Some(held);
        }
        self.lane.offer(seat);
        loop {
            if let Some(grant) = place.take() {
                self.sent.set(self.sent.get().saturating_add(1));
                return Some(grant);
            }
            if self.closing.get() {
                place.leave();
                return None;
            }
            place.news.notified().await;
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

    /// The connection has ended. What was under way on it is told of that by itself; if nothing
    /// ever was, it counts if requests were to be sent, or if it broke the protocol.
    fn note_ended(&self, error: Option<Error>) {
        let is_wanted = self.reason.get().is_some() || self.lane.is_flowing();
        if self.sent.get() == 0 && is_wanted {
            self.leave(&error.map_or(Broken::Closed, Broken::Unsent));
        }
        self.close();
    }

    /// Gives up the connection: it takes no request any more. That is an error only if it never
    /// took one, as a server may close a connection that it was not asked anything on.
    fn leave(&self, broken: &Broken) {
        self.refused.set(self.refused.get() || broken.is_orderly());
        if self.answered.get().is_none() && !self.failed.replace(true) {
            let (phase, cause) = self.explain(Answer::default().classify(broken));
            self.lane.note_failure(Failure { phase, cause, age: Age::New });
        }
        self.close();
    }

    fn note_end(&self, complete: bool) {
        if complete {
            self.answered.set(Some(Nanos::now()));
        } else {
            self.failed.set(true);
        }
    }

    /// No further request is sent; streams that wait for one are told.
    fn close(&self) {
        self.closing.set(true);
        let streams = self.lane.setup.streams;
        for seat in self.lane.seats.iter().skip(self.slot * streams).take(streams) {
            seat.news.notify_one();
        }
    }

    /// Whether it has sent as many requests as a connection should.
    fn is_worn(&self) -> bool {
        self.sent.get() >= self.lane.setup.lifetime
    }

    /// How much it had done when a request failed.
    pub(super) fn age(&self) -> Age {
        if self.answered.get().is_some() { Age::Reused } else { Age::New }
    }
}

/// Whether no connection has refused a request yet.
fn is_fresh(grant: Grant) -> bool {
    grant.refusals == 0
}
