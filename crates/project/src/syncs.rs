//! Syncs: what is read, when, and where it goes.

use std::time::Duration;

use outflow_core::sync::Schedule;
use outflow_core::{Budget, CallType, Code, Connection, FirstRun, Guards, Nulls, OnInvalidValue, SyncSpec};
use outflow_engine::schedule::Cron;

use super::document::{Key, Node, Value};
use super::sources::{Source, Sources};
use super::{Problems, cures, ids, query_text, suggestion, zones};

/// Longer than most transactions that write take, and short enough that reading it again costs
/// little. Where open transactions can be seen, they count in addition.
const LOOKBACK: Duration = Duration::from_secs(300);
/// A transaction that is open for longer is rather forgotten than a load.
const LOOKBACK_MAX: Duration = Duration::from_secs(3_600);

pub(super) fn read(
    entries: &[(&Key, &Node)],
    sources: &Sources<'_>,
    known: &[&str],
    (id, max_run_bytes): (Option<&str>, Option<&Node>),
    problems: &mut Problems,
) -> Vec<SyncSpec> {
    for list in sources.all.iter().filter_map(|s| s.destinations) {
        connections(list, Nulls::default(), known, problems);
    }
    let mut syncs = Vec::new();
    for (key, node) in entries.iter().filter(|(_, n)| matches!(n.value, Value::Table(_))) {
        let origin = node.get("source").and_then(|s| origin(s, sources, problems));
        let dialect = origin.and_then(|(source, _)| source.kind).map(|kind| kind.dialect);
        let query = node.get("query").and_then(|q| query_text::read(&key.name, q, dialect, problems));
        let schedule = schedule(node.get("schedule"), problems);
        let connections = destinations(key, node, origin.map(|(source, _)| source), known, problems);
        let text = |key: &str| node.get(key).and_then(Node::text);
        let ids = ids::of_sync(id, key, node, entries, problems);
        let (Some((source, database)), Some(dialect), Some(query), Some(call_type)) =
            (origin, dialect, query, text("type").and_then(CallType::from_name))
        else {
            continue;
        };
        syncs.push(SyncSpec {
            name: key.name.clone(),
            description: text("description").unwrap_or_default().to_owned(),
            tags: node
                .get("tags")
                .map(Node::items)
                .unwrap_or_default()
                .iter()
                .filter_map(Node::text)
                .map(str::to_owned)
                .collect(),
            source: source.name.to_owned(),
            database: database.to_owned(),
            dialect,
            call_type,
            query,
            schedule,
            connections,
            lookback: node.get("lookback").and_then(Node::duration).unwrap_or(LOOKBACK),
            lookback_max: node.get("lookback_max").and_then(Node::duration).unwrap_or(LOOKBACK_MAX),
            cursor: text("cursor").map(str::to_owned),
            ids,
            on_invalid_value: match text("on_invalid_value") {
                Some("reject_row") => OnInvalidValue::RejectRow,
                _ => OnInvalidValue::OmitField,
            },
            first_run: first_run(text("first_run")),
            enabled: node.get("enabled").and_then(Node::flag).unwrap_or(true),
            query_timeout: node.get("query_timeout").and_then(Node::duration),
            max_run_bytes: node.get("max_run_bytes").or(max_run_bytes).and_then(Node::size),
            guards: node.get("guards").map(guards).unwrap_or_default(),
        });
    }
    syncs
}

fn guards(node: &Node) -> Guards {
    let percent = |key: &str| node.get(key)?.whole().and_then(|n| u8::try_from(n).ok());
    Guards {
        max_rows: node.get("max_rows").and_then(Node::count),
        max_rejected_percent: percent("max_rejected_percent"),
        max_row_change: node.get("max_row_change").and_then(Node::count),
        hold_columns: node.get("columns").and_then(Node::text) == Some("hold"),
        max_null_identifier_percent: percent("max_null_identifier_percent"),
        budget: Budget {
            per_day: node.get("max_calls_per_day").and_then(Node::count),
            per_month: node.get("max_calls_per_month").and_then(Node::count),
        },
    }
}

/// The source and the database of `warehouse.main` or `warehouse`.
fn origin<'s, 'a>(
    node: &Node,
    sources: &'s Sources<'a>,
    problems: &mut Problems,
) -> Option<(&'s Source<'a>, &'a str)> {
    let text = node.text()?;
    let (name, database) = match text.split_once('.') {
        Some((name, database)) => (name, Some(database)),
        None => (text, None),
    };
    let Some(source) = sources.all.iter().find(|s| s.name == name) else {
        let names: Vec<_> = sources.all.iter().map(|s| s.name).collect();
        let help = suggestion(name, "the sources are", &names);
        problems.add(&node.place, Code::UnknownReference, format!("there is no source {name:?}"), help);
        return None;
    };
    match (database, source.databases.as_slice()) {
        (None, [only]) => Some((source, only)),
        // A source without databases was reported already.
        (_, []) => None,
        (None, [first, ..]) => {
            let message = format!("source {name:?} has several databases");
            let help = format!("say which: `source: {name}.{first}`");
            problems.add(&node.place, Code::InvalidValue, message, help);
            None
        }
        (Some(wanted), known) => match known.iter().find(|d| **d == wanted) {
            Some(found) => Some((source, found)),
            None => {
                let help = suggestion(wanted, "its databases are", known);
                let message = format!("source {name:?} has no database {wanted:?}");
                problems.add(&node.place, Code::UnknownReference, message, help);
                None
            }
        },
    }
}

