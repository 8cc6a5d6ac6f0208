//! Where the master key comes from: a file, an environment variable, or the output of a command.
//!
//! What always holds: a key file that Outflow makes or changes is for its owner alone (0600), and
//! is replaced as a whole. What it does not do: change a key that an operator provides.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use outflow_core::{Code, Error, Result, files};
use rustix::process::{Pid, Signal, kill_process};

use crate::keyring::{FORM, Keyring, MasterKey};

/// More is no list of keys.
const LONGEST: u64 = 64 << 10;
/// A command that gives the key prints it and ends within this time: less than a front end waits
/// for the process that serves.
const COMMAND_WITHIN: Duration = Duration::from_secs(20);

/// Where the master key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file that Outflow makes when it first needs a key, and that a rotation changes.
    Own(PathBuf),
    /// A file of the operator.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// What a program prints: its name and its arguments.
    Command(Vec<String>),
}

impl KeySource {
    /// What it is, for people.
    pub fn shown(&self) -> String {
        match self {
            Self::Own(path) | Self::File(path) => path.display().to_string(),
            Self::Env(name) => format!("the environment variable {name}"),
            Self::Command(words) => {
                format!("the command {}", words.first().map(String::as_str).unwrap_or_default())
            }
        }
    }

    /// Whether Outflow makes and changes the key.
    pub fn is_own(&self) -> bool {
        matches!(self, Self::Own(_))
    }
}

/// The keys. `None`: the file that Outflow makes is not there yet. Blocks.
///
/// # Errors
/// C030: there is no key, or it is none.
pub fn read(source: &KeySource, env: &dyn Fn(&str) -> Option<String>) -> Result<Option<Keyring>> {
    let text = match source {
        KeySource::Own(path) if !files::exists(path) => return Ok(None),
        KeySource::Own(path) | KeySource::File(path) => files::read_text(path, LONGEST)
            .map_err(|failure| unavailable(source, &failure.to_string()).caused_by(failure))?,
        KeySource::Env(name) => env(name).ok_or_else(|| unavailable(source, "is not set"))?,
        KeySource::Command(words) => output(source, words, COMMAND_WITHIN)?,
    };
    Keyring::parse(&text).map(Some).map_err(|error| error.at(source.shown()))
}

fn unavailable(source: &KeySource, what: &str) -> Error {
    let message = format!("the key for secrets cannot be had: {} {what}", source.shown());
    Error::new(Code::SecretKeyUnavailable, message).help(FORM)
}

/// What a command prints. What it says on stderr goes to that of Outflow.
fn output(source: &KeySource, words: &[String], within: Duration) -> Result<String> {
    let failed = |what: String| unavailable(source, &what);
    let Some((program, arguments)) = words.split_first() else { return Err(failed("is empty".to_owned())) };
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| failed(format!("cannot be run: {e}")).caused_by(e))?;
    let process = Pid::from_child(&child);
    // Its output may be kept open by a program that it leaves behind; it may close it and go on.
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || {
        // Whoever waits may have given up.
        let _ = sender.send(printed(child));
    });
    let Ok((text, status)) = ended.recv_timeout(within) else {
        // It may have ended in the meantime.
        let _ = kill_process(process, Signal::KILL);
        return Err(failed(format!("did not end within {} s", within.as_secs_f32())));
    };
    let status = status.map_err(|e| failed("cannot be waited for".to_owned()).caused_by(e))?;
    match status.success() {
        true => text.map_err(|e| failed("printed no text".to_owned()).caused_by(e)),
        false => Err(failed(format!("failed: {status}"))),
    }
}

/// What a process prints, and how it ends.
fn printed(mut child: Child) -> (io::Result<String>, io::Result<ExitStatus>) {
    let mut text = String::new();
    let stdout = child.stdout.take();
    let read = stdout.map_or(Ok(0), |stdout| stdout.take(LONGEST).read_to_string(&mut text));
    (read.map(|_| text), child.wait())
}

/// Puts a new key in front of those in the file of Outflow, or makes the file.
///
/// # Errors
/// C030: the file cannot be written or read.
pub fn add_key(path: &Path) -> Result<Keyring> {
    let source = KeySource::Own(path.to_owned());
    let new = MasterKey::new()?;
    let ring = match read(&source, &|_| None)? {
        Some(ring) => ring.with_first(new),
        None => Keyring::parse(&new.text())?,
    };
    write(&source, path, &ring)?;
    Ok(ring)
}

/// Leaves the first key alone in the file of Outflow: nothing is encrypted under the others.
///
/// # Errors
/// C030: the file cannot be written or read.
pub fn keep_first(path: &Path) -> Result<()> {
    let source = KeySource::Own(path.to_owned());
    match read(&source, &|_| None)? {
        Some(ring) => write(&source, path, &ring.only_first()),
        None => Ok(()),
    }
}

/// Replaces the file as a whole: after a crash it is the old one or the new one.
fn write(source: &KeySource, path: &Path, ring: &Keyring) -> Result<()> {
    replace(path, ring.text().as_bytes()).map_err(|e| {
        let message = format!("the key for secrets cannot be written: {}: {e}", source.shown());
        Error::new(Code::SecretKeyUnavailable, message)
            .help("make its folder writable for this user, or name another source: `secrets: { key: … }`")
            .caused_by(e)
    })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let new = path.with_extension("new");
    match std::fs::remove_file(&new) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn a_key_of_our_own_is_made_added_to_and_cut_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/keys");
        let source = KeySource::Own(path.clone());
        assert_eq!(read(&source, &none).unwrap(), None);
        let first = add_key(&path).unwrap();
        let both = add_key(&path).unwrap();
        assert_eq!(both.ids().nth(1), Some(first.first().id()));
        assert_eq!(read(&source, &none).unwrap(), Some(both.clone()));
        keep_first(&path).unwrap();
        assert_eq!(read(&source, &none).unwrap(), Some(both.only_first()));
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn a_key_comes_from_a_file_a_variable_or_a_command() {
        let dir = tempfile::tempdir().unwrap();
        let (path, key) = (dir.path().join("k"), MasterKey::new().unwrap());
        std::fs::write(&path, key.text()).unwrap();
        let command = |text: String| KeySource::Command(["sh", "-c", &text].map(str::to_owned).to_vec());
        let env = |name: &str| (name == "KEY").then(|| key.text());
        for source in [
            KeySource::File(path.clone()),
            KeySource::Env("KEY".to_owned()),
            command(format!("echo {}", key.text())),
        ] {
            assert_eq!(read(&source, &env).unwrap().unwrap().first(), &key, "{source:?}");
        }
        for source in [
            KeySource::File(dir.path().join("gone")),
            KeySource::Env("OTHER".to_owned()),
            command("echo canary; exit 3".to_owned()),
            command("echo canary".to_owned()),
            KeySource::Command(vec!["/no/such/program".to_owned()]),
            KeySource::Command(Vec::new()),
        ] {
            let error = read(&source, &env).unwrap_err();
            assert_eq!(error.code(), Code::SecretKeyUnavailable, "{source:?}");
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
    }

    #[test]
    fn a_command_that_closes_its_output_or_not_and_does_not_end_is_ended() {
        for text in ["exec >&-; exec sleep 600", "exec sleep 600"] {
            let words = ["sh", "-c", text].map(str::to_owned).to_vec();
            let source = KeySource::Command(words.clone());
            let error = output(&source, &words, Duration::from_millis(300)).unwrap_err();
            assert_eq!(error.code(), Code::SecretKeyUnavailable, "{text}");
            assert!(error.message().contains("did not end within 0.3 s"), "{text}: {error:?}");
        }
    }
}
