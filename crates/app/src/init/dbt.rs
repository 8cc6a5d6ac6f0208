//! Syncs from the models of a dbt project: `target/manifest.json`, which dbt writes whenever it
//! parses or runs. Its form is dbt's artifact schema, versions 4 to 12
//! (schemas.getdbt.com/dbt/manifest).
//!
//! What always holds: a model becomes a disabled sync with a query that names its columns as the
//! manifest has them. Which column identifies a person and which one says what is new is a guess
//! from usual names, and is said in a comment; a person looks at it before anything is sent.

use std::fmt::Write as _;
use std::path::Path;

use outflow_core::{CallType, Code, Error, files};
use outflow_project::fits;
use outflow_warehouse::{SourceKind, kinds};
use serde_json::Value;

/// A larger manifest is none.
const MAX_BYTES: u64 = 256 << 20;
/// The models that are taken without a choice.
const DEFAULT: &str = "tag:outflow";
/// Usual names of the column that identifies a person, the best first.
const IDENTIFIERS: [&str; 8] =
    ["user_id", "userid", "customer_id", "contact_id", "person_id", "account_id", "external_id", "id"];
/// Usual names of the column that says when a row changed, the best first.
const CHANGED: [&str; 10] = [
    "updated_at",
    "last_updated",
    "last_updated_at",
    "modified_at",
    "last_modified",
    "_updated_at",
    "dbt_updated_at",
    "occurred_at",
    "event_time",
    "created_at",
];
/// Usual names of the column that names an event.
const EVENTS: [&str; 3] = ["event", "event_name", "event_type"];

/// A model, as a sync.
pub(super) struct Model {
    /// The sync's name.
    pub(super) name: String,
    pub(super) description: String,
    pub(super) tags: Vec<String>,
    pub(super) call_type: CallType,
    /// The text of its query file.
    pub(super) query: String,
}

/// The chosen models of a manifest, and the kind of warehouse that they are in.
pub(super) struct Manifest {
    pub(super) kind: Option<&'static SourceKind>,
    pub(super) models: Vec<Model>,
}

/// Reads the models that are meant.
///
/// # Errors
/// C001 if the file cannot be read, C002 if it is no manifest, C011 if a choice means no model.
pub(super) fn read(path: &Path, select: &[String]) -> Result<Manifest, Error> {
    let shown = path.display();
    let text = files::read_text(path, MAX_BYTES).map_err(|e| {
        Error::new(Code::ProjectFileUnreadable, format!("{shown} {e}"))
            .help("dbt writes target/manifest.json when it runs: `dbt parse`")
            .caused_by(e)
    })?;
    let broken = |what: &str| {
        Error::new(Code::InvalidYaml, format!("{shown} {what}"))
            .help("name the manifest.json that dbt has written into its folder target")
    };
    let manifest: Value = serde_json::from_str(&text).map_err(|e| broken("is not JSON").caused_by(e))?;
    let nodes =
        manifest["nodes"].as_object().ok_or_else(|| broken("is no manifest of dbt: it has no nodes"))?;
    let is_table =
        |node: &&Value| node["resource_type"] == "model" && node["config"]["materialized"] != "ephemeral";
    let all: Vec<&Value> = nodes.values().filter(is_table).collect();
    let kind = manifest["metadata"]["adapter_type"].as_str().and_then(kinds::find);
    let usual = [DEFAULT.to_owned()];
    let mut chosen: Vec<&Value> = Vec::new();
    for text in if select.is_empty() { &usual[..] } else { select } {
        let meant: Vec<&Value> = all.iter().copied().filter(|node| is_meant(node, text)).collect();
        if meant.is_empty() {
            return Err(nothing(text, &all));
        }
        chosen.extend(meant);
    }
    let mut seen = std::collections::HashSet::new();
    chosen.retain(|node| seen.insert(name_of(node)));
    let dialect_words = kind.map_or(kinds::KINDS[0].starter.condition, |kind| kind.starter.condition);
    Ok(Manifest { kind, models: chosen.into_iter().map(|node| model(node, dialect_words)).collect() })
}

fn name_of(node: &Value) -> &str {
    node["name"].as_str().unwrap_or_default()
}

