//! One request on a connection of its own.

use std::{
    future::poll_fn,
    io,
    time::{Duration, Instant},
};

use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};

use super::{
    exchange::{Answer, Broken},
    message::Message,
    session,
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

/// Sends `request` to `endpoint`; returns the status of its response.
pub(in crate::load) fn call(
    endpoint: &Endpoint,
    request: &Request,
    limit: Duration,
) -> Result<u16, CallError> {
    let started = Instant::now();
    let encrypted = endpoint.encryption().is_some();
    let message = Message::of(request, encrypted).map_err(CallError::Request)?;
    let failed = |(phase, cause)| CallError::Failed(phase, cause);
    runtime().map_err(CallError::Runtime)?.block_on(async {
        let (mut send, connection) = session::open(endpoint, limit).await.map_err(failed)?;
        let mut answer = Answer::default();
        let mut connection = Some(Box::pin(connection));
        let exchange = async {
            poll_fn(|context| send.poll_ready(context)).await.map_err(Broken::Unsent)?;
            answer.fetch(&mut send, &message, false).await
        };
        let mut exchange = Box::pin(exchange);
        // Both go on together; the connection moves the bytes, and its end shows in the exchange.
        let both = poll_fn(|context| {
            if let Some(open) = &mut connection
                && open.as_mut().poll(context).is_ready()
            {
                connection = None;
            }
            exchange.as_mut().poll(context)
        });
        let result = timeout(limit.saturating_sub(started.elapsed()), both).await;
        drop(exchange);
        match result {
            Ok(Ok(())) => Ok(answer.status),
            Ok(Err(broken)) => Err(failed(answer.classify(&broken))),
            Err(_) => Err(CallError::Failed(Phase::Timeout, Cause::NoResponse)),
        }
    })
}
