//! Small servers, each with a behaviour of its own.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    ops::ControlFlow,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
};

/// A small response with a body of two bytes.
pub(super) const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What a server keeps of its connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// Enough to end them when it stops.
    Copies,
    Nothing,
}

/// A server with a thread for each connection; it ends when dropped.
pub(super) struct Server {
    pub(super) addr: SocketAddr,
    pub(super) stats: Arc<Stats>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
pub(super) struct Stats {
    /// Connections accepted.
    pub(super) accepted: AtomicU64,
    /// Complete requests read.
    pub(super) received: AtomicU64,
    /// Connections whose handler has not ended.
    pub(super) open: AtomicU64,
    stopping: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Server {
    /// Hands each accepted connection to `handler`.
    pub(super) fn raw(handler: impl Fn(TcpStream, &Stats) + Clone + Send + 'static) -> Self {
        Self::at("127.0.0.1:0".parse().expect("an address"), handler)
    }

    /// The same, without a copy of the connection anywhere: it ends when the handler drops it.
    pub(super) fn bare(handler: impl Fn(TcpStream, &Stats) + Clone + Send + 'static) -> Self {
        Self::accepting("127.0.0.1:0".parse().expect("an address"), handler, Keep::Nothing)
    }

    pub(super) fn at(
        addr: SocketAddr,
        handler: impl Fn(TcpStream, &Stats) + Clone + Send + 'static,
    ) -> Self {
        Self::accepting(addr, handler, Keep::Copies)
    }

    fn accepting(
        addr: SocketAddr,
        handler: impl Fn(TcpStream, &Stats) + Clone + Send + 'static,
        keep: Keep,
    ) -> Self {
        let listener = TcpListener::bind(addr).expect("the port is free");
        let addr = listener.local_addr().expect("it is bound");
        let stats = Arc::new(Stats::default());
        let shared = Arc::clone(&stats);
        let acceptor = thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopping.load(SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                shared.accepted.fetch_add(1, SeqCst);
                shared.open.fetch_add(1, SeqCst);
                let copy = || stream.try_clone().expect("a second descriptor");
                let end = (keep == Keep::Copies).then(copy);
                shared.streams.lock().expect("no panic").extend(end.as_ref().map(|_| copy()));
                let (handler, stats) = (handler.clone(), Arc::clone(&shared));
                thread::spawn(move || {
                    handler(stream, &stats);
                    // The copy kept for stopping would hold the connection open.
                    let _ = end.map(|stream| stream.shutdown(Shutdown::Both));
                    stats.open.fetch_sub(1, SeqCst);
                });
            }
        });
        Self { addr, stats, acceptor: Some(acceptor) }
    }

    /// Reads requests and lets `answer` write the response to each, until it breaks.
    pub(super) fn answering(
        answer: impl Fn(&mut TcpStream) -> io::Result<ControlFlow<()>> + Clone + Send + 'static,
    ) -> Self {
        Self::raw(answers(answer))
    }

    /// Answers each request with the same bytes, in one piece.
    pub(super) fn saying(response: &'static [u8]) -> Self {
        Self::answering(move |stream| {
            stream.write_all(response)?;
            Ok(ControlFlow::Continue(()))
        })
    }

    pub(super) fn received(&self) -> u64 {
        self.stats.received.load(SeqCst)
    }

    pub(super) fn accepted(&self) -> u64 {
        self.stats.accepted.load(SeqCst)
    }

    /// Stops listening and cuts every connection.
    pub(super) fn stop(&mut self) {
        let Some(acceptor) = self.acceptor.take() else { return };
        self.stats.stopping.store(true, SeqCst);
        let _ = TcpStream::connect(self.addr);
        acceptor.join().expect("the acceptor ends");
        self.cut();
    }

    /// Ends every connection.
    pub(super) fn cut(&self) {
        for stream in self.stats.streams.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A handler that reads requests and lets `answer` write the responses.
pub(super) fn answers(
    answer: impl Fn(&mut TcpStream) -> io::Result<ControlFlow<()>> + Clone + Send + 'static,
) -> impl Fn(TcpStream, &Stats) + Clone + Send + 'static {
    move |mut stream, stats| {
        let _ = stream.set_nodelay(true);
        let mut reader = BufReader::new(stream.try_clone().expect("a second descriptor"));
        while let Ok(true) = read_request(&mut reader) {
            stats.received.fetch_add(1, SeqCst);
            match answer(&mut stream) {
                Ok(ControlFlow::Continue(())) => {}
                _ => return,
            }
        }
    }
}

/// Reads one request with its body; false at the end of the connection.
fn read_request(reader: &mut impl BufRead) -> io::Result<bool> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        if line == "\r\n" {
            let read = io::copy(&mut reader.take(length), &mut io::sink())?;
            return Ok(read == length);
        }
    }
}
