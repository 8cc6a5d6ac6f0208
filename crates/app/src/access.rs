//! Whether the account may read what the project's queries name, and the statement that lets it.

use std::time::Instant;

use outflow_core::{Code, Error, SyncSpec};
use outflow_engine::authoring::advise;
use outflow_project::{Database, Project};
use outflow_query::Query;
use outflow_warehouse::quoted;
use serde_json::Map;

use crate::check::CheckDocument;
use crate::findings::Finding;
use crate::wiring;

/// What a refusal of the server begins with; the kind of thing and its name follow.
const DENIED: &str = "permission denied for ";

/// Plans the query of each sync that reads this database. `None`: no sync reads it.
pub(crate) async fn check(project: &Project, database: &Database) -> Option<CheckDocument> {
    let reads = |s: &&SyncSpec| s.source == database.source && s.database == database.name;
    let syncs: Vec<&SyncSpec> = project.syncs.iter().filter(reads).collect();
    if syncs.is_empty() {
        return None;
    }
    let (began, mut problems, mut refused) = (Instant::now(), Vec::new(), 0_usize);
    for spec in &syncs {
        let planned = match wiring::open(project, database) {
            Ok(warehouse) => advise::plan(spec, warehouse.as_ref()).await,
            Err(error) => Err(error.into()),
        };
        let Err(errors) = planned else { continue };
        refused = refused.saturating_add(1);
        problems.extend(
            errors.0.into_iter().map(|e| Finding::of_sync(spec, with_grant(e, spec, database)).error),
        );
    }
    let good = syncs.len().saturating_sub(refused);
    let summary = match (good, syncs.len()) {
        (1, 1) => "the query of the one sync can be planned".to_owned(),
        (good, all) if good == all => format!("the queries of all {all} syncs can be planned"),
        (good, all) => format!("the queries of {good} of {all} syncs can be planned"),
    };
    Some(CheckDocument::new("syncs", summary, problems, began.elapsed(), Map::new()))
}

/// With the statement that gives the account what it lacks, as far as the server says what that is.
pub(crate) fn with_grant(error: Error, spec: &SyncSpec, database: &Database) -> Error {
    if error.code() != Code::PermissionDenied {
        return error;
    }
    match grant(&error, spec, database) {
        Some(grant) => error.help(format!("an administrator lets it: {grant}")),
        None => error,
    }
}

fn grant(error: &Error, spec: &SyncSpec, database: &Database) -> Option<String> {
    let said = error.quoted()?.reveal();
    let (kind, name) = said.split_once(DENIED)?.1.split_once(' ')?;
    // "materialized view x"; a hint or a number may follow.
    let (kind, name) = match (kind, name.split_once(' ')) {
        ("materialized" | "foreign", Some((_, name))) => ("table", name),
        _ => (kind, name),
    };
    let name = name.split([' ', '.', '(']).next()?.trim_matches('"');
    let user = quoted(database.settings.user()?);
    if kind == "schema" {
        return Some(format!("GRANT USAGE ON SCHEMA {} TO {user};", quoted(name)));
    }
    // The server leaves the schema out; the query may have it.
    let schema = Query::parse(&spec.query, spec.dialect).ok()?.schema_of(name).map(str::to_owned);
    let table = match schema {
        Some(schema) => format!("{}.{}", quoted(&schema), quoted(name)),
        None => quoted(name),
    };
    Some(format!("GRANT SELECT ON TABLE {table} TO {user};"))
}
