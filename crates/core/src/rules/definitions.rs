//! What a change of a definition does.

use crate::ports::state::{DefinitionChange, DefinitionId, DefinitionVersion, SyncRename};
use crate::{Code, Error, Result};

/// What follows from a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefinitionStep {
    /// Nothing: it says what there is.
    Keep,
    /// The definition stands at another place of the files. That is no new version.
    Move,
    /// A version of this number is written.
    Write(u64),
}

/// Decides what follows from a change, if `last` is the definition's last version.
///
/// # Errors
/// `DefinitionChanged`: the change expects another version. `DefinedTwice`: the definition belongs
/// to the other owner.
pub fn change_definition(
    last: Option<&DefinitionVersion>,
    change: &DefinitionChange,
) -> Result<DefinitionStep> {
    let current = last.filter(|version| version.content.is_some());
    let number = current.map_or(0, |version| version.version);
    if let Some(expected) = change.expected.filter(|expected| *expected != number) {
        return Err(changed_meanwhile(&change.id, expected, number));
    }
    let old = current.and_then(|version| version.content.as_ref());
    if let (Some(old), Some(new)) = (old, &change.content)
        && old.owner != new.owner
    {
        let id = &change.id;
        let message = format!(
            "{id} belongs to the {} and cannot belong to the {}, too",
            old.owner.name(),
            new.owner.name()
        );
        let help = "take it out where it is defined first, or give one of them another name";
        return Err(Error::new(Code::DefinedTwice, message).help(help));
    }
    if old == change.content.as_ref() {
        let is_moved = current.is_some_and(|version| version.place != change.place);
        return Ok(if is_moved { DefinitionStep::Move } else { DefinitionStep::Keep });
    }
    Ok(DefinitionStep::Write(last.map_or(0, |version| version.version).saturating_add(1)))
}

/// C018: the definition has version `found` (0: it is not there) where `expected` was expected.
pub fn changed_meanwhile(id: &DefinitionId, expected: u64, found: u64) -> Error {
    let message = match (expected, found) {
        (0, _) => format!("{id} is there already, in version {found}"),
        (_, 0) => format!("{id} is not there any more: version {expected} was expected"),
        _ => format!("{id} has version {found} now, and version {expected} was expected"),
    };
    Error::new(Code::DefinitionChanged, message).help("read it again, and repeat the change on what there is")
}

/// What is kept under a name of a sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptOfSync {
    /// Runs that are not at their end.
    pub unfinished: u64,
    /// Something at all: runs, where the next one begins, gaps, usage.
    pub anything: bool,
}

/// Whether a sync may get another name, by what is kept under both.
///
/// # Errors `SyncNotRenamed`: a run of it is unfinished and does not go along, or something is kept
/// under the new name.
pub fn check_rename(rename: &SyncRename, of_from: KeptOfSync, of_to: KeptOfSync) -> Result<()> {
    let SyncRename { from, to, with_unfinished, .. } = rename;
    let refused = |message: String, help: &str| Err(Error::new(Code::SyncNotRenamed, message).help(help));
    if from == to {
        return refused(format!("the sync is called {to:?} already"), "choose another name");
    }
    if of_from.unfinished > 0 && !with_unfinished {
        let message = format!(
            "{from:?} cannot be renamed while {} of its runs are unfinished and a server works with them",
            of_from.unfinished
        );
        return refused(message, "let them end, or stop the server and rename it then: they go along");
    }
    if of_to.anything {
        let message =
            format!("{from:?} cannot be renamed to {to:?}: runs or times of a sync of that name are kept");
        return refused(message, "choose a name that no sync has had");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::Actor;
    use crate::ports::state::{DefinitionContent, DefinitionKind, DefinitionStatus, Owner};

    fn content(owner: Owner, value: &str) -> Option<DefinitionContent> {
        Some(DefinitionContent { owner, status: DefinitionStatus::Enabled, value: value.to_owned() })
    }

    fn last(version: u64, content: Option<DefinitionContent>) -> DefinitionVersion {
        let (id, by) = (DefinitionId::new(DefinitionKind::Sync, "users"), Actor::local("ada"));
        let place = Some("outflow.yaml:3".to_owned());
        DefinitionVersion { id, version, content, place, at: Timestamp::UNIX_EPOCH, by, renamed: None }
    }

    fn change(expected: Option<u64>, content: Option<DefinitionContent>, place: &str) -> DefinitionChange {
        let id = DefinitionId::new(DefinitionKind::Sync, "users");
        DefinitionChange { id, expected, content, place: Some(place.to_owned()) }
    }

    #[test]
    fn a_change_that_says_what_there_is_makes_no_version() {
        let old = last(4, content(Owner::Files, "{}"));
        for (place, step) in
            [("outflow.yaml:3", DefinitionStep::Keep), ("outflow.yaml:5", DefinitionStep::Move)]
        {
            let same = change(None, content(Owner::Files, "{}"), place);
            assert_eq!(change_definition(Some(&old), &same).unwrap(), step);
        }
        let gone = last(5, None);
        assert_eq!(change_definition(Some(&gone), &change(Some(0), None, "")).unwrap(), DefinitionStep::Keep);
    }

    #[test]
    fn versions_go_on_after_a_removal() {
        let old = last(4, content(Owner::Server, "{}"));
        let step = |last, change| change_definition(last, &change).unwrap();
        assert_eq!(step(None, change(Some(0), content(Owner::Server, "{}"), "")), DefinitionStep::Write(1));
        assert_eq!(step(Some(&old), change(Some(4), None, "")), DefinitionStep::Write(5));
        let gone = last(5, None);
        let again = change(Some(0), content(Owner::Files, "{}"), "");
        assert_eq!(step(Some(&gone), again), DefinitionStep::Write(6));
    }

    #[test]
    fn a_change_of_another_version_or_of_another_owner_is_refused() {
        let old = last(4, content(Owner::Server, "{}"));
        for expected in [0, 3, 5] {
            let error = change_definition(Some(&old), &change(Some(expected), None, "")).unwrap_err();
            assert_eq!(error.code(), Code::DefinitionChanged, "{expected}");
        }
        let theirs = change(None, content(Owner::Files, "{}"), "");
        assert_eq!(change_definition(Some(&old), &theirs).unwrap_err().code(), Code::DefinedTwice);
        let gone = last(5, None);
        let error = change_definition(Some(&gone), &change(Some(4), None, "")).unwrap_err();
        assert!(error.message().contains("not there any more"), "{error}");
    }

    #[test]
    fn a_sync_gets_a_name_that_nothing_has_once_its_runs_have_ended() {
        let kept = |unfinished, anything| KeptOfSync { unfinished, anything };
        let rename = |from: &str, with_unfinished| SyncRename {
            from: from.to_owned(),
            to: "b".to_owned(),
            with_unfinished,
            changes: Vec::new(),
        };
        check_rename(&rename("a", false), kept(0, true), kept(0, false)).unwrap();
        check_rename(&rename("a", true), kept(2, true), kept(0, false)).unwrap();
        for (rename, of_from, of_to) in [
            (rename("a", false), kept(1, true), kept(0, false)),
            (rename("a", true), kept(0, true), kept(0, true)),
            (rename("b", true), kept(0, true), kept(0, false)),
        ] {
            let error = check_rename(&rename, of_from, of_to).unwrap_err();
            assert_eq!(error.code(), Code::SyncNotRenamed);
        }
    }
}
