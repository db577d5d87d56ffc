//! A small HTTP/1.1 server on actix-web, with the answers of the hyper target.

mod routes;

use std::{net::Ipv4Addr, num::NonZero, process::ExitCode};

use actix_web::{App, HttpServer, web};
use anyhow::Context as _;
use clap::Parser;

/// How long requests in flight may take once the server was told to stop.
const GRACE_SECONDS: u64 = 1;

/// Serves HTTP on 127.0.0.1.
#[derive(Debug, Parser)]
struct Options {
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,

    /// Worker threads, each with a runtime of its own [default: the CPUs it may use]
    #[arg(long)]
    workers: Option<NonZero<usize>>,
}

#[actix_web::main]
async fn main() -> ExitCode {
    match serve(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("actix-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: &Options) -> anyhow::Result<()> {
    let users = web::Data::new(routes::users().context("cannot read its users")?);
    let app = move || App::new().app_data(users.clone()).configure(routes::configure);
    let mut server = HttpServer::new(app)
        .bind((Ipv4Addr::LOCALHOST, options.port))
        .with_context(|| format!("cannot listen on port {}", options.port))?
        // Small responses must not wait for the acknowledgement of the one before.
        .tcp_nodelay(true)
        .shutdown_timeout(GRACE_SECONDS);
    if let Some(workers) = options.workers {
        server = server.workers(workers.get());
    }
    for addr in server.addrs() {
        println!("listening on http://{addr}");
    }
    // It stops at SIGTERM and SIGINT by itself.
    server.run().await.context("cannot serve")
}