fn tags(node: &Value) -> Vec<String> {
    let tags = node["tags"].as_array().into_iter().flatten();
    tags.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn is_meant(node: &Value, text: &str) -> bool {
    match text.strip_prefix("tag:") {
        Some(tag) => tags(node).iter().any(|own| fits(tag, own)),
        None => fits(text, name_of(node)),
    }
}

fn nothing(text: &str, all: &[&Value]) -> Error {
    let mut names: Vec<&str> = all.iter().map(|node| name_of(node)).collect();
    names.sort_unstable();
    let more = if names.len() > 10 { ", …" } else { "" };
    names.truncate(10);
    Error::new(Code::NoSuchSyncOrRun, format!("no model of the dbt project is meant by {text:?}")).help(
        format!(
            "choose with --select NAME, a pattern, or tag:NAME; the models are {}{more}",
            names.join(", ")
        ),
    )
}

fn model(node: &Value, condition: &str) -> Model {
    let columns: Vec<(&str, &str)> = node["columns"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, column)| (name.as_str(), column["description"].as_str().unwrap_or_default()))
        .collect();
    let usual = |names: &[&str]| {
        let is = |name: &&str| columns.iter().find(|(column, _)| column.eq_ignore_ascii_case(name));
        names.iter().find_map(is).map(|(column, _)| *column)
    };
    let event = usual(&EVENTS);
    let call_type = if event.is_some() { CallType::Track } else { CallType::Identify };
    let known = [(usual(&IDENTIFIERS), "\"userId\""), (event, "event")];
    let mut query = String::new();
    comment(&mut query, &format!("The dbt model {}.", name_of(node)));
    comment(&mut query, node["description"].as_str().unwrap_or_default());
    if known[0].0.is_none() {
        comment(
            &mut query,
            "No column has a usual name of an identifier: name the one that is it AS \"userId\".",
        );
    }
    query.push_str("SELECT\n");
    let mut lines: Vec<String> = columns
        .iter()
        .map(|(column, description)| {
            let renamed = known.iter().find(|(from, _)| *from == Some(column)).map(|(_, to)| *to);
            let renamed = renamed.filter(|to| to.trim_matches('"') != *column);
            let name = quoted(column);
            let text = renamed.map_or_else(|| name.clone(), |to| format!("{name} AS {to}"));
            (text, description)
        })
        .enumerate()
        .map(|(n, (text, description))| {
            let comma = if n.saturating_add(1) < columns.len() { "," } else { "" };
            let description = one_line(description);
            let note = if description.is_empty() { String::new() } else { format!("  -- {description}") };
            format!("  {text}{comma}{note}\n")
        })
        .collect();
    if lines.is_empty() {
        lines.push(
            "  *  -- the manifest documents no columns: name them, the identifier AS \"userId\"\n".to_owned(),
        );
    }
    query.extend(lines);
    let _ = writeln!(query, "FROM {}", relation(node));
    match usual(&CHANGED) {
        Some(column) => {
            // The starter's condition is of the form `column >= {{last_sync_time}}`.
            let rest = condition.split_once(' ').map_or(condition, |(_, rest)| rest);
            let _ = writeln!(query, "WHERE {} {rest}", quoted(column));
        }
        None => comment(
            &mut query,
            "No column has a usual name of a time of change: each run reads everything, and what is unchanged is not sent.",
        ),
    }
    Model {
        name: name_of(node).to_owned(),
        description: one_line(node["description"].as_str().unwrap_or_default()),
        tags: tags(node),
        call_type,
        query,
    }
}

fn comment(query: &mut String, text: &str) {
    let text = one_line(text);
    if !text.is_empty() {
        let _ = writeln!(query, "-- {text}");
    }
}

/// A text of the manifest on one line, so that it ends no comment.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The table of a model: `relation_name` is written with quotes by dbt, without its database.
fn relation(node: &Value) -> String {
    let schema = node["schema"].as_str().unwrap_or_default();
    let table = node["alias"].as_str().unwrap_or_else(|| name_of(node));
    if schema.is_empty() { quoted(table) } else { format!("{}.{}", quoted(schema), quoted(table)) }
}

