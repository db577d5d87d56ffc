//! The connection under HTTP/2: opened by the runtime, encrypted or not.

use std::{io, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::TlsConnector;

use crate::load::{
    endpoint::{Address, Encryption, Endpoint},
    errors::{Cause, Phase},
};

/// Whatever carries bytes both ways.
pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Transport for T {}

/// Connects to `endpoint`, within the time that the caller gives it. `phase` says how far it got.
pub(super) async fn open(
    endpoint: &Endpoint,
    mut phase: impl FnMut(Phase),
) -> Result<Box<dyn Transport>, (Phase, Cause)> {
    let failed = |error: io::Error| (Phase::Connect, Cause::of_io(&error));
    phase(Phase::Connect);
    match endpoint.address() {
        Address::Tcp(addr) => {
            let stream = TcpStream::connect(addr).await.map_err(failed)?;
            stream.set_nodelay(true).map_err(failed)?;
            encrypt(stream, endpoint.encryption(), phase).await
        }
        Address::Unix(path) => {
            let stream = UnixStream::connect(path).await.map_err(failed)?;
            encrypt(stream, endpoint.encryption(), phase).await
        }
    }
}

async fn encrypt(
    stream: impl Transport + 'static,
    encryption: Option<&Encryption>,
    mut phase: impl FnMut(Phase),
) -> Result<Box<dyn Transport>, (Phase, Cause)> {
    let Some(Encryption { config, name }) = encryption else { return Ok(Box::new(stream)) };
    phase(Phase::Tls);
    let connector = TlsConnector::from(Arc::clone(config));
    let stream = connector.connect(name.clone(), stream).await;
    let stream = stream.map_err(|error| (Phase::Tls, Cause::of_io(&error)))?;
    // A server that knows nothing of ALPN most likely knows nothing of HTTP/2.
    match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Ok(Box::new(stream)),
        _ => Err((Phase::Tls, Cause::Tls("the server does not offer HTTP/2 under TLS (ALPN)"))),
    }
}
