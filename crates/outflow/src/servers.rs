//! The file that `outflow login` keeps tokens in, by the address of the server.
//!
//! What always holds: the file is its owner's alone, is replaced as a whole, and is read only if
//! others cannot read it. What it does not do: encrypt the tokens; whoever is this user can use
//! them.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use outflow_core::{Code, Error, Secret};
use serde::{Deserialize, Serialize};

/// Its owner reads and writes it.
const OWN: u32 = 0o600;
const OWN_FOLDER: u32 = 0o700;
const OTHERS: u32 = 0o077;

/// The file.
#[derive(Default, Serialize, Deserialize)]
struct Document {
    format_version: u32,
    servers: BTreeMap<String, Kept>,
}

/// What is kept of a server.
#[derive(Serialize, Deserialize)]
struct Kept {
    token: String,
}

/// The token of the server at this address, if one is kept.
///
/// # Errors
/// C045: the file cannot be used.
pub fn token(url: &str) -> Result<Option<Secret>, Error> {
    let Some(path) = path() else { return Ok(None) };
    let mut found = read(&path)?;
    Ok(found.servers.remove(url).map(|kept| Secret::new(kept.token)))
}

/// Keeps a token, in place of the one of that server. Gives the file.
///
/// # Errors
/// C045: the file cannot be used.
pub fn keep(url: &str, token: &Secret) -> Result<PathBuf, Error> {
    let path = path().ok_or_else(nowhere)?;
    let mut document = read(&path)?;
    document.servers.insert(url.to_owned(), Kept { token: token.expose().to_owned() });
    write(&path, &document).map_err(|cause| wrong(&path, "cannot be written").caused_by(cause))?;
    Ok(path)
}

/// Forgets the token of a server. False: none was kept.
///
/// # Errors
/// C045: the file cannot be used.
pub fn forget(url: &str) -> Result<bool, Error> {
    let Some(path) = path() else { return Ok(false) };
    let mut document = read(&path)?;
    if document.servers.remove(url).is_none() {
        return Ok(false);
    }
    write(&path, &document).map_err(|cause| wrong(&path, "cannot be written").caused_by(cause))?;
    Ok(true)
}

fn path() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")))?;
    Some(config.join("outflow/servers.json"))
}

fn read(path: &Path) -> Result<Document, Error> {
    let unreadable = |cause| wrong(path, "cannot be read").caused_by(cause);
    let mode = match fs::metadata(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            return Ok(Document { format_version: 1, ..Document::default() });
        }
        found => found.map_err(unreadable)?.permissions().mode(),
    };
    if mode & OTHERS != 0 {
        let error = wrong(path, "can be read by others than you");
        return Err(error.help(format!("chmod 600 {}", path.display())));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    // What stands there may be a token: nothing of it is repeated.
    serde_json::from_str(&text).map_err(|_| wrong(path, "is not what `outflow login` has written"))
}

fn write(path: &Path, document: &Document) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(OWN_FOLDER).create(folder)?;
    let new = folder.join(format!("servers.json.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(OWN).open(&new)?;
    file.set_permissions(Permissions::from_mode(OWN))?;
    file.write_all(serde_json::to_string_pretty(document)?.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

fn nowhere() -> Error {
    Error::new(Code::ServersFile, "neither HOME nor XDG_CONFIG_HOME says where tokens are kept")
        .help("set one of them, or use OUTFLOW_TOKEN")
}

fn wrong(path: &Path, what: &str) -> Error {
    Error::new(Code::ServersFile, format!("the file of servers {what}")).at(path.display().to_string())
}
