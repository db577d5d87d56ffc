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
