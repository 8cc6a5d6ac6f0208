//! The control socket: how another process reaches the one that holds the state. It is a Unix
//! socket in the state's folder; a connection carries one JSON line each way, a [`Request`] and its
//! [`Answer`].
//!
//! The folder is readable by its owner alone (0700), so a process that reaches the socket runs as
//! the user who runs Outflow. If the path is too long for a socket's address, the socket is in the
//! folder for temporary files.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use outflow_core::run::RunOptions;
use outflow_core::{Code, Error, NextStep, RunId};
use outflow_engine::operations::purge::PurgeReport;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::serving::Serving;

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

/// What another process can request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Request {
    /// A run of a sync.
    Run {
        /// The sync.
        sync: String,
        /// How it differs from an incremental run.
        options: RunOptions,
    },
    /// Read the project again.
    Reload,
    /// What the process says of itself.
    Status,
    /// Remove a person from what is kept.
    Purge {
        /// The id of the person in calls.
        id: String,
    },
    /// Deliver a run that awaits approval.
    Approve {
        /// The run.
        run: RunId,
    },
    /// Drop a run that awaits approval.
    Reject {
        /// The run.
        run: RunId,
        /// `last_sync_time` moves all the same.
        skip_window: bool,
    },
    /// Deliver a run that became ready in another way than by an extraction.
    Adopt {
        /// The run.
        run: RunId,
    },
}

/// What the process that holds the state answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// This run has begun.
    Started(RunId),
    /// The sync runs again after a run that is in progress.
    Queued {
        /// The run in progress, if it is one.
        behind: Option<RunId>,
    },
    /// The new project is in force.
    Reloaded,
    /// How the process is.
    Status(Serving),
    /// What was removed.
    Purged(PurgeReport),
    /// The run was approved, rejected or adopted.
    Accepted {
        /// The run.
        run: RunId,
    },
}

/// The line that goes back.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Ok(Answer),
    Error {
        code: Code,
        message: String,
        #[serde(default)]
        place: Option<String>,
        #[serde(default)]
        help: Option<String>,
        #[serde(default)]
        next: Vec<NextStep>,
    },
}

impl From<Error> for Reply {
    fn from(error: Error) -> Self {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Self::Error {
            code: error.code(),
            message: error.message().to_owned(),
            place: text(error.place()),
            help: text(error.help_text()),
            next: error.next_steps().to_vec(),
        }
    }
}

impl From<Reply> for Result<Answer, Error> {
    fn from(reply: Reply) -> Self {
        let (code, message, place, help, next) = match reply {
            Reply::Ok(answer) => return Ok(answer),
            Reply::Error { code, message, place, help, next } => (code, message, place, help, next),
        };
        let mut error = Error::new(code, message);
        if let Some(place) = place {
            error = error.at(place);
        }
        if let Some(help) = help {
            error = error.help(help);
        }
        Err(next.into_iter().fold(error, Error::next_step))
    }
}

impl Request {
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

    /// Answers one line of each connection with what `answer` says, for ever. A panic in `answer`
    /// is an error for whoever asked.
    pub async fn serve<F>(&self, answer: impl Fn(Request) -> F + Clone + Send + 'static)
    where
        F: Future<Output = Result<Answer, Error>> + Send + 'static,
    {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else { continue };
            let answer = answer.clone();
            tokio::spawn(async move {
                // The client may have disconnected.
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

async fn converse<F>(mut stream: UnixStream, answer: impl Fn(Request) -> F) -> io::Result<()>
where
    F: Future<Output = Result<Answer, Error>> + Send + 'static,
{
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    tokio::time::timeout(PATIENCE, BufReader::new(reader.take(LINE)).read_line(&mut line)).await??;
    let answer = match serde_json::from_str::<Request>(&line) {
        Ok(request) => {
            let patience = request.patience();
            let answered = tokio::spawn(answer(request));
            tokio::time::timeout(patience, answered).await?.unwrap_or_else(|_| {
                Err(Error::new(Code::TaskFailed, "the running Outflow failed while it did this")
                    .help("look into its log"))
            })
        }
        Err(e) => Err(Error::new(
            Code::ConflictingOptions,
            "the running Outflow does not understand this request; it may be of another version",
        )
        .caused_by(e)),
    };
    let reply = match answer {
        Ok(answer) => Reply::Ok(answer),
        Err(error) => error.into(),
    };
    writer.write_all(format!("{}\n", serde_json::to_string(&reply)?).as_bytes()).await
}

/// Whether a process that holds the state in this folder takes requests.
pub fn listens(dir: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(address(dir)).is_ok()
}

/// Sends a request to the process that holds the state in this folder. `None`: no process listens
/// there.
pub async fn ask(dir: &Path, request: &Request) -> Result<Option<Answer>, Error> {
    let Ok(stream) = UnixStream::connect(address(dir)).await else { return Ok(None) };
    let asked = tokio::time::timeout(request.patience(), exchange(stream, request)).await;
    let broken = || {
        Error::new(Code::StateHeld, "the running Outflow did not answer").help("look into its log; ask again")
    };
    let answer = asked.map_err(|_| broken())?.map_err(|e| broken().caused_by(e))?;
    let reply: Reply = serde_json::from_str(&answer).map_err(|e| broken().caused_by(e))?;
    Result::from(reply).map(Some)
}

/// The answer belongs to another request.
pub(crate) fn other_answer() -> Error {
    Error::new(Code::StateHeld, "the running Outflow gave an answer that does not belong to the request")
        .help("it may be of another version: restart it")
}

async fn exchange(mut stream: UnixStream, request: &Request) -> io::Result<String> {
    let (reader, mut writer) = stream.split();
    writer.write_all(format!("{}\n", serde_json::to_string(request)?).as_bytes()).await?;
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
            assert!(ask(&path, &Request::Status).await.unwrap().is_none());
            let socket = Socket::listen(&path).unwrap();
            let no = || Error::new(Code::NoSuchSyncOrRun, "no").help("yes").next_step(NextStep::ListRuns);
            let answer = move |request| async move {
                match request {
                    Request::Run { .. } => Ok(Answer::Started(RunId(7))),
                    Request::Purge { id } => panic!("planted: {id}"),
                    _ => Err(no()),
                }
            };
            let serving = tokio::spawn(async move { socket.serve(answer).await });
            let error = ask(&path, &Request::Purge { id: "4711".into() }).await.unwrap_err();
            assert_eq!(error.code(), Code::TaskFailed, "and the socket goes on");
            assert!(!format!("{error:?}").contains("4711"), "{error:?}");
            let run = Request::Run { sync: "users".into(), options: RunOptions::default() };
            let answer = ask(&path, &run).await.unwrap();
            assert!(matches!(answer, Some(Answer::Started(RunId(7)))), "{answer:?}");
            let error = ask(&path, &Request::Reload).await.unwrap_err();
            assert_eq!(
                (error.code(), error.message(), error.help_text()),
                (Code::NoSuchSyncOrRun, "no", Some("yes"))
            );
            assert_eq!(error.next_steps(), [NextStep::ListRuns]);
            let mut stream = UnixStream::connect(address(&path)).await.unwrap();
            stream.write_all(b"{\"ask\":\"dance\"}\n").await.unwrap();
            let mut told = String::new();
            stream.read_to_string(&mut told).await.unwrap();
            assert!(told.contains("C012"), "{told}");
            serving.abort();
        }
    }
}
