//! An API that reads users from PostgreSQL, on axum and sqlx.

mod error;
mod routes;
mod users;

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

use crate::users::Users;

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
    threads: Option<NonZero<usize>>,

    /// The database, such as postgres://me@127.0.0.1:5432/mine
    #[arg(long, env, hide_env_values = true)]
    database_url: String,

    /// Connections to the database
    #[arg(long, env, default_value_t = NonZero::<u32>::MIN)]
    db_pool: NonZero<u32>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("axum-sqlx-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let mut runtime = runtime::Builder::new_multi_thread();
    if let Some(threads) = options.threads {
        runtime.worker_threads(threads.get());
    }
    runtime.enable_all().build().context("cannot start its runtime")?.block_on(serve(options))
}

async fn serve(options: &Options) -> anyhow::Result<()> {
    let users = Users::connect(&options.database_url, options.db_pool)
        .await
        .context("cannot open its connections to the database")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
        .await
        .with_context(|| format!("cannot listen on port {}", options.port))?;
    println!("listening on http://{}", listener.local_addr()?);

    // Small responses must not wait for the acknowledgement of the one before.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let app = routes::router(users.clone());
    let (stop, stop_for_good) = (termination()?, termination()?);
    let serve = async {
        axum::serve(listener, app).with_graceful_shutdown(stop).await?;
        users.close().await;
        io::Result::Ok(())
    };
    select! {
        served = serve => served?,
        () = async { stop_for_good.await; time::sleep(GRACE).await } => {
            eprintln!("axum-sqlx-server: some requests were still open after {GRACE:?}");
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
