//! TLS by certificate files, which are read again when they change.
//!
//! What always holds: at the start the files must fit, or nothing listens. Later, files that cannot
//! be read or do not fit are logged, and the certificate in force stays. What it does not do: check
//! whether a certificate has expired; clients do.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use outflow_app::TlsFiles;
use outflow_core::{Code, Error};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{info, warn};

/// The files are looked at no more often than this.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// A handshake ends within this time.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The certificate in force.
#[derive(Clone)]
pub(crate) struct Tls(Arc<Inner>);

struct Inner {
    files: TlsFiles,
    loaded: Mutex<Loaded>,
}

struct Loaded {
    config: Arc<ServerConfig>,
    changed: [Option<SystemTime>; 2],
    looked_at: Instant,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// C005: they cannot be read, or are no certificate with its key.
    pub(crate) async fn load(files: TlsFiles) -> Result<Self, Error> {
        let reading = files.clone();
        let read = tokio::task::spawn_blocking(move || (read(&reading), changed(&reading))).await;
        let broke = |e| Error::new(Code::TaskFailed, "reading the certificate broke down").caused_by(e);
        let (config, changed) = read.map_err(broke)?;
        let loaded = Loaded { config: Arc::new(config?), changed, looked_at: Instant::now() };
        Ok(Self(Arc::new(Inner { files, loaded: Mutex::new(loaded) })))
    }

    /// Speaks TLS on a connection.
    ///
    /// # Errors
    /// What the client does wrong, or that it takes too long.
    pub(crate) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let acceptor = TlsAcceptor::from(self.current());
        tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await?
    }

    fn current(&self) -> Arc<ServerConfig> {
        let mut loaded = self.0.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.looked_at.elapsed() >= LOOK_EVERY {
            loaded.looked_at = Instant::now();
            let tls = self.clone();
            tokio::task::spawn_blocking(move || tls.look_again());
        }
        loaded.config.clone()
    }

    fn look_again(&self) {
        let now = changed(&self.0.files);
        if self.0.loaded.lock().unwrap_or_else(PoisonError::into_inner).changed == now {
            return;
        }
        match read(&self.0.files) {
            Ok(config) => {
                let mut loaded = self.0.loaded.lock().unwrap_or_else(PoisonError::into_inner);
                (loaded.config, loaded.changed) = (Arc::new(config), now);
                info!("the certificate of the API was read again");
            }
            Err(error) => warn!(code = error.code().as_str(), "the certificate stays: {}", error.message()),
        }
    }
}

fn changed(files: &TlsFiles) -> [Option<SystemTime>; 2] {
    [&files.certificate, &files.key].map(|path| std::fs::metadata(path).and_then(|m| m.modified()).ok())
}

fn read(files: &TlsFiles) -> Result<ServerConfig, Error> {
    let unusable = |path: &Path, what: &str| {
        Error::new(Code::InvalidValue, format!("{} {what}", path.display()))
            .help("server.tls takes PEM files: the certificate with those of its issuers, and its key")
    };
    let certificates = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|_| unusable(&files.certificate, "cannot be read as certificates"))?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|_| unusable(&files.key, "cannot be read as a private key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::new(Code::TaskFailed, "TLS is not available").caused_by(e))?;
    let mut config = builder
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|e| unusable(&files.certificate, "and its key do not fit together").caused_by(e))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use rustls::{ClientConfig, RootCertStore};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsConnector;

    use super::*;

    /// Writes a new certificate, and gives what a client needs to trust it.
    fn write(files: &TlsFiles) -> Arc<ClientConfig> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&files.certificate, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        Arc::new(builder.unwrap().with_root_certificates(roots).with_no_client_auth())
    }

    async fn trusts(tls: &Tls, client: Arc<ClientConfig>) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connecting = tokio::spawn(async move {
            let stream = TcpStream::connect(address).await.unwrap();
            TlsConnector::from(client).connect("localhost".try_into().unwrap(), stream).await.is_ok()
        });
        let (stream, _) = listener.accept().await.unwrap();
        let accepted = tls.accept(stream).await;
        connecting.await.unwrap() && accepted.is_ok()
    }

    #[tokio::test]
    async fn a_certificate_that_is_replaced_is_taken_and_a_broken_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let files = TlsFiles { certificate: dir.path().join("a.pem"), key: dir.path().join("a.key") };
        assert_eq!(Tls::load(files.clone()).await.err().unwrap().code(), Code::InvalidValue);
        let first = write(&files);
        let tls = Tls::load(files.clone()).await.unwrap();
        assert!(trusts(&tls, first.clone()).await);
        std::fs::write(&files.key, "no key").unwrap();
        tls.look_again();
        assert!(trusts(&tls, first.clone()).await, "the certificate in force stays");
        let second = write(&files);
        let later = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
        std::fs::File::options().write(true).open(&files.key).unwrap().set_modified(later).unwrap();
        tls.look_again();
        assert!(trusts(&tls, second).await);
        assert!(!trusts(&tls, first).await);
    }
}
