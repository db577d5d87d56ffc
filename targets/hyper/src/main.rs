//! A small HTTP/1.1 server on hyper and tokio: the first thing flameload profiles.

mod options;
mod regressions;
mod server;
mod service;

use std::{net::Ipv4Addr, process::ExitCode};

use tokio::{net::TcpListener, runtime};

use crate::{options::Options, service::Service};

fn main() -> ExitCode {
    match Options::from_args(std::env::args().skip(1)).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hyper-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<(), String> {
    let service = Service::new()?;
    runtime::Builder::new_multi_thread()
        .worker_threads(options.workers)
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start its runtime: {error}"))?
        .block_on(async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
                .await
                .map_err(|error| format!("cannot listen on port {}: {error}", options.port))?;
            let signal = server::termination().map_err(|error| error.to_string())?;
            let addr = listener.local_addr().map_err(|error| error.to_string())?;
            println!("listening on http://{addr} with {} workers", options.workers);
            server::serve(listener, service, signal).await;
            Ok(())
        })
}
