//! The control socket: how another process reaches the one that holds the state. It is a Unix
//! socket in the state's folder; a connection carries one JSON line each way, a [`Request`] and its
//! [`Answer`].
//!
//! What always holds:
//! - The socket lies where its owner alone can write: in the state's folder, or, if others may
//!   write there (a volume that a group shares), in a folder of its own in it (0700). A path that
//!   is too long for a socket's address is reached through a descriptor of its folder.
//! - Both ends look whom they talk to. A request comes from the same user or from root; an answer
//!   comes from the same user, the owner of the folder, or root.
//! - A request says who asks (`actor`); if it does not, the user of the other end does. Whoever may
//!   ask may change the state's files as well, so this is believed.

mod place;

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use outflow_core::ports::state::{DefinitionChange, Pausable};
use outflow_core::run::RunOptions;
use outflow_core::{Actor, Code, Error, NextStep, RunId, Secret};
use outflow_engine::operations::cancel::CancelReport;
use outflow_engine::operations::purge::PurgeReport;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use self::place::{CONTROL, Place, WORK};
use crate::definitions::DefinitionDocument;
use crate::paused::PauseEntry;
use crate::people::{PeopleAnswer, PeopleChange};
use crate::secret_documents::{IntendedUse, Rotation, SecretChange};
use crate::serving::Serving;
use crate::user;

/// The user who may do everything.
const ROOT: u32 = 0;
/// A request is one line of no more than this: a project with its queries fits.
const LINE: u64 = 32 << 20;
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
    /// Slots that are due, at an `outflow run` that is at work.
    Due,
    /// Read the project again.
    Reload,
    /// What the process says of itself.
    Status,
    /// Remove a person from what is kept.
    Purge {
        /// The id of the person in calls.
        id: String,
    },
    /// Give up what waits for a destination that the project no longer has.
    Cancel {
        /// The destination.
        destination: String,
        /// Of this sync alone.
        sync: Option<String>,
    },
    /// Pause syncs and destinations.
    Pause {
        /// Which.
        what: Vec<Pausable>,
    },
    /// Resume syncs and destinations.
    Resume {
        /// Which.
        what: Vec<Pausable>,
    },
    /// Change definitions of the server, all or none.
    Define {
        /// The changes.
        changes: Vec<DefinitionChange>,
    },
    /// Give a sync of the server another name.
    Rename {
        /// The name that it has.
        from: String,
        /// The name that it gets.
        to: String,
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
    /// Change who may use the service.
    People {
        /// How.
        change: PeopleChange,
    },
    /// Deliver a run that became ready in another way than by an extraction.
    Adopt {
        /// The run.
        run: RunId,
    },
    /// Write into the audit log that a test alert is sent.
    TestAlerts,
    /// Keep a secret.
    SetSecret {
        /// Its name.
        name: String,
        /// Its value.
        value: SecretText,
        /// What will use it.
        #[serde(default)]
        uses: Vec<IntendedUse>,
    },
    /// Remove a secret.
    RemoveSecret {
        /// Its name.
        name: String,
    },
    /// Encrypt all secrets again under another key.
    RotateSecrets,
}

/// A secret on its way through the socket. Its debug form says nothing about it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretText(String);

impl SecretText {
    /// This secret.
    pub fn new(secret: &Secret) -> Self {
        Self(secret.expose().to_owned())
    }

    /// The secret.
    pub fn secret(&self) -> Secret {
        Secret::new(self.0.clone())
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretText")
    }
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
    /// What became of the slots that were due.
    Due(DueAnswer),
    /// The new project is in force.
    Reloaded,
    /// How the process is.
    Status(Serving),
    /// What was removed.
    Purged(PurgeReport),
    /// What was given up.
    Cancelled(CancelReport),
    /// What was paused or resumed.
    Paused(Vec<PauseEntry>),
    /// Who may use the service has changed.
    People(PeopleAnswer),
    /// How the definitions are now.
    Defined(Vec<DefinitionDocument>),
    /// The sync has its new name.
    Renamed,
    /// The run was approved, rejected or adopted.
    Accepted {
        /// The run.
        run: RunId,
    },
    /// It is in the audit log.
    Recorded,
    /// What became of a secret.
    SecretChanged(SecretChange),
    /// What the change of the key did.
    SecretsRotated(Rotation),
}

/// What became of the slots that were due.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DueAnswer {
    /// The runs that have begun, with their syncs.
    pub started: Vec<(String, RunId)>,
    /// Syncs whose run is about to begin anyway.
    pub coming: Vec<String>,
    /// Slots that found their sync busy: the sync and the skipped run.
    pub skipped: Vec<(String, RunId)>,
    /// Syncs that could not be run, and why.
    pub failed: Vec<(String, Code, String)>,
}

/// Who asks, in the line of a request.
#[derive(Deserialize)]
struct Asking {
    #[serde(default)]
    actor: Option<Actor>,
}

/// The line of a request.
fn line(request: &Request, actor: &Actor) -> io::Result<String> {
    let mut line = serde_json::to_value(request)?;
    line["actor"] = serde_json::to_value(actor)?;
    Ok(format!("{line}\n"))
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
        quoted: Option<String>,
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
            quoted: error.quoted().map(|quoted| quoted.reveal().to_owned()),
            place: text(error.place()),
            help: text(error.help_text()),
            next: error.next_steps().to_vec(),
        }
    }
}

