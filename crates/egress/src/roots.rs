//! Whom a TLS client trusts: the public authorities that are compiled in, those of this machine,
//! and those of files.
//!
//! The machine's are in the files that OpenSSL reads: `SSL_CERT_FILE` and `SSL_CERT_DIR`, or, if
//! neither is set, the bundle of the operating system. They are read once in a process. What always
//! holds: a file that cannot be read takes nothing from those that can, and is reported. What this
//! does not do: read the keychain of macOS, or take a compiled-in authority away.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use outflow_core::{Code, Error, Result};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::files;

/// Where operating systems keep their bundle: Debian and Alpine, Fedora, openSUSE, macOS and the
/// BSDs.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// More files of a folder are not read.
const MOST_FILES: usize = 2_000;

/// The authorities that a client trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust<'a> {
    /// The public ones and those of this machine.
    Usual,
    /// Those of this PEM file, beside the usual ones.
    Also(&'a Path),
    /// Those of this PEM file and no others.
    Only(&'a Path),
}

impl<'a> From<Option<&'a Path>> for Trust<'a> {
    fn from(ca: Option<&'a Path>) -> Self {
        ca.map_or(Self::Usual, Self::Only)
    }
}

impl<'a> From<Option<&'a PathBuf>> for Trust<'a> {
    fn from(ca: Option<&'a PathBuf>) -> Self {
        ca.map(PathBuf::as_path).into()
    }
}

impl Trust<'_> {
    /// # Errors
    /// C005 when the file cannot be read, holds no certificate, or holds one that cannot be a root.
    pub(crate) fn store(self) -> Result<Arc<RootCertStore>> {
        Ok(match self {
            Self::Usual => usual_store(),
            Self::Only(file) => Arc::new(roots_of(file)?),
            Self::Also(file) => {
                let mut store = RootCertStore::clone(&USUAL.store);
                store.extend(roots_of(file)?.roots);
                Arc::new(store)
            }
        })
    }
}

/// The public authorities and those of this machine.
pub(crate) fn usual_store() -> Arc<RootCertStore> {
    Arc::clone(&USUAL.store)
}

/// What is wrong with the files that the environment names; a warning (D103).
pub fn problem_with_store() -> Option<Error> {
    // Reading them takes milliseconds.
    ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().find_map(named)?;
    let message = USUAL.problem.as_ref()?;
    let help = "what its authorities have signed is refused: correct the variable, or unset it";
    Some(Error::new(Code::CertificateStoreUnusable, message.clone()).help(help))
}

struct Usual {
    store: Arc<RootCertStore>,
    problem: Option<String>,
}

static USUAL: LazyLock<Usual> = LazyLock::new(|| usual(named("SSL_CERT_FILE"), named("SSL_CERT_DIR")));

/// What the environment says.
fn named(variable: &str) -> Option<OsString> {
    std::env::var_os(variable).filter(|value| !value.is_empty())
}

fn usual(file: Option<OsString>, folder: Option<OsString>) -> Usual {
    let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let mut problem = None;
    let mut unusable = |variable: &str, path: &Path, why: String| {
        problem.get_or_insert_with(|| format!("{variable} names {}, which {why}", path.display()));
    };
    match (file.map(PathBuf::from), folder.map(PathBuf::from)) {
        (None, None) => {
            // What the operating system has is its own affair.
            let bundle = BUNDLES.iter().map(Path::new).find(|bundle| bundle.exists());
            bundle.and_then(|bundle| files::read(bundle).ok()).map(|pem| add(&mut store, &pem));
        }
        (file, folder) => {
            for path in file.iter() {
                match files::read(path) {
                    Ok(pem) if add(&mut store, &pem) > 0 => {}
                    Ok(_) => unusable("SSL_CERT_FILE", path, "holds no certificate in PEM form".to_owned()),
                    Err(error) => unusable("SSL_CERT_FILE", path, error.to_string()),
                }
            }
            // As with OpenSSL, there may be several.
            for path in folder.iter().flat_map(std::env::split_paths) {
                match std::fs::read_dir(&path) {
                    Ok(entries) => {
                        let paths = entries.filter_map(|entry| Some(entry.ok()?.path())).take(MOST_FILES);
                        paths.filter_map(|path| files::read(&path).ok()).for_each(|pem| {
                            add(&mut store, &pem);
                        });
                    }
                    Err(error) => {
                        unusable("SSL_CERT_DIR", &path, format!("cannot be read: {}", error.kind()))
                    }
                }
            }
        }
    }
    Usual { store: Arc::new(store), problem }
}

/// Adds what is a certificate of an authority, and says how many were.
fn add(store: &mut RootCertStore, pem: &[u8]) -> usize {
    let certificates = CertificateDer::pem_slice_iter(pem).filter_map(std::result::Result::ok);
    store.add_parsable_certificates(certificates).0
}

fn roots_of(file: &Path) -> Result<RootCertStore> {
    let wrong = |message: &str| {
        Error::new(Code::InvalidValue, message)
            .at(file.display().to_string())
            .help("name a PEM file with the certificate of the authority, in lines from BEGIN CERTIFICATE to END CERTIFICATE")
    };
    let pem = files::read(file).map_err(|e| wrong(&format!("the CA file {e}")))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|e| wrong("the CA file is not valid PEM").caused_by(e))?;
        roots
            .add(certificate)
            .map_err(|e| wrong("the CA file holds a certificate that cannot be used").caused_by(e))?;
    }
    if roots.is_empty() {
        return Err(wrong("the CA file holds no certificate"));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn authority() -> String {
        let key = KeyPair::generate().unwrap();
        CertificateParams::new([]).unwrap().self_signed(&key).unwrap().pem()
    }

    #[test]
    fn the_files_that_the_environment_names_are_added_to_the_public_authorities() {
        let public = webpki_roots::TLS_SERVER_ROOTS.len();
        let folder = tempfile::tempdir().unwrap();
        let (file, certs) = (folder.path().join("ca.pem"), folder.path().join("certs"));
        std::fs::write(&file, authority() + &authority()).unwrap();
        std::fs::create_dir(&certs).unwrap();
        std::fs::write(certs.join("a.0"), authority()).unwrap();
        std::fs::write(certs.join("README"), "no certificate").unwrap();
        let size = |file: Option<&Path>, folder: Option<&Path>| {
            let read = usual(file.map(Into::into), folder.map(Into::into));
            assert!(read.problem.is_none(), "{:?}", read.problem);
            read.store.len()
        };
        assert_eq!(size(Some(&file), None), public + 2);
        assert_eq!(size(None, Some(&certs)), public + 1);
        assert_eq!(size(Some(&file), Some(&certs)), public + 3);
        assert!(size(None, None) >= public);
    }

    #[test]
    fn a_file_that_cannot_be_used_is_reported_and_takes_nothing_away() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "nothing").unwrap();
        let absent = folder.path().join("absent");
        for (file, folder, variable) in [
            (Some(&absent), None, "SSL_CERT_FILE"),
            (Some(&empty), None, "SSL_CERT_FILE"),
            (None, Some(&absent), "SSL_CERT_DIR"),
        ] {
            let read = usual(file.map(Into::into), folder.map(Into::into));
            let problem = read.problem.unwrap();
            assert!(problem.starts_with(variable), "{problem}");
            assert_eq!(read.store.len(), webpki_roots::TLS_SERVER_ROOTS.len());
        }
    }
}
