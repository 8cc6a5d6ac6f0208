//! Pausing and resuming syncs and destinations.
//!
//! What always holds: either all that is named is paused (or resumed), or nothing changes and every
//! name that means nothing is reported. A running `serve` makes the change itself, so that it takes
//! effect at once. What it does not do: say what follows from a pause; the engine does.

use std::collections::BTreeSet;

use outflow_core::ports::state::{Pausable, Pause, PauseKind};
use outflow_core::{BoxFuture, Code, Error};
use outflow_engine::{Errors, FORMAT_VERSION};
use outflow_project::{Project, suggestion};
use serde::{Deserialize, Serialize};

use crate::control::{self, Answer, Request};
use crate::paused::{PauseEntry, pause, resume};
use crate::serving::Serving;
use crate::{App, Caller, holder};

/// What to pause, or to resume.
#[derive(Clone, Debug)]
pub struct PauseRequest {
    /// Names of syncs and destinations.
    pub names: Vec<String>,
    /// What they are; needed for a name that is both.
    pub kind: Option<PauseKind>,
    /// Wait while another process holds the state.
    pub wait: bool,
}

/// How what was named is now.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PauseDocument {
    format_version: u32,
    /// In the order in which it was named.
    pub entries: Vec<PauseEntry>,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Pause,
    Resume,
}

impl App {
    /// Pauses what is named. What is paused already keeps its time.
    ///
    /// # Errors
    /// C011 for each name that means nothing, C012 for each that means a sync and a destination.
    /// The state, if it cannot be taken.
    pub fn pause<'a>(
        &'a self,
        request: &'a PauseRequest,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<PauseDocument, Errors>> {
        Box::pin(async move { self.change(Change::Pause, request, caller).await })
    }

    /// Resumes what is named. What the project no longer has can be resumed, too.
    ///
    /// # Errors
    /// As for [`App::pause`].
    pub fn resume<'a>(
        &'a self,
        request: &'a PauseRequest,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<PauseDocument, Errors>> {
        Box::pin(async move { self.change(Change::Resume, request, caller).await })
    }

    async fn change(
        &self,
        change: Change,
        request: &PauseRequest,
        caller: &Caller,
    ) -> Result<PauseDocument, Errors> {
        let mut known = match self.ask(&Request::Status, caller).await? {
            Some(Answer::Status(serving)) => Known::by(&serving),
            Some(_) => return Err(control::other_answer().into()),
            None => Known::of(&*self.look_at_project().await?),
        };
        // Whoever takes the state finds out what is wrong with it.
        let pauses = self.pauses().await.unwrap_or_default();
        known.names.extend(pauses.into_iter().map(|pause| pause.of));
        let what = known.meant(request)?;
        let asked = match change {
            Change::Pause => Request::Pause { what: what.clone() },
            Change::Resume => Request::Resume { what: what.clone() },
        };
        let entries = match self.ask(&asked, caller).await? {
            Some(Answer::Paused(entries)) => entries,
            Some(_) => return Err(control::other_answer().into()),
            None => {
                let state = holder::open_state(self, request.wait, caller).await?;
                match change {
                    Change::Pause => pause(&*state, &self.actor, what).await?,
                    Change::Resume => resume(&*state, &self.actor, what).await?,
                }
            }
        };
        Ok(PauseDocument { format_version: FORMAT_VERSION, entries })
    }

    /// What is paused now; nothing before the first run.
    pub(crate) async fn pauses(&self) -> Result<Vec<Pause>, Error> {
        match self.is_new().await? {
            true => Ok(Vec::new()),
            false => self.reader().await?.state.pauses().await,
        }
    }
}

/// What can be paused.
struct Known {
    names: BTreeSet<Pausable>,
}

impl Known {
    fn new<'a>(
        syncs: impl Iterator<Item = &'a String>,
        destinations: impl Iterator<Item = &'a String>,
    ) -> Self {
        let of = |kind| move |name: &String| Pausable { kind, name: name.clone() };
        let destinations = destinations.map(of(PauseKind::Destination));
        Self { names: syncs.map(of(PauseKind::Sync)).chain(destinations).collect() }
    }

    /// What a project has.
    fn of(project: &Project) -> Self {
        Self::new(project.syncs.iter().map(|s| &s.name), project.destinations.iter().map(|d| &d.name))
    }

    /// What a `serve` has loaded.
    fn by(serving: &Serving) -> Self {
        Self::new(serving.syncs.keys(), serving.destinations.iter().map(|d| &d.destination))
    }

    /// What a request means, each once, or everything that is wrong with it.
    fn meant(&self, request: &PauseRequest) -> Result<Vec<Pausable>, Vec<Error>> {
        let (mut meant, mut errors) = (Vec::new(), Vec::new());
        for name in &request.names {
            match self.one(name, request.kind) {
                Ok(of) if meant.contains(&of) => {}
                Ok(of) => meant.push(of),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(meant) } else { Err(errors) }
    }

    fn one(&self, name: &str, kind: Option<PauseKind>) -> Result<Pausable, Error> {
        let fits = |of: &&Pausable| kind.is_none_or(|kind| of.kind == kind);
        let found: Vec<&Pausable> = self.names.iter().filter(fits).filter(|of| of.name == name).collect();
        match found.as_slice() {
            [one] => Ok((*one).clone()),
            [] => {
                let what = kind.map_or("sync or destination", PauseKind::name);
                let names: BTreeSet<&str> =
                    self.names.iter().filter(fits).map(|of| of.name.as_str()).collect();
                let names: Vec<&str> = names.into_iter().collect();
                let error = Error::new(Code::NoSuchSyncOrRun, format!("there is no {what} {name:?}"));
                Err(error.help(suggestion(name, "the names are", &names)))
            }
            _ => {
                let message = format!("{name:?} is the name of a sync and of a destination");
                Err(Error::new(Code::ConflictingOptions, message)
                    .help("say which is meant: `--kind sync` or `--kind destination`"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        Known::new(names(&["users", "both"]).iter(), names(&["journeys", "both"]).iter())
    }

    fn request(names: &[&str], kind: Option<PauseKind>) -> PauseRequest {
        PauseRequest { names: names.iter().map(ToString::to_string).collect(), kind, wait: true }
    }

    #[test]
    fn names_mean_what_has_them_and_each_once() {
        let meant = known().meant(&request(&["journeys", "users", "journeys"], None)).unwrap();
        let meant: Vec<_> = meant.iter().map(|of| (of.kind.name(), of.name.as_str())).collect();
        assert_eq!(meant, [("destination", "journeys"), ("sync", "users")]);
        for kind in [PauseKind::Sync, PauseKind::Destination] {
            let meant = known().meant(&request(&["both"], Some(kind))).unwrap();
            assert_eq!(meant, [Pausable { kind, name: "both".to_owned() }]);
        }
    }

    #[test]
    fn every_name_that_means_nothing_or_two_things_is_reported() {
        let errors = known().meant(&request(&["user", "users", "both", "zzz"], None)).unwrap_err();
        let told: Vec<_> = errors.iter().map(|e| (e.code(), e.help_text().unwrap_or_default())).collect();
        assert_eq!(
            told,
            [
                (Code::NoSuchSyncOrRun, "did you mean \"users\"?"),
                (Code::ConflictingOptions, "say which is meant: `--kind sync` or `--kind destination`"),
                (Code::NoSuchSyncOrRun, "the names are both, journeys, users"),
            ]
        );
        let errors = known().meant(&request(&["users"], Some(PauseKind::Destination))).unwrap_err();
        assert_eq!(errors[0].message(), "there is no destination \"users\"");
    }
}
