//! The front of a chain of two servers: a hyper server that asks another one for each request.

mod hops;
mod proxy;
mod server;

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZero,
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Parser;
use tokio::{net::TcpListener, runtime};

use crate::proxy::Proxy;

/// Serves HTTP on 127.0.0.1, with the answers of another server.
#[derive(Debug, Parser)]
struct Options {
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,

    /// The server that is asked, such as 127.0.0.1:8081
    #[arg(long, value_name = "ADDRESS")]
    upstream: SocketAddr,

    /// Worker threads of the runtime [default: the CPUs it may use]
    #[arg(long)]
    workers: Option<NonZero<usize>>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chain-front: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let mut runtime = runtime::Builder::new_multi_thread();
    if let Some(workers) = options.workers {
        runtime.worker_threads(workers.get());
    }
    runtime.enable_all().build().context("cannot start its runtime")?.block_on(serve(options))
}

async fn serve(options: &Options) -> anyhow::Result<()> {
    let proxy = Proxy::new(options.upstream)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
        .await
        .with_context(|| format!("cannot listen on port {}", options.port))?;
    let stop = server::termination()?;
    println!("listening on http://{}, in front of {}", listener.local_addr()?, options.upstream);
    server::serve(listener, proxy, stop).await;
    Ok(())
}