/// The schedule that the key `schedule` says.
pub(super) fn schedule(node: Option<&Node>, problems: &mut Problems) -> Schedule {
    let Some(node) = node.filter(|n| matches!(n.value, Value::Table(_))) else { return Schedule::Manual };
    let (every, cron) = (node.get("every"), node.get("cron"));
    let text = |key: &str| node.get(key).and_then(Node::text);
    match (every, cron) {
        (None, None) => {
            let help = "write `schedule: { every: 15m }`, `schedule: { cron: \"0 9 * * 1-5\" }`, or `schedule: manual`";
            problems.add(&node.place, Code::MissingKey, "the schedule does not say how often", help);
            Schedule::Manual
        }
        (Some(every), Some(cron)) => {
            let help = format!("keep one of them; the other is at {}", every.place);
            problems.add(&cron.place, Code::ConflictingOptions, "a schedule is either every or cron", help);
            Schedule::Manual
        }
        (None, Some(cron)) => calendar(cron, node, problems),
        (Some(every), None) => {
            if let Some(zone) = node.get("timezone") {
                let help = "take it out: intervals are counted in UTC";
                problems.add(&zone.place, Code::ConflictingOptions, "a time zone belongs to cron", help);
            }
            let start = text("start").filter(|s| *s != "now").and_then(|s| crate::when::parse(s).ok());
            every.duration().map_or(Schedule::Manual, |every| Schedule::Every { every, start })
        }
    }
}

fn calendar(cron: &Node, node: &Node, problems: &mut Problems) -> Schedule {
    if let Some(start) = node.get("start").filter(|s| s.text() != Some("now")) {
        let help = "take it out: a calendar says its times itself";
        problems.add(&start.place, Code::ConflictingOptions, "a start belongs to every", help);
    }
    let zone = node.get("timezone").and_then(Node::text).unwrap_or("UTC");
    let Some(text) = cron.text() else { return Schedule::Manual };
    if let Some(node) = node.get("timezone")
        && Cron::parse("0 0 * * *", zone).is_err()
    {
        let message = format!("{zone:?} is no time zone");
        problems.add(&node.place, Code::InvalidValue, message, zones::cure(zone));
    }
    if let Err(message) = Cron::parse(text, "UTC") {
        let help = match cron.referenced {
            true => {
                "five fields, for example \"0 9 * * MON-FRI\": minute hour day-of-month month day-of-week"
                    .into()
            }
            false => cures::schedule::of_cron_key(text),
        };
        problems.add(&cron.place, Code::InvalidValue, message, help);
    }
    Schedule::Cron { cron: text.to_owned(), timezone: zone.to_owned() }
}

fn first_run(text: Option<&str>) -> FirstRun {
    match text {
        Some("now") => FirstRun::Now,
        Some(time) => crate::when::parse(time).map_or(FirstRun::Beginning, FirstRun::At),
        None => FirstRun::Beginning,
    }
}

/// Where a sync's calls go: its own list, or else its source's.
fn destinations(
    key: &Key,
    sync: &Node,
    source: Option<&Source<'_>>,
    known: &[&str],
    problems: &mut Problems,
) -> Vec<Connection> {
    let default = nulls(sync).unwrap_or_default();
    let own = sync.get("destinations");
    let list = own.or_else(|| source.and_then(|s| s.destinations));
    let is_empty = |list: &Node| matches!(&list.value, Value::List(items) if items.is_empty());
    if list.map_or(source.is_some(), is_empty) {
        let help = "list destinations at its source, or here: `destinations: [NAME]`";
        problems.add(&sync.place, Code::MissingKey, format!("sync {:?} has no destination", key.name), help);
    }
    // The source's list has been checked with the source.
    let mut checked = Problems::default();
    let problems = if own.is_some() { problems } else { &mut checked };
    list.map(|list| connections(list, default, known, problems)).unwrap_or_default()
}

/// Reads and checks a list of connections.
fn connections(list: &Node, default: Nulls, known: &[&str], problems: &mut Problems) -> Vec<Connection> {
    let mut connections: Vec<Connection> = Vec::new();
    for item in list.items() {
        let named = item.get("name").unwrap_or(item);
        let Some(name) = named.text() else { continue };
        if !known.contains(&name) {
            let help = suggestion(name, "the destinations are", known);
            problems.add(
                &named.place,
                Code::UnknownReference,
                format!("there is no destination {name:?}"),
                help,
            );
        }
        if connections.iter().any(|c| c.destination == name) {
            let message = format!("destination {name:?} is in the list twice");
            problems.add(&named.place, Code::DuplicateName, message, "keep one of them");
        }
        connections.push(Connection { destination: name.to_owned(), nulls: nulls(item).unwrap_or(default) });
    }
    connections
}

fn nulls(node: &Node) -> Option<Nulls> {
    match node.get("nulls")?.text()? {
        "omit" => Some(Nulls::Omit),
        _ => Some(Nulls::Send),
    }
}
