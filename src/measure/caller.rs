//! Whether a server is ready is asked as its load is going to speak to it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use crate::{
    load::{
        Address, Base, Cause, Endpoint, LoadError, ProbeError, Request, Script, Version, probe,
    },
    target::{Answer, Caller, Refusal},
};

/// Speaks as a script does.
#[derive(Debug)]
struct ScriptCaller {
    endpoint: Endpoint,
}

/// How `script` speaks to a server; none where that is plain HTTP/1.1 to a port, or to a server
/// elsewhere.
///
/// # Errors
/// When encryption cannot be prepared.
pub(super) fn of_script(script: &Script) -> Result<Option<Arc<dyn Caller>>, LoadError> {
    let http = &script.http;
    let is_plain = http.tls.is_none() && http.unix.is_none() && http.version == Version::Http1;
    if is_plain || script.base != Base::Target {
        return Ok(None);
    }
    // The server has no port yet.
    let endpoint = Endpoint::new(script, (Ipv4Addr::LOCALHOST, 0).into())?;
    Ok(Some(Arc::new(ScriptCaller { endpoint })))
}

impl Caller for ScriptCaller {
    fn socket(&self) -> Option<&Path> {
        match self.endpoint.address() {
            Address::Unix(path) => Some(path),
            Address::Tcp(_) => None,
        }
    }

    fn get(&self, addr: SocketAddr, path: &str, limit: Duration) -> Result<Answer, Refusal> {
        let asked = self.endpoint.at(addr).map_err(|error| Refusal {
            what: error.to_string(),
            refused: false,
            answered: true,
        })?;
        match probe(&asked, &Request::get(addr, path), limit) {
            Ok((status, took)) => Ok(Answer { status, took }),
            Err(error) => Err(refusal(&error)),
        }
    }
}

fn refusal(error: &ProbeError) -> Refusal {
    let refused = matches!(error, ProbeError::Connect { cause: Cause::Os(libc::ECONNREFUSED), .. });
    let answered = match error {
        ProbeError::Connect { .. } | ProbeError::Timeout(_) => false,
        ProbeError::Transfer(_)
        | ProbeError::Tls { .. }
        | ProbeError::Http2(_)
        | ProbeError::Request(_)
        | ProbeError::Response(_) => true,
    };
    Refusal { what: error.to_string(), refused, answered }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::{Read, Write},
        net::TcpListener,
        os::unix::net::UnixListener,
        thread,
    };

    use super::*;

    const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    const LIMIT: Duration = Duration::from_secs(5);

    fn caller(http: &str) -> Option<Arc<dyn Caller>> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("script.toml");
        let text = format!(
            "schema = 1\nname = \"s\"\n[load]\nconnections = 1\nduration = \"1s\"\n{http}\n\
             [[request]]\nname = \"r\"\npath = \"/\"\n"
        );
        fs::write(&path, text).expect("a script");
        let script = Script::read(&path).expect("it is valid").remove(0);
        of_script(&script).expect("it can be prepared")
    }

    /// Answers one call, whatever it is.
    fn answer(mut stream: impl Read + Write) {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(OK);
        let _ = stream.read(&mut [0; 1024]);
    }

    #[test]
    fn a_plain_load_needs_none() {
        assert!(caller("").is_none());
        assert!(caller("[http]\nversion = \"2\"").is_some());
    }

    #[test]
    fn a_socket_is_asked_where_the_load_goes_to_one() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("server.sock");
        let caller = caller(&format!("[http]\nunix = {path:?}")).expect("it is a socket");
        assert_eq!(caller.socket(), Some(path.as_path()));
        let addr = (Ipv4Addr::LOCALHOST, 80).into();
        let absent = caller.get(addr, "/", LIMIT).expect_err("nothing listens");
        assert!(!absent.answered, "{absent:?}");
        let listener = UnixListener::bind(&path).expect("it is free");
        let server = thread::spawn(move || answer(listener.accept().expect("a caller").0));
        assert_eq!(caller.get(addr, "/", LIMIT).expect("it answers").status, 200);
        server.join().expect("it ends");
    }

    #[test]
    fn who_speaks_otherwise_has_answered_and_who_is_absent_has_refused() {
        let caller = caller("[http]\nversion = \"2\"").expect("it is not plain");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let server = thread::spawn(move || answer(listener.accept().expect("a caller").0));
        let refusal = caller.get(addr, "/", LIMIT).expect_err("it speaks HTTP/1.1");
        assert!(refusal.answered && !refusal.refused, "{refusal:?}");
        server.join().expect("it ends");
        let refusal = caller.get(addr, "/", LIMIT).expect_err("it is gone");
        assert!(refusal.refused && !refusal.answered, "{refusal:?}");
    }
}
