//! A small HTTP/1.1 server on axum, with the answers of the hyper target.

mod routes;

use std::{future::Future, io, net::Ipv4Addr, num::NonZero, process::ExitCode, time::Duration};

use anyhow::Context as _;
use axum::serve::ListenerExt as _;
use clap::Parser;
use tokio::{
    net::TcpListener,
    runtime, select,
    signal::unix::{SignalKind, signal},
    time,
};

/// How long requests in flight may take once the server was told to stop.
const GRACE: Duration = Duration::from_secs(1);

/// Serves HTTP on 127.0.0.1.
#[derive(Debug, Parser)]
struct Options {
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,

    /// Worker threads of the runtime [default: the CPUs it may use]
    #[arg(long)]
    workers: Option<NonZero<usize>>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("axum-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let mut runtime = runtime::Builder::new_multi_thread();
    if let Some(workers) = options.workers {
        runtime.worker_threads(workers.get());
    }
    runtime.enable_all().build().context("cannot start its runtime")?.block_on(serve(options.port))
}

async fn serve(port: u16) -> anyhow::Result<()> {
    let app = routes::router().context("cannot read its users")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("cannot listen on port {port}"))?;
    println!("listening on http://{}", listener.local_addr()?);

    // Small responses must not wait for the acknowledgement of the one before.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let (stop, stop_for_good) = (termination()?, termination()?);
    select! {
        served = axum::serve(listener, app).with_graceful_shutdown(stop) => served?,
        () = async { stop_for_good.await; time::sleep(GRACE).await } => {
            eprintln!("axum-server: some requests were still open after {GRACE:?}");
        }
    }
    Ok(())
}

/// Completes at the first SIGTERM or SIGINT; they are caught from this call on.
fn termination() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
