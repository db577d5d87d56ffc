//! Where connections go, and how: an address or a socket file, encrypted or not.

mod trust;

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc};

use rustls::{ClientConfig, pki_types::ServerName};

use super::{
    error::LoadError,
    script::{Http, Script, Version},
};

/// The name that a certificate is expected to have where the script gives none.
const DEFAULT_NAME: &str = "localhost";

/// A server that load may be sent to. Copies share what encryption needs.
#[derive(Debug, Clone)]
pub struct Endpoint {
    address: Address,
    encryption: Option<Encryption>,
    version: Version,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An address of this machine.
    Tcp(SocketAddr),
    /// The file of a unix socket.
    Unix(PathBuf),
}

/// How connections are encrypted.
#[derive(Debug, Clone)]
pub(super) struct Encryption {
    /// Made once: certificates are read and checked before the load.
    pub(super) config: Arc<ClientConfig>,
    /// The name to expect in the server's certificate.
    pub(super) name: ServerName<'static>,
}

impl Endpoint {
    /// Where `script` sends its load, if the server listens at `addr`: there, or at the unix
    /// socket that the script names.
    ///
    /// # Errors
    /// When it is another machine, and the script does not allow that; the file of trusted certificates cannot be read or has none, the system has none, or
    /// the name of the server is not a name.
    pub fn new(script: &Script, addr: SocketAddr) -> Result<Self, LoadError> {
        let Http { version, tls, unix, .. } = &script.http;
        let version = *version;
        let address = match unix {
            Some(path) => Address::Unix(path.clone()),
            None if addr.ip().is_loopback() || script.limits.allow_remote => Address::Tcp(addr),
            None => return Err(LoadError::Remote(addr)),
        };
        let Some(tls) = tls else { return Ok(Self { address, encryption: None, version }) };
        let name = tls.server_name.as_deref().unwrap_or(DEFAULT_NAME);
        let name = ServerName::try_from(name.to_owned()).map_err(|_| {
            let message = format!("tls.server_name is '{name}', which no certificate can have");
            LoadError::invalid(&script.name, message)
        })?;
        let mut config = trust::client_config(tls)?;
        // A server that knows nothing of this negotiation answers as it always does.
        config.alpn_protocols = vec![match version {
            Version::Http1 => b"http/1.1".to_vec(),
            Version::Http2 => b"h2".to_vec(),
        }];
        let encryption = Some(Encryption { config: Arc::new(config), name });
        Ok(Self { address, encryption, version })
    }

    /// An unencrypted server at `addr`.
    ///
    /// # Errors
    /// When it is another machine.
    pub fn plain(addr: SocketAddr) -> Result<Self, LoadError> {
        if !addr.ip().is_loopback() {
            return Err(LoadError::Remote(addr));
        }
        Ok(Self { address: Address::Tcp(addr), encryption: None, version: Version::Http1 })
    }

    /// The same for a server that listens at `addr` of this machine, unless it is at a socket.
    ///
    /// # Errors
    /// When it is another machine.
    pub fn at(&self, addr: SocketAddr) -> Result<Self, LoadError> {
        let address = match &self.address {
            Address::Tcp(_) if !addr.ip().is_loopback() => return Err(LoadError::Remote(addr)),
            Address::Tcp(_) => Address::Tcp(addr),
            Address::Unix(path) => Address::Unix(path.clone()),
        };
        Ok(Self { address, ..self.clone() })
    }

    /// The protocol that is spoken there.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    pub(super) fn encryption(&self) -> Option<&Encryption> {
        self.encryption.as_ref()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}
