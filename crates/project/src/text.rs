//! Definitions from a text that comes over the network, and schedules by themselves.
//!
//! What always holds: no file is read, whatever the text names; what a text may not have is
//! refused. What this does not do: check the definitions with each other; the project does.

use std::path::PathBuf;
use std::sync::Arc;

use outflow_core::ports::state::{DefinitionId, DefinitionKind};
use outflow_core::sync::Schedule;
use outflow_core::{Code, Error};
use serde_json::{Value as Json, json};

use super::keys::{self, SETTINGS};
use super::stored::StoredDefinition;
use super::tree::{File, Place};
use super::{FILE, FileDefinition, Problems, shape, stored, syncs, written, yaml};

/// The definitions that a text of `outflow.yaml` has: one file, which includes no other.
///
/// # Errors
/// C001 to C005: what is wrong with the text. C019: keys that only a file of the operator has.
pub fn definitions_of_text(text: &str) -> Result<Vec<FileDefinition>, Vec<Error>> {
    let file = Arc::new(File::on_disk(0, FILE.to_owned(), PathBuf::new()));
    let start = Place { file, line: 1, column: 1 };
    let mut problems = Problems::default();
    let mut document = match yaml::read(text, &start, &mut problems) {
        Ok(document) => document,
        Err((_, error)) => return Err(vec![error]),
    };
    for (key, node) in document.entries() {
        let is_kind = DefinitionKind::ALL.iter().any(|kind| kind.key() == Some(&key.name));
        if !is_kind && key.name != "version" && !SETTINGS.contains(&key.name.as_str()) {
            let message = format!("a text of definitions cannot have `{}`", key.name);
            let help = "leave it out: it stands in the files of the server's operator";
            problems.add(&node.place, Code::NotAllowedHere, message, help);
        }
    }
    let found = problems.into_errors();
    if found.iter().any(|error| !error.code().is_warning()) {
        return Err(found);
    }
    shape::table_as_written(&mut document, &keys::ROOT);
    Ok(written::definitions_of_text(&document))
}

/// The schedule that the value of the key `schedule` of a sync says.
///
/// # Errors
/// Every problem of the value, each with the path of its key as its place.
pub fn schedule_of(value: &Json) -> Result<Schedule, Vec<Error>> {
    let id = DefinitionId::new(DefinitionKind::Sync, "schedule");
    let definition = StoredDefinition { id, version: 0, value: json!({ "schedule": value }) };
    let document = stored::document(&definition);
    let mut problems = Problems::default();
    shape::check_table(&document, &keys::ROOT, &mut problems);
    let node = document.get("syncs").and_then(|syncs| syncs.get("schedule")?.get("schedule"));
    let schedule = syncs::schedule(node, &mut problems);
    let field = |error: &Error| error.place().and_then(stored::field_of).map(str::to_owned);
    let found = problems.into_errors().into_iter().filter_map(|error| {
        // All else that a sync has is not there.
        let field = field(&error).filter(|field| field.starts_with("schedule"))?;
        (!error.code().is_warning()).then(|| error.at(field))
    });
    let found: Vec<Error> = found.collect();
    if found.is_empty() { Ok(schedule) } else { Err(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<Code> {
        definitions_of_text(text).unwrap_err().iter().map(Error::code).collect()
    }

    #[test]
    fn a_text_names_definitions_and_no_file_is_read() {
        let text = "version: 1\nsources: { shop: { type: sqlite } }\n\
                    syncs: { users: { source: shop, query: { file: /etc/hostname } } }\n";
        let found = definitions_of_text(text).unwrap();
        assert_eq!(found.iter().map(|f| f.id.to_string()).collect::<Vec<_>>(), ["source shop", "sync users"]);
        assert_eq!(found[1].value["query"], json!({ "file": "/etc/hostname" }));
        assert_eq!(found[1].place, "outflow.yaml:3");
        assert_eq!(codes("version: 1\ninclude: [/etc/hostname]\nstate: x\n"), [Code::NotAllowedHere; 2]);
        assert_eq!(codes("version: ["), [Code::InvalidYaml]);
    }

    #[test]
    fn a_schedule_is_read_by_itself() {
        assert!(matches!(schedule_of(&json!({ "every": "15m" })), Ok(Schedule::Every { .. })));
        assert!(matches!(schedule_of(&json!("manual")), Ok(Schedule::Manual)));
        let cron = json!({ "cron": "30 2 * * *", "timezone": "Europe/Berlin" });
        assert!(matches!(schedule_of(&cron), Ok(Schedule::Cron { .. })));
        for (wrong, field) in [
            (json!({ "every": "soon" }), "schedule.every"),
            (json!({ "cron": "61 * * * *" }), "schedule.cron"),
            (json!({ "cron": "0 9 * * *", "timezone": "Mars" }), "schedule.timezone"),
            (json!({}), "schedule"),
            (json!(7), "schedule"),
        ] {
            let errors = schedule_of(&wrong).unwrap_err();
            assert_eq!(errors[0].place(), Some(field), "{wrong}: {errors:?}");
        }
    }
}
