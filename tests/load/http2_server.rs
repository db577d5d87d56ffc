//! A small HTTP/2 server that does with each request what a test wants.

use std::{
    cell::RefCell,
    net::{SocketAddr, TcpListener},
    path::Path,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
};

use bytes::Bytes;
use h2::{
    Reason, RecvStream,
    server::{self, SendResponse},
};
use http::Response;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixListener,
    runtime::Builder,
    sync::Notify,
    task::{LocalSet, spawn_local},
};
use tokio_rustls::TlsAcceptor;

use super::identity::Identity;

/// What becomes of a request.
pub(super) enum Reply {
    /// This status and body.
    Answer(u16, Bytes),
    /// The stream is reset.
    Reset(Reason),
    /// It is answered, and is the last one of its connection.
    Last(Bytes),
    /// The connection ends with this error.
    Abort(Reason),
    /// The head of a response, and then nothing.
    Begin,
    /// Nothing.
    Silence,
}

/// Ends when dropped.
pub(super) struct Http2Server {
    pub(super) addr: SocketAddr,
    stats: Arc<Stats>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Stats {
    accepted: AtomicU64,
    received: AtomicU64,
    stop: Notify,
}

type Behaviour = Rc<dyn Fn(u64) -> Reply>;

impl Http2Server {
    /// Hands the number of each request, from 1, to `reply`.
    pub(super) fn start(reply: impl Fn(u64) -> Reply + Send + 'static) -> Self {
        Self::listen(None, None, reply)
    }

    pub(super) fn listen(
        identity: Option<&Identity>,
        unix: Option<&Path>,
        reply: impl Fn(u64) -> Reply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("it can be set");
        let addr = listener.local_addr().expect("it is bound");
        let acceptor = identity.map(|identity| TlsAcceptor::from(Arc::clone(&identity.config)));
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let unix = unix.map(|path| {
            let _inside = runtime.enter();
            UnixListener::bind(path).expect("the path is free")
        });
        let stats = Arc::new(Stats::default());
        let shared = Arc::clone(&stats);
        let thread = thread::spawn(move || {
            let reply: Behaviour = Rc::new(reply);
            let local = LocalSet::new();
            local.spawn_local(accept(listener, acceptor, Arc::clone(&shared), Rc::clone(&reply)));
            if let Some(unix) = unix {
                local.spawn_local(accept_unix(unix, Arc::clone(&shared), reply));
            }
            local.block_on(&runtime, shared.stop.notified());
        });
        Self { addr, stats, thread: Some(thread) }
    }

    /// Answers each request with the same small body.
    pub(super) fn saying(body: &'static [u8]) -> Self {
        Self::start(move |_| Reply::Answer(200, Bytes::from_static(body)))
    }

    pub(super) fn received(&self) -> u64 {
        self.stats.received.load(SeqCst)
    }

    pub(super) fn accepted(&self) -> u64 {
        self.stats.accepted.load(SeqCst)
    }

    /// Stops listening and cuts every connection.
    pub(super) fn stop(&mut self) {
        self.stats.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server ends");
        }
    }
}

impl Drop for Http2Server {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    stats: Arc<Stats>,
    reply: Behaviour,
) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("it is non-blocking");
    while let Ok((stream, _)) = listener.accept().await {
        stats.accepted.fetch_add(1, SeqCst);
        let (stats, reply) = (Arc::clone(&stats), Rc::clone(&reply));
        match acceptor.clone() {
            None => drop(spawn_local(serve(stream, stats, reply))),
            Some(acceptor) => drop(spawn_local(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, stats, reply).await;
                }
            })),
        }
    }
}

async fn accept_unix(listener: UnixListener, stats: Arc<Stats>, reply: Behaviour) {
    while let Ok((stream, _)) = listener.accept().await {
        stats.accepted.fetch_add(1, SeqCst);
        spawn_local(serve(stream, Arc::clone(&stats), Rc::clone(&reply)));
    }
}

async fn serve(io: impl AsyncRead + AsyncWrite + Unpin, stats: Arc<Stats>, reply: Behaviour) {
    let Ok(mut connection) = server::handshake(io).await else { return };
    let unfinished = RefCell::new(Vec::new());
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let number = stats.received.fetch_add(1, SeqCst) + 1;
        match reply(number) {
            Reply::Answer(status, body) => {
                drop(spawn_local(answer(request.into_body(), respond, status, body)));
            }
            Reply::Reset(reason) => respond.send_reset(reason),
            Reply::Last(body) => {
                drop(spawn_local(answer(request.into_body(), respond, 200, body)));
                connection.graceful_shutdown();
            }
            Reply::Abort(reason) => connection.abrupt_shutdown(reason),
            Reply::Begin => {
                if let Ok(stream) = respond.send_response(Response::new(()), false) {
                    unfinished.borrow_mut().push((respond, Some(stream)));
                }
            }
            Reply::Silence => unfinished.borrow_mut().push((respond, None)),
        }
    }
}

/// Takes the whole request, then answers it.
async fn answer(
    mut upload: RecvStream,
    mut respond: SendResponse<Bytes>,
    status: u16,
    body: Bytes,
) {
    while let Some(Ok(data)) = upload.data().await {
        let _ = upload.flow_control().release_capacity(data.len());
    }
    let mut head = Response::new(());
    *head.status_mut() = status.try_into().expect("it is a status");
    if let Ok(mut download) = respond.send_response(head, false) {
        let _ = download.send_data(body, true);
    }
}
