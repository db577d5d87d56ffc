//! Certificates for the tests' servers, made anew for each.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};

use flameload::load::{Script, Tls};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer, server::WantsServerCert};
use tempfile::TempDir;

/// What a server shows of itself, and what a client needs to trust it.
pub(super) struct Identity {
    pub(super) config: Arc<ServerConfig>,
    /// A file of the authority's certificate.
    pub(super) ca: PathBuf,
    _dir: TempDir,
}

impl Identity {
    /// A server named `localhost`, certified by an authority of its own until `year`, that offers
    /// `protocol` under TLS.
    pub(super) fn new(year: i32, protocol: &str) -> Self {
        let mut authority = CertificateParams::new([]).expect("no names are valid");
        // Two authorities of one name would be taken for one, with a wrong signature.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("authority {}", COUNT.fetch_add(1, SeqCst));
        authority.distinguished_name.push(DnType::CommonName, name);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = || KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(authority, key()).expect("a certificate");
        let mut server = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        server.not_after = date_time_ymd(year, 1, 1);
        let server_key = key();
        let certificate = server.signed_by(&server_key, &authority).expect("a certificate");
        let private = PrivateKeyDer::try_from(server_key.serialize_der()).expect("it is a key");
        let mut config = builder()
            .with_single_cert(vec![certificate.der().clone()], private)
            .expect("they belong together");
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let dir = tempfile::tempdir().expect("a temporary directory");
        let ca = dir.path().join("ca.pem");
        fs::write(&ca, authority.pem()).expect("it is written");
        Self { config: Arc::new(config), ca, _dir: dir }
    }

    /// The script, over TLS with this authority.
    pub(super) fn trusted_by(&self, mut script: Script) -> Script {
        script.http.tls = Some(Tls { ca: Some(self.ca.clone()), ..Tls::default() });
        script
    }
}

fn builder() -> rustls::ConfigBuilder<ServerConfig, WantsServerCert> {
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the versions are supported")
        .with_no_client_auth()
}
