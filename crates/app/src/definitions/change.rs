//! Changing definitions of the server.
//!
//! What always holds: a change is in force when it has been made; if a `serve` runs, it makes the
//! change itself. Either all changes of a request are made or none. What this does not do: decide
//! who may change what; the front end's roles do.

use outflow_core::ports::state::{
    DefinitionChange, DefinitionContent, DefinitionId, DefinitionStatus, DefinitionVersion, Owner,
};
use outflow_core::rules::changed_meanwhile;
use outflow_core::{BoxFuture, Code, Error};
use outflow_engine::Errors;
use serde_json::Value;

use super::documents::{DefinitionDocument, no_such};
use super::proposal::Proposal;
use super::value::parsed;
use crate::control::{self, Answer, Request};
use crate::{App, Caller, holder};

/// What becomes of a definition.
#[derive(Clone, Debug, PartialEq)]
pub enum DefinitionEdit {
    /// It is made; there must be none of that name.
    Create {
        /// What it says.
        value: Value,
        /// Whether it is a part of the project at once.
        status: DefinitionStatus,
    },
    /// It says this in place of all that it said.
    Replace(Value),
    /// As [`DefinitionEdit::Replace`]; if there is none, it is made and is a part of the project.
    Put(Value),
    /// A JSON merge patch (RFC 7396) is applied to it.
    Patch(Value),
    /// A draft becomes a part of the project.
    Enable,
    /// It says again what this version said.
    Restore(u64),
    /// It is removed. Its versions stay.
    Delete,
}

/// A change of one definition of the server.
#[derive(Clone, Debug, PartialEq)]
pub struct DefinitionRequest {
    /// Of which.
    pub id: DefinitionId,
    /// What becomes of it.
    pub edit: DefinitionEdit,
    /// The version that it is to have now; `None`: whatever it has when the request is read.
    pub expected: Option<u64>,
}

impl App {
    /// Makes a change, and says how the definition is now; one that was removed has no value.
    ///
    /// # Errors
    /// Every problem of the project that would be. C018: it has another version. C020: the files
    /// own it. C022: there is none. The state, if it cannot be taken.
    pub fn change_definition<'a>(
        &'a self,
        request: &'a DefinitionRequest,
        wait: bool,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<DefinitionDocument, Errors>> {
        Box::pin(async move {
            let change = self.change_of(request).await?;
            let mut made = self.put_definitions(vec![change], wait, caller).await?;
            made.pop().ok_or_else(|| no_such(&request.id).into())
        })
    }

    async fn change_of(&self, request: &DefinitionRequest) -> Result<DefinitionChange, Errors> {
        let DefinitionRequest { id, edit, expected } = request;
        if let DefinitionEdit::Create { value, status } = edit {
            return Ok(written(id, Some(expected.unwrap_or(0)), value, *status));
        }
        let last = match self.definitions_reader().await? {
            Some(reader) => reader.definition(id).await?,
            None => None,
        };
        let current = last.filter(|version| version.content.is_some());
        let number = current.as_ref().map_or(0, |version| version.version);
        if let Some(expected) = expected.filter(|expected| *expected != number) {
            return Err(changed_meanwhile(id, expected, number).into());
        }
        let old = current.as_ref().and_then(|version| version.content.as_ref());
        let found = || old.ok_or_else(|| Errors(vec![no_such(id)]));
        let (value, status) = match edit {
            DefinitionEdit::Create { value, status } => (value.clone(), *status),
            DefinitionEdit::Delete => {
                found()?;
                let (id, expected) = (id.clone(), Some(number));
                return Ok(DefinitionChange { id, expected, content: None, place: None });
            }
            DefinitionEdit::Replace(value) => (value.clone(), found()?.status),
            DefinitionEdit::Put(value) => {
                (value.clone(), old.map_or(DefinitionStatus::Enabled, |old| old.status))
            }
            DefinitionEdit::Patch(patch) => {
                let mut value = parsed(id, &found()?.value)?;
                merge(&mut value, patch);
                (value, found()?.status)
            }
            DefinitionEdit::Enable => (parsed(id, &found()?.value)?, DefinitionStatus::Enabled),
            DefinitionEdit::Restore(version) => {
                let restored = self.version_of(id, *version).await?;
                let content = restored.content.ok_or_else(|| Errors(vec![removed(id, *version)]))?;
                (parsed(id, &content.value)?, old.map_or(content.status, |old| old.status))
            }
        };
        Ok(written(id, Some(number), &value, status))
    }

    /// One version of a definition.
    pub(super) async fn version_of(
        &self,
        id: &DefinitionId,
        version: u64,
    ) -> Result<DefinitionVersion, Errors> {
        let Some(reader) = self.definitions_reader().await? else { return Err(no_such(id).into()) };
        let found = reader.definition_versions(id, Some(version.saturating_add(1)), 1).await?;
        let found = found.into_iter().find(|found| found.version == version);
        found.ok_or_else(|| {
            let message = format!("{id} has no version {version}");
            Error::new(Code::NoSuchDefinition, message).help("the oldest versions beyond 1,000 go").into()
        })
    }

    /// Makes changes, all or none, and says how each definition is now.
    ///
    /// # Errors
    /// As for [`App::change_definition`].
    pub fn put_definitions<'a>(
        &'a self,
        changes: Vec<DefinitionChange>,
        wait: bool,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<Vec<DefinitionDocument>, Errors>> {
        Box::pin(async move {
            // All problems are reported here; the process that makes the changes reports the first
            // one.
            if let Some(known) = self.known_definitions().await? {
                self.look_at_proposed(&Proposal::new(&known, &changes, &self.actor)?).await?;
            }
            let request = Request::Define { changes: changes.clone() };
            match self.ask(&request, caller).await? {
                Some(Answer::Defined(made)) => return Ok(made),
                Some(_) => return Err(control::other_answer().into()),
                None => {}
            }
            let state = holder::open_state(self, wait, caller).await?;
            let proposal = Proposal::new(&state.definitions().await?, &changes, &self.actor)?;
            self.look_at_proposed(&proposal).await?;
            let made = state.put_definitions(&proposal.changes).await?;
            Ok(made.into_iter().flatten().map(DefinitionDocument::of).collect())
        })
    }
}

fn written(
    id: &DefinitionId,
    expected: Option<u64>,
    value: &Value,
    status: DefinitionStatus,
) -> DefinitionChange {
    let content = DefinitionContent { owner: Owner::Server, status, value: value.to_string() };
    DefinitionChange { id: id.clone(), expected, content: Some(content), place: None }
}

fn removed(id: &DefinitionId, version: u64) -> Error {
    let message = format!("version {version} of {id} is its removal, and says nothing");
    Error::new(Code::NoSuchDefinition, message).help("name an earlier version")
}

/// Applies a JSON merge patch (RFC 7396).
fn merge(value: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *value = patch.clone();
        return;
    };
    if !value.is_object() {
        *value = Value::Object(serde_json::Map::new());
    }
    let Value::Object(members) = value else { return };
    for (key, change) in changes {
        match change {
            Value::Null => {
                members.shift_remove(key);
            }
            change => merge(members.entry(key.clone()).or_insert(Value::Null), change),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The examples of RFC 7396, appendix A.
    #[test]
    fn a_merge_patch_is_that_of_the_rfc() {
        for (mut value, patch, want) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a":"b"}), json!(["c"]), json!(["c"])),
            (json!({"a":"foo"}), json!(null), json!(null)),
            (json!({"a":"foo"}), json!("bar"), json!("bar")),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ] {
            merge(&mut value, &patch);
            assert_eq!(value, want, "{patch}");
        }
    }
}
