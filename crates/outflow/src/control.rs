//! The way in to a process that holds the state: a Unix socket in the state's folder, one JSON line each way.
//!
//! The folder is readable by its owner alone (0700), so whoever reaches the socket is the user who runs Outflow. A path that is too long for a socket's address is
//! reached through a link in the folder for temporary files.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use outflow_core::run::RunOptions;
use outflow_core::{Code, Error, RunId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// The socket's name in the state's folder.
const NAME: &str = "control.sock";
/// The longest path that fits into a socket's address on every system.
const LONGEST: usize = 100;
/// A request is one line of no more than this.
const LINE: u64 = 1 << 20;
/// An answer comes within this time.
const PATIENCE: Duration = Duration::from_secs(30);
/// One that has every kept segment read comes within this.
const LONG_PATIENCE: Duration = Duration::from_secs(6 * 3600);

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// A run of a sync.
    Run {
        /// The sync.
        sync: String,
        /// How it differs from an ordinary one.
        options: RunOptions,
    },
    /// Read the project again.
    Reload,
    /// What it says of itself.
    Status,
    /// Remove a person from what is kept.
    Purge {
        /// Who, by the id that calls have.
        id: String,
    },
    /// Deliver a run that a guard holds.
    Approve {
        /// The run.
        run: RunId,
    },
    /// Drop a run that a guard holds.
    Reject {
        /// The run.
        run: RunId,
        /// `last_sync_time` moves all the same.
        skip_window: bool,
    },
    /// Deliver a run that became ready by another way than an extraction.
    Adopt {
        /// The run.
        run: RunId,
    },
}

impl Ask {
    /// How long the answer may take.
    const fn patience(&self) -> Duration {
        match self {
            Self::Purge { .. } => LONG_PATIENCE,
            _ => PATIENCE,
        }
    }
}

/// The socket of a process that holds the state. It goes when this is dropped.
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens. Only the holder of the state may call it: what an earlier holder left is removed.
    pub fn listen(dir: &Path) -> Result<Socket, Error> {
        let path = address(dir);
        let failed = |e: io::Error| {
            Error::new(Code::StateUnavailable, format!("the socket {} cannot be made", path.display()))
                .help("the state must lie on a local file system that this user may write to")
                .caused_by(e)
        };
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(failed)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Socket { listener, path })
    }

    /// Answers one line of each connection with what `answer` says, for ever.
    pub async fn serve<F>(self, answer: impl Fn(Ask) -> F + Clone + Send + 'static)
    where
        F: Future<Output = Result<Value, Error>> + Send,
    {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else { continue };
            let answer = answer.clone();
            tokio::spawn(async move {
                // Who asked may have gone.
                let _ = converse(stream, answer).await;
            });
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn converse<F>(mut stream: UnixStream, answer: impl Fn(Ask) -> F) -> io::Result<()>
where
    F: Future<Output = Result<Value, Error>>,
{
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    tokio::time::timeout(PATIENCE, BufReader::new(reader.take(LINE)).read_line(&mut line)).await??;
    let answer = match serde_json::from_str::<Ask>(&line) {
        Ok(ask) => tokio::time::timeout(ask.patience(), answer(ask)).await?,
        Err(e) => Err(Error::new(
            Code::ConflictingOptions,
            "the running Outflow does not understand this request; it may be of another version",
        )
        .caused_by(e)),
    };
    let document = match answer {
        Ok(value) => json!({ "ok": value }),
        Err(error) => {
            json!({ "error": { "code": error.code(), "message": error.message(), "help": error.help_text() } })
        }
    };
    writer.write_all(format!("{document}\n").as_bytes()).await
}

/// Whether a process that holds the state in this folder can be asked.
pub fn listens(dir: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(address(dir)).is_ok()
}

/// Asks the process that holds the state in this folder. `None`: nobody listens there.
pub async fn ask(dir: &Path, ask: &Ask) -> Result<Option<Value>, Error> {
    let Ok(stream) = UnixStream::connect(address(dir)).await else { return Ok(None) };
    let asked = tokio::time::timeout(ask.patience(), exchange(stream, ask)).await;
    let broken = || {
        Error::new(Code::StateHeld, "the running Outflow did not answer").help("look into its log; ask again")
    };
    let answer = asked.map_err(|_| broken())?.map_err(|e| broken().caused_by(e))?;
    let mut document: Value = serde_json::from_str(&answer).map_err(|e| broken().caused_by(e))?;
    if let Some(error) = document.get("error") {
        let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        let code = Code::from_name(&text("code")).unwrap_or(Code::StateHeld);
        return Err(Error::new(code, text("message")).help(text("help")));
    }
    Ok(Some(document["ok"].take()))
}

async fn exchange(mut stream: UnixStream, ask: &Ask) -> io::Result<String> {
    let (reader, mut writer) = stream.split();
    writer.write_all(format!("{}\n", serde_json::to_string(ask)?).as_bytes()).await?;
    let mut line = String::new();
    BufReader::new(reader.take(LINE)).read_line(&mut line).await?;
    Ok(line)
}

/// Where the socket of this folder is.
fn address(dir: &Path) -> PathBuf {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let path = dir.join(NAME);
    if path.as_os_str().len() <= LONGEST {
        return path;
    }
    let name = outflow_core::hash::content(dir.as_os_str().as_encoded_bytes());
    std::env::temp_dir().join(format!("outflow-{name:032x}.sock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_question_gets_its_answer_and_nonsense_an_error() {
        for depth in [0, 20] {
            let dir = tempfile::tempdir().unwrap();
            let mut path = dir.path().to_owned();
            (0..depth).for_each(|_| path.push("a-long-name"));
            std::fs::create_dir_all(&path).unwrap();
            assert!(ask(&path, &Ask::Status).await.unwrap().is_none());
            let socket = Socket::listen(&path).unwrap();
            let serving = tokio::spawn(socket.serve(|ask| async move {
                match ask {
                    Ask::Run { sync, .. } => Ok(json!(sync)),
                    _ => Err(Error::new(Code::NoSuchSyncOrRun, "no").help("yes")),
                }
            }));
            let run = Ask::Run { sync: "users".into(), options: RunOptions::default() };
            assert_eq!(ask(&path, &run).await.unwrap(), Some(json!("users")));
            let error = ask(&path, &Ask::Reload).await.unwrap_err();
            assert_eq!(
                (error.code(), error.message(), error.help_text()),
                (Code::NoSuchSyncOrRun, "no", Some("yes"))
            );
            let mut stream = UnixStream::connect(address(&path)).await.unwrap();
            stream.write_all(b"{\"ask\":\"dance\"}\n").await.unwrap();
            let mut told = String::new();
            stream.read_to_string(&mut told).await.unwrap();
            assert!(told.contains("C012"), "{told}");
            serving.abort();
        }
    }
}
