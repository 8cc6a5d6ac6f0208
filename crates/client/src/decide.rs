//! What a person decides: pauses, approvals, and what is given up.

use std::collections::BTreeSet;

use outflow_app::{
    ApproveRequest, Caller, CancelReport, CancelRequest, DestinationDocument, Errors, Event, FORMAT_VERSION,
    PauseDocument, PauseKind, PauseRequest, PurgeReport, PurgeRequest, RejectRequest, RunDocument,
    RunListEntry, RunName, RunOutcome, Selectors,
};
use outflow_core::{Code, Error, RunId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ask::encoded;
use crate::{Answer, Server, answer};

/// All of something.
#[derive(Deserialize)]
pub(crate) struct All<T> {
    pub(crate) items: Vec<T>,
}

impl Server {
    /// Pauses what is named.
    pub fn pause<'a>(&'a self, request: &'a PauseRequest, _: &'a Caller) -> Answer<'a, PauseDocument> {
        Box::pin(self.change("pause", request))
    }

    /// Resumes what is named.
    pub fn resume<'a>(&'a self, request: &'a PauseRequest, _: &'a Caller) -> Answer<'a, PauseDocument> {
        Box::pin(self.change("resume", request))
    }

    /// All names are looked up before the first is changed. Those that seem to mean nothing come
    /// first: if the server refuses one, nothing has changed.
    async fn change(&self, verb: &str, request: &PauseRequest) -> Result<PauseDocument, Errors> {
        self.check().await?;
        let (mut paths, mut errors) = (Vec::new(), Vec::new());
        let known = self.known().await?;
        for (at, name) in request.names.iter().enumerate() {
            match request.kind.map_or_else(|| known.kind(name), Ok) {
                Ok(kind) => paths.push((known.has(kind, name), at, path(kind, name, verb))),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(Errors(errors));
        }
        paths.sort_by_key(|(is_known, at, _)| (*is_known, *at));
        let mut entries = Vec::new();
        for (_, at, path) in paths {
            let document: Value = self.post(path).document().await?;
            let found = document["entries"].as_array().cloned().unwrap_or_default();
            entries.extend(found.into_iter().map(|entry| (at, entry)));
        }
        entries.sort_by_key(|(at, _)| *at);
        let entries: Vec<Value> = entries.into_iter().map(|(_, entry)| entry).collect();
        answer::of_value(self, json!({ "format_version": FORMAT_VERSION, "entries": entries }))
    }

    async fn known(&self) -> Result<Known, Errors> {
        let syncs = self.list(&Selectors::default()).await?.syncs;
        let destinations: All<DestinationDocument> = self.get("destinations").document().await?;
        Ok(Known {
            syncs: syncs.into_iter().map(|sync| sync.sync).collect(),
            destinations: destinations.items.into_iter().map(|of| of.destination).collect(),
        })
    }

    /// Approves a run and follows its delivery.
    pub fn approve<'a>(&'a self, request: &'a ApproveRequest, caller: &'a Caller) -> Answer<'a, RunOutcome> {
        Box::pin(async move {
            self.check().await?;
            let run = self.waiting(&request.run).await?;
            let entry: RunListEntry = self.post(format!("runs/{run}/approve")).document().await?;
            (caller.listener)(Event::Approved { sync: &entry.document.sync, run });
            let document = self.follow(run, request.delivery_timeout, caller).await?;
            let outcome = RunOutcome::Ran(Box::new(document));
            (caller.listener)(Event::Ended(&outcome));
            Ok(outcome)
        })
    }

    /// Drops a run.
    pub fn reject<'a>(&'a self, request: &'a RejectRequest, _: &'a Caller) -> Answer<'a, RunDocument> {
        Box::pin(async move {
            self.check().await?;
            let run = self.waiting(&request.run).await?;
            let body = json!({ "skip_window": request.skip_window });
            self.post(format!("runs/{run}/reject")).body(body).document().await
        })
    }

    /// The run that is to be approved or rejected.
    async fn waiting(&self, name: &RunName) -> Result<RunId, Errors> {
        let sync = match name {
            RunName::Number(run) => return Ok(*run),
            RunName::LatestOf(sync) => Some(sync),
            RunName::Latest => None,
        };
        let of = sync.map(|sync| format!(" of a sync named {sync:?}")).unwrap_or_default();
        let missing = format!("no run{of} awaits approval");
        self.newest(sync.map(String::as_str), Some("awaiting_approval"), &missing).await
    }

    /// Gives up the calls that wait for a destination that the project no longer has.
    pub fn cancel<'a>(&'a self, request: &'a CancelRequest, _: &'a Caller) -> Answer<'a, CancelReport> {
        Box::pin(async move {
            self.check().await?;
            let path = format!("destinations/{}/cancel", encoded(&request.destination));
            self.post(path).body(json!({ "sync": request.sync })).document().await
        })
    }

    /// Removes a person from what is kept.
    pub fn purge<'a>(&'a self, request: &'a PurgeRequest, _: &'a Caller) -> Answer<'a, PurgeReport> {
        Box::pin(async move {
            self.check().await?;
            let body = json!({ "id": request.id, "dry_run": request.dry_run });
            self.post("purge").body(body).long().document().await
        })
    }
}

fn path(kind: PauseKind, name: &str, verb: &str) -> String {
    let of = match kind {
        PauseKind::Sync => "syncs",
        PauseKind::Destination => "destinations",
    };
    format!("{of}/{}/{verb}", encoded(name))
}

/// The names that a server has.
struct Known {
    syncs: BTreeSet<String>,
    destinations: BTreeSet<String>,
}

impl Known {
    fn has(&self, kind: PauseKind, name: &str) -> bool {
        match kind {
            PauseKind::Sync => self.syncs.contains(name),
            PauseKind::Destination => self.destinations.contains(name),
        }
    }

    /// What a name means.
    fn kind(&self, name: &str) -> Result<PauseKind, Error> {
        match (self.syncs.contains(name), self.destinations.contains(name)) {
            (true, true) => {
                let message = format!("{name:?} is a sync and a destination");
                Err(Error::new(Code::ConflictingOptions, message)
                    .help("say which one is meant: --kind sync or --kind destination"))
            }
            (false, true) => Ok(PauseKind::Destination),
            // The server says what is wrong with a name that means nothing.
            (_, false) => Ok(PauseKind::Sync),
        }
    }
}
