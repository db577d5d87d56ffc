//! Connections: accepted until a signal, then finished.

use std::{convert::Infallible, future::Future, io, sync::Arc, time::Duration};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    pin, select,
    signal::unix::{SignalKind, signal},
    time::{self, Instant},
};

use crate::service::Service;

/// How long requests in flight may take once the server was told to stop.
const GRACE: Duration = Duration::from_secs(2);

/// How long accepting pauses after an error, most likely for want of file descriptors: a
/// connection that ends frees one, and trying in between would only burn the CPU.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// An error of accepting is told once in so long.
const TOLD_PAUSE: Duration = Duration::from_secs(1);

/// Completes at the first SIGTERM or SIGINT; they are caught from this call on.
pub fn termination() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Serves connections until `stop` completes, then finishes the requests in flight.
pub async fn serve(listener: TcpListener, service: Service, stop: impl Future<Output = ()>) {
    let service = Arc::new(service);
    let graceful = GracefulShutdown::new();
    let mut told: Option<Instant> = None;
    pin!(stop);
    loop {
        select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => spawn_connection(stream, Arc::clone(&service), &graceful),
                Err(error) => {
                    if told.is_none_or(|told| told.elapsed() >= TOLD_PAUSE) {
                        eprintln!("hyper-server: cannot accept a connection: {error}");
                        told = Some(Instant::now());
                    }
                    time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut stop => break,
        }
    }
    drop(listener);
    if time::timeout(GRACE, graceful.shutdown()).await.is_err() {
        eprintln!("hyper-server: some requests were still open after {GRACE:?}");
    }
}

fn spawn_connection(stream: TcpStream, service: Arc<Service>, graceful: &GracefulShutdown) {
    // Small responses must not wait for the acknowledgement of the one before.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let answer = service_fn(move |request: Request<Incoming>| {
        let answer = service.answer(&request);
        async move { Ok::<_, Infallible>(answer.response().await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), answer);
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        // A client that goes away in mid-request is its own affair.
        let _ = watched.await;
    });
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
