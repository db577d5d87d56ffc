//! Connections of the clients: accepted until a signal, then finished.

use std::{convert::Infallible, future::Future, io, time::Duration};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    pin, select,
    signal::unix::{SignalKind, signal},
    time,
};

use crate::proxy::Proxy;

/// How long requests in flight may take once the server was told to stop.
const GRACE: Duration = Duration::from_secs(1);

/// How long accepting pauses after an error, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

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
pub async fn serve(listener: TcpListener, proxy: Proxy, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    pin!(stop);
    loop {
        select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => spawn_connection(stream, proxy.clone(), &graceful),
                Err(_) => time::sleep(ACCEPT_PAUSE).await,
            },
            () = &mut stop => break,
        }
    }
    drop(listener);
    if time::timeout(GRACE, graceful.shutdown()).await.is_err() {
        eprintln!("chain-front: some requests were still open after {GRACE:?}");
    }
}

fn spawn_connection(stream: TcpStream, proxy: Proxy, graceful: &GracefulShutdown) {
    // Small responses must not wait for the acknowledgement of the one before.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let answer = service_fn(move |request: Request<Incoming>| {
        let proxy = proxy.clone();
        async move { Ok::<_, Infallible>(proxy.answer(request).await) }
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