impl From<Reply> for Result<Answer, Error> {
    fn from(reply: Reply) -> Self {
        let (code, message, quoted, place, help, next) = match reply {
            Reply::Ok(answer) => return Ok(answer),
            Reply::Error { code, message, quoted, place, help, next } => {
                (code, message, quoted, place, help, next)
            }
        };
        let mut error = Error::new(code, message).quoting(quoted.unwrap_or_default());
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
    pub(crate) const fn patience(&self) -> Duration {
        match self {
            Self::Purge { .. } | Self::RotateSecrets => LONG_PATIENCE,
            _ => PATIENCE,
        }
    }
}

/// The socket of a process that holds the state. It goes when this is dropped.
pub struct Socket {
    listener: UnixListener,
    /// Whose requests are answered, beside those of root.
    user: u32,
    path: PathBuf,
}

impl Socket {
    /// Listens. Only the holder of the state may call it: what an earlier holder left is removed.
    pub fn listen(dir: &Path) -> Result<Socket, Error> {
        Self::listen_as(dir, CONTROL)
    }

    /// The same for a process that holds the state until its work is done. Only slots that are due
    /// are for it: whatever else is asked waits for the state.
    pub fn listen_for_work(dir: &Path) -> Result<Socket, Error> {
        Self::listen_as(dir, WORK)
    }

    fn listen_as(dir: &Path, name: &'static str) -> Result<Socket, Error> {
        let failed = |e: io::Error| {
            Error::new(Code::StateUnavailable, format!("the socket in {} cannot be made: {e}", dir.display()))
                .help("the state's folder must be on a local file system and belong to this user; a shorter path may help")
                .caused_by(e)
        };
        let user = user::own_user().map_err(failed)?;
        let place = Place::make(dir, user, name).map_err(failed)?;
        match std::fs::remove_file(&place.path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
        let listener = UnixListener::bind(place.address()).map_err(failed)?;
        std::fs::set_permissions(&place.path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Socket { listener, user, path: place.path })
    }

    /// Answers one line of each connection with what `answer` says, for ever. A panic in `answer`
    /// is an error for whoever asked.
    pub async fn serve<F>(&self, answer: impl Fn(Request, Actor) -> F + Clone + Send + 'static)
    where
        F: Future<Output = Result<Answer, Error>> + Send + 'static,
    {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                // The process may be out of file descriptors: wait until a connection ends.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let peer = stream.peer_cred().map(|peer| peer.uid());
            let Some(peer) = peer.ok().filter(|peer| [self.user, ROOT].contains(peer)) else { continue };
            let answer = answer.clone();
            tokio::spawn(async move {
                // The client may have disconnected.
                let _ = converse(stream, peer, answer).await;
            });
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn converse<F>(
    mut stream: UnixStream,
    peer: u32,
    answer: impl Fn(Request, Actor) -> F,
) -> io::Result<()>
where
    F: Future<Output = Result<Answer, Error>> + Send + 'static,
{
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    tokio::time::timeout(PATIENCE, BufReader::new(reader.take(LINE)).read_line(&mut line)).await??;
    let answer = match serde_json::from_str::<Request>(&line) {
        Ok(request) => {
            let patience = request.patience();
            let actor = serde_json::from_str(&line).ok().and_then(|Asking { actor }| actor);
            let answered = tokio::spawn(answer(request, actor.unwrap_or_else(|| user::by_number(peer))));
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
    let connect = |place: Place| std::os::unix::net::UnixStream::connect(place.address());
    Place::find(dir, CONTROL).and_then(connect).is_ok()
}

/// Sends a request to the process that holds the state in this folder. `None`: no process listens
/// there.
pub async fn ask(dir: &Path, request: &Request, actor: &Actor) -> Result<Option<Answer>, Error> {
    ask_at(dir, CONTROL, request, actor).await
}

/// The same of a process that holds the state until its work is done.
pub async fn ask_worker(dir: &Path, request: &Request, actor: &Actor) -> Result<Option<Answer>, Error> {
    ask_at(dir, WORK, request, actor).await
}

async fn ask_at(
    dir: &Path,
    name: &'static str,
    request: &Request,
    actor: &Actor,
) -> Result<Option<Answer>, Error> {
    let Ok(place) = Place::find(dir, name) else { return Ok(None) };
    let Ok(stream) = UnixStream::connect(place.address()).await else { return Ok(None) };
    let own = user::own_user().unwrap_or(place.owner);
    if !stream.peer_cred().is_ok_and(|peer| [place.owner, ROOT, own].contains(&peer.uid())) {
        let message = format!("another user's process listens on {}", place.path.display());
        return Err(Error::new(Code::StateUnavailable, message)
            .help("nothing was sent to it; see who may write to the state's folder, and remove the socket"));
    }
    let asked = tokio::time::timeout(request.patience(), exchange(stream, request, actor)).await;
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

async fn exchange(mut stream: UnixStream, request: &Request, actor: &Actor) -> io::Result<String> {
    let (reader, mut writer) = stream.split();
    writer.write_all(line(request, actor)?.as_bytes()).await?;
    let mut line = String::new();
    BufReader::new(reader.take(LINE)).read_line(&mut line).await?;
    Ok(line)
}

#[cfg(test)]
mod tests;
