//! Requests on a connection of their own, one after the other.

use std::{
    fmt,
    future::{Future, poll_fn},
    io,
    pin::Pin,
    time::{Duration, Instant},
};

use ::h2::client::{Connection, SendRequest};
use bytes::Bytes;
use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};

use super::{
    exchange::{Answer, Broken},
    message::Message,
    session,
    transport::Transport,
};
use crate::load::{
    endpoint::Endpoint,
    errors::{Cause, Phase},
    request::Request,
};

/// A runtime for the calling thread.
pub(in crate::load) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_io().enable_time().build()
}

/// Why a call has failed.
pub(in crate::load) enum CallError {
    /// The runtime could not be made.
    Runtime(io::Error),
    /// The request cannot be sent over HTTP/2.
    Request(String),
    Failed(Phase, Cause),
}

type Moving = Connection<Box<dyn Transport>, Bytes>;

/// An open connection over which one request is sent again and again.
pub(in crate::load) struct Calls {
    message: Message,
    send: SendRequest<Bytes>,
    /// Moves the bytes; gone when it has ended.
    connection: Option<Pin<Box<Moving>>>,
    /// Last, so that it outlives what it drives.
    runtime: Runtime,
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").field("message", &self.message).finish_non_exhaustive()
    }
}

impl Calls {
    /// Connects to `endpoint`.
    pub(in crate::load) fn open(
        endpoint: &Endpoint,
        request: &Request,
        limit: Duration,
    ) -> Result<Self, CallError> {
        let encrypted = endpoint.encryption().is_some();
        let message = Message::of(request, encrypted).map_err(CallError::Request)?;
        let runtime = runtime().map_err(CallError::Runtime)?;
        let opened = runtime.block_on(session::open(endpoint, limit));
        let (send, connection) =
            opened.map_err(|(phase, cause)| CallError::Failed(phase, cause))?;
        Ok(Self { message, send, connection: Some(Box::pin(connection)), runtime })
    }

    pub(in crate::load) fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    /// Sends the request; returns the status of its response.
    pub(in crate::load) fn call(&mut self, limit: Duration) -> Result<u16, CallError> {
        let started = Instant::now();
        let Self { message, send, connection, runtime } = self;
        let mut answer = Answer::default();
        let result = runtime.block_on(async {
            let exchange = async {
                poll_fn(|context| send.poll_ready(context)).await.map_err(Broken::Unsent)?;
                answer.fetch(send, message, false).await
            };
            let mut exchange = Box::pin(exchange);
            // Both go on together; the connection's end shows in the exchange.
            let both = poll_fn(|context| {
                if let Some(open) = connection
                    && open.as_mut().poll(context).is_ready()
                {
                    *connection = None;
                }
                exchange.as_mut().poll(context)
            });
            timeout(limit.saturating_sub(started.elapsed()), both).await
        });
        match result {
            Ok(Ok(())) => Ok(answer.status),
            Ok(Err(broken)) => {
                let (phase, cause) = answer.classify(&broken);
                Err(CallError::Failed(phase, cause))
            }
            Err(_) => Err(CallError::Failed(Phase::Timeout, Cause::NoResponse)),
        }
    }
}