/// A name in a query, in quotes where it needs them: dbt writes the names of columns as people do,
/// and a database folds their case.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let plain = name.chars().all(is_plain) && name.starts_with(|c: char| !c.is_ascii_digit());
    if plain && !RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        return name.to_owned();
    }
    let name = if plain { name.to_ascii_lowercase() } else { name.replace('"', "\"\"") };
    format!("\"{name}\"")
}

/// Words that are no names without quotes, in PostgreSQL or Redshift.
const RESERVED: [&str; 60] = [
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "authorization",
    "between",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "constraint",
    "create",
    "cross",
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "for",
    "foreign",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "in",
    "inner",
    "intersect",
    "into",
    "is",
    "join",
    "left",
    "like",
    "limit",
    "natural",
    "not",
    "null",
    "offset",
    "on",
    "or",
    "order",
    "primary",
    "right",
    "select",
    "table",
    "user",
    "where",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(models: &Value) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = json!({ "metadata": { "adapter_type": "postgres" }, "nodes": models }).to_string();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn shop() -> tempfile::NamedTempFile {
        manifest(&json!({
            "model.shop.customers": {
                "resource_type": "model", "name": "customers", "alias": "dim_customers", "schema": "marts",
                "description": "People\nwho bought", "tags": ["outflow", "crm"], "config": { "materialized": "table" },
                "columns": {
                    "customer_id": { "name": "customer_id", "description": "Who" },
                    "Order": { "name": "Order", "description": "" },
                    "odd name": { "name": "odd name", "description": "" },
                    "updated_at": { "name": "updated_at", "description": "" },
                },
            },
            "model.shop.events": {
                "resource_type": "model", "name": "events", "schema": "marts", "description": "", "tags": ["crm"],
                "config": { "materialized": "incremental" },
                "columns": { "user_id": {}, "event_name": {}, "occurred_at": {} },
            },
            "model.shop.part": {
                "resource_type": "model", "name": "part", "tags": ["crm"], "config": { "materialized": "ephemeral" },
            },
            "test.shop.x": { "resource_type": "test", "name": "x" },
        }))
    }

    #[test]
    fn a_model_becomes_a_query_that_names_its_columns() {
        let found = read(shop().path(), &[]).unwrap();
        assert_eq!(found.kind.map(|kind| kind.name), Some("postgres"));
        let names: Vec<&str> = found.models.iter().map(|model| model.name.as_str()).collect();
        assert_eq!(names, ["customers"], "those with the tag outflow");
        let expected = "-- The dbt model customers.\n-- People who bought\nSELECT\n  \
             customer_id AS \"userId\",  -- Who\n  \"order\",\n  \"odd name\",\n  updated_at\n\
             FROM marts.dim_customers\nWHERE updated_at ";
        let query = &found.models[0].query;
        assert!(query.starts_with(expected), "{query}");
        assert!(query.contains("{{last_sync_time"), "{query}");
    }

    #[test]
    fn models_are_chosen_by_name_pattern_and_tag() {
        let file = shop();
        let chosen = |select: &[&str]| {
            let select: Vec<String> = select.iter().map(|s| (*s).to_owned()).collect();
            read(file.path(), &select)
                .map(|found| found.models.into_iter().map(|m| m.name).collect::<Vec<_>>())
        };
        assert_eq!(chosen(&["tag:crm"]).unwrap(), ["customers", "events"]);
        assert_eq!(chosen(&["ev*", "events"]).unwrap(), ["events"]);
        let error = chosen(&["part"]).unwrap_err();
        assert_eq!(error.code(), Code::NoSuchSyncOrRun, "an ephemeral model is no table");
        assert!(error.help_text().unwrap().contains("customers, events"));
        let events = read(file.path(), &["events".to_owned()]).unwrap();
        assert_eq!(events.models[0].call_type, CallType::Track);
        assert!(events.models[0].query.contains("event_name AS event"), "{}", events.models[0].query);
    }

    #[test]
    fn what_is_no_manifest_is_said() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[]").unwrap();
        assert_eq!(read(file.path(), &[]).err().unwrap().code(), Code::InvalidYaml);
        assert_eq!(read(Path::new("/nowhere.json"), &[]).err().unwrap().code(), Code::ProjectFileUnreadable);
    }
}
