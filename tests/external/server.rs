//! A server that counts what it is asked for.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// A server with a thread for each connection; it ends when dropped.
pub(super) struct Server {
    pub(super) addr: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
    asked: Mutex<BTreeMap<Asked, u64>>,
}

/// A request, as far as it is counted by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) authorization: Option<String>,
    pub(super) color: Option<String>,
    pub(super) body: String,
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let addr = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared::default());
        let of_acceptor = Arc::clone(&shared);
        let acceptor = thread::spawn(move || {
            for stream in listener.incoming() {
                if of_acceptor.stopping.load(SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let copy = stream.try_clone().expect("a second descriptor");
                of_acceptor.streams.lock().expect("no panic").push(copy);
                let shared = Arc::clone(&of_acceptor);
                thread::spawn(move || {
                    // What a client that goes away makes of it is no concern of the server's.
                    let _ = serve(&stream, &shared);
                    let _ = stream.shutdown(Shutdown::Both);
                });
            }
        });
        Self { addr, shared, acceptor: Some(acceptor) }
    }

    /// Complete requests so far.
    pub(super) fn count(&self) -> u64 {
        self.asked().values().sum()
    }

    /// What was asked for, and how often.
    pub(super) fn asked(&self) -> BTreeMap<Asked, u64> {
        self.shared.asked.lock().expect("no panic").clone()
    }

    /// Complete requests by path.
    pub(super) fn paths(&self) -> BTreeMap<String, u64> {
        let mut paths = BTreeMap::new();
        for (asked, count) in self.asked() {
            *paths.entry(asked.path).or_default() += count;
        }
        paths
    }

    /// Stops listening and cuts every connection.
    pub(super) fn stop(&mut self) {
        let Some(acceptor) = self.acceptor.take() else { return };
        self.shared.stopping.store(true, SeqCst);
        let _ = TcpStream::connect(self.addr);
        acceptor.join().expect("the acceptor ends");
        for stream in self.shared.streams.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    while let Some((asked, closes)) = read(&mut reader)? {
        let path = asked.path.clone();
        *shared.asked.lock().expect("no panic").entry(asked).or_default() += 1;
        let (status, body) = match path.as_str() {
            "/missing" => ("404 Not Found", "none"),
            "/moved" => ("302 Found\r\nLocation: /", ""),
            "/cut" => return Ok(()),
            "/never" => {
                thread::sleep(Duration::from_secs(30));
                return Ok(());
            }
            _ => ("200 OK", "hello, world"),
        };
        let length = body.len();
        let end = if closes { "Connection: close\r\n" } else { "" };
        let response = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{end}\r\n{body}");
        writer.write_all(response.as_bytes())?;
        if closes {
            break;
        }
    }
    Ok(())
}

/// Reads one request, and whether it is the last on its connection; none at the end.
fn read(reader: &mut impl BufRead) -> io::Result<Option<(Asked, bool)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let mut asked = Asked {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
        authorization: None,
        color: None,
        body: String::new(),
    };
    let (mut length, mut closes) = (0, false);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().map_err(io::Error::other)?,
            "authorization" => asked.authorization = Some(value.to_owned()),
            "x-color" => asked.color = Some(value.to_owned()),
            "connection" => closes = value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    asked.body = String::from_utf8_lossy(&body).into_owned();
    Ok(Some((asked, closes)))
}
