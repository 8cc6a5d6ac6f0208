//! What the names of a result's columns say before a run: fields under other names, and
//! destinations that refuse every such call.
//!
//! What always holds: a destination says itself what it refuses, and nothing is sent to it.

use std::collections::HashMap;

use outflow_core::outcome::Verdict;
use outflow_core::ports::destination::{Destination, Records};
use outflow_core::{CallMeta, CallType, Code, Column, Error, Nulls, SyncSpec, Timestamp};
use outflow_mapping::{Plan, name_hints, stand_ins};
use outflow_query::Query;
use outflow_query::lint::{Finding, Output, two_cases};

use super::subject::Subject;
use crate::extract::cursor::CursorTracker;
use crate::extract::identity::Identity;

/// The findings about names that the text has, if it names all columns.
pub(super) fn findings(subject: Subject<'_>, text: &str, output: &Output) -> Vec<Finding> {
    if !output.is_complete {
        return Vec::new();
    }
    let spec = subject.spec;
    let names: Vec<&str> = output.names.iter().map(String::as_str).collect();
    let mut found = Vec::new();
    for hint in name_hints(spec.call_type, &names) {
        let Some(&((start, end), is_alias)) = output.places.get(hint.column) else { continue };
        let finding = Finding::new(hint.code, start, end, hint.message, hint.help);
        found.push(match hint.name {
            Some(name) => finding.fixed_by(start, end, renamed(&text[start..end], &name, is_alias)),
            None => finding,
        });
    }
    let (start, end) = output.select;
    let refused = Plan::compile(spec.call_type, &columns_of(output)).map(|plan| refusals(subject, &plan));
    found.extend(refused.unwrap_or_default().into_iter().map(|error| {
        let help = error.help_text().unwrap_or_default();
        Finding::new(error.code(), start, end, error.message(), help)
    }));
    found
}

/// The same about the columns that a database gives, of those that the text does not name.
pub fn of_columns(subject: Subject<'_>, columns: &[Column]) -> Vec<Error> {
    let spec = subject.spec;
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let hints = name_hints(spec.call_type, &names).into_iter();
    let mut found: Vec<Error> =
        hints.map(|hint| Error::new(hint.code, hint.message).help(hint.help)).collect();
    if let Ok(plan) = Plan::compile(spec.call_type, columns) {
        found.extend(refusals(subject, &plan));
    }
    found
}

/// What the sync names and the result has not: its cursor, and what tells its events apart.
pub(super) fn missing(spec: &SyncSpec, query: &Query, columns: &[Column]) -> Vec<Error> {
    let cursor = spec.cursor.as_ref();
    let cursor = cursor.and_then(|name| CursorTracker::new(name, columns, Timestamp::UNIX_EPOCH, None).err());
    let plan = Plan::compile(spec.call_type, columns).ok();
    let key = plan.and_then(|plan| Identity::of(spec, query, &plan).err());
    cursor.into_iter().chain(key).collect()
}

/// What is said about columns of a database whose names differ in case alone, as the text says it
/// of those that it names.
pub(super) fn in_two_cases(call: CallType, columns: &[Column]) -> Vec<(String, &'static str)> {
    let mut seen: HashMap<String, &str> = HashMap::new();
    let mut found = Vec::new();
    for Column { name, .. } in columns {
        match seen.insert(name.to_ascii_lowercase(), name) {
            Some(first) if first != name && !outflow_mapping::same_field(call, first, name) => {
                found.push(two_cases(first, name));
            }
            _ => {}
        }
    }
    found
}

/// A fix of the error about a required column: the name of the column that may be meant.
pub(super) fn fixed(spec: &SyncSpec, text: &str, output: &Output, finding: Finding) -> Finding {
    let names: Vec<&str> = output.names.iter().map(String::as_str).collect();
    let fix = stand_ins(spec.call_type, &names).into_iter().find_map(|(column, field)| {
        let &((start, end), is_alias) = output.places.get(column)?;
        let help = format!("AS \"{field}\"");
        finding.help.ends_with(&help).then(|| (start, end, renamed(&text[start..end], field, is_alias)))
    });
    match fix {
        Some((start, end, replacement)) => finding.fixed_by(start, end, replacement),
        None => finding,
    }
}

/// Columns of which the names alone are known.
pub(super) fn columns_of(output: &Output) -> Vec<Column> {
    let column = |name: &String| Column {
        name: name.clone(),
        ty: outflow_core::ColumnType::Text,
        declared: String::new(),
    };
    output.names.iter().map(column).collect()
}

/// A name of the select list as it has to be.
fn renamed(written: &str, name: &str, is_alias: bool) -> String {
    if is_alias { format!("\"{name}\"") } else { format!("{written} AS \"{name}\"") }
}

/// What destinations refuse of every call of a plan.
fn refusals(subject: Subject<'_>, plan: &Plan) -> Vec<Error> {
    let mut found = Vec::new();
    for (name, destination) in subject.destinations {
        let Some(reason) = refusal(&**destination, &plan.certain_facts(), b"{}", Nulls::Send) else {
            continue;
        };
        let message = format!("the destination {name} refuses every call of this query: {reason}");
        let help = "select who the call is about, `… AS \"userId\"`, or send this sync elsewhere: `destinations: [NAME]`; \
                    otherwise each call is a dead letter";
        found.push(Error::new(Code::DestinationRefuses, message).help(help));
    }
    found
}

/// Why a destination refuses a call, if it does.
pub fn refusal(destination: &dyn Destination, meta: &CallMeta, json: &[u8], nulls: Nulls) -> Option<String> {
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    match destination.prepare(meta, json, nulls, &mut Records::new(&mut bytes, &mut ends)) {
        Verdict::Refuse(refusal) => Some(refusal.reason),
        Verdict::Send | Verdict::Filter => None,
    }
}

/// A warning about calls of a sample that a destination refuses.
pub fn refused(destination: &str, count: u64, of: u64, reason: &str) -> Error {
    let message = format!(
        "the destination {destination} refuses {count} of the {of} calls that were looked at: {reason}"
    );
    let help = "each of them would be a dead letter: leave such rows out, or fill what is missing";
    Error::new(Code::DestinationRefuses, message).help(help)
}
