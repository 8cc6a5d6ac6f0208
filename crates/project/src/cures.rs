//! The cure for a value that is wrong: what its author most likely means, as it has to be written.
//!
//! What always holds: a value that came through a reference is not shown. What it does not do:
//! decide whether a value is right.

mod form;
pub(super) mod schedule;

use outflow_core::schema::Kind;

use super::tree::{Node, Value};

/// Names that other tools give to keys of ours.
const SYNONYMS: &[(&str, &str)] = &[
    ("sslmode", "ssl"),
    ("ssl_mode", "ssl"),
    ("tls", "ssl"),
    ("username", "user"),
    ("dbname", "database"),
    ("db", "database"),
    ("dbuser", "user"),
    ("pass", "password"),
    ("passwd", "password"),
    ("hostname", "host"),
    ("server", "host"),
    ("endpoint", "host"),
    ("address", "host"),
    ("file", "path"),
    ("sql", "query"),
    ("interval", "every"),
    ("frequency", "every"),
    ("tz", "timezone"),
    ("time_zone", "timezone"),
    ("dest", "destinations"),
    ("targets", "destinations"),
    ("target", "destinations"),
    ("models", "syncs"),
    ("connections", "sources"),
    ("unique_key", "event_key"),
    ("incremental_column", "cursor"),
    ("cursor_field", "cursor"),
];

/// The key that is meant by one of another tool.
pub(super) fn synonym(name: &str, known: &[&str]) -> Option<&'static str> {
    let plain = name.to_ascii_lowercase().replace('-', "_");
    let found = SYNONYMS.iter().find(|(other, ours)| *other == plain && known.contains(ours));
    found.map(|(_, ours)| *ours)
}

/// What stands elsewhere than its author thinks, and where: for a key of a kind of table.
pub(super) fn elsewhere(name: &str, of: &str) -> Option<&'static str> {
    let plain = name.to_ascii_lowercase().replace('-', "_");
    match (plain.as_str(), of) {
        ("schema" | "search_path" | "currentschema", of) if of.ends_with("database") => {
            Some("take it out, and write the schema in the queries: `FROM public.users`")
        }
        ("table" | "model", "a sync") => {
            Some("name the table in the query: `query: SELECT … FROM schema.table`")
        }
        ("timezone", "a sync") => {
            Some("write it beside cron: `schedule: { cron: \"0 9 * * *\", timezone: Europe/Berlin }`")
        }
        ("every" | "cron" | "interval", "a sync") => {
            Some("write it below schedule: `schedule: { every: 15m }` or `schedule: { cron: \"0 9 * * *\" }`")
        }
        _ => None,
    }
}

/// What to write in place of a value that does not fit: what is wrong, and the cure.
pub(super) fn cure(node: &Node, name: &str, kind: &Kind) -> (String, String) {
    let wanted = kind.expected();
    let written = &node.written.text;
    let shown = |text: &str| text.chars().take(60).collect::<String>();
    let meant = if node.referenced { None } else { meant(node, name, kind) };
    let help = meant.unwrap_or_else(|| form::of(node, name, kind));
    let found = match &node.value {
        Value::Null => "is empty".to_owned(),
        Value::Text(text) if !node.referenced => format!("cannot be {:?}", shown(text)),
        Value::Whole(number) if !node.referenced && is_one_number(kind) => {
            let only = wanted.trim_start_matches("the number ");
            return (format!("is {number}, and this Outflow knows {name} {only} alone"), help);
        }
        Value::Whole(_) | Value::Decimal(_) | Value::Flag(_) if !node.referenced => {
            format!("cannot be {}", shown(written))
        }
        Value::List(_) => "cannot be a list".to_owned(),
        Value::Table(_) => "cannot be a table".to_owned(),
        _ => "has a value of the wrong kind".to_owned(),
    };
    (found, help)
}

fn is_one_number(kind: &Kind) -> bool {
    matches!(kind, Kind::Whole { min, max } if min == max)
}

/// The right form of what is written.
fn meant(node: &Node, name: &str, kind: &Kind) -> Option<String> {
    let written = node.written.text.trim();
    match kind {
        _ if name == "schedule" && !matches!(node.value, Value::List(_) | Value::Table(_)) => {
            Some(schedule::cure(written))
        }
        Kind::Duration { min, max } => match node.value {
            Value::Whole(_) | Value::Decimal(_) => {
                let fits = |unit: &&&str| {
                    let seconds = schedule::seconds(&format!("{written}{unit}"));
                    seconds.is_some_and(|seconds| (*min..=*max).contains(&seconds))
                };
                let units: Vec<String> =
                    ["m", "s", "h", "d"].iter().filter(fits).map(|unit| format!("{written}{unit}")).collect();
                match &units[..] {
                    [minutes, others @ ..] if minutes.ends_with('m') => {
                        let others = others.join(", ");
                        let or = if others.is_empty() { String::new() } else { format!(", {others}") };
                        Some(format!("{written} what? Write {minutes} for minutes{or}"))
                    }
                    _ => None,
                }
            }
            Value::Text(_) => {
                let seconds = schedule::seconds(written).filter(|seconds| (*min..=*max).contains(seconds));
                match seconds {
                    Some(seconds) => Some(format!("write {}", schedule::written_out(seconds))),
                    // What is no interval is mostly a calendar.
                    None if name == "every" => Some(schedule::cure(written)),
                    None => None,
                }
            }
            _ => None,
        },
        Kind::Flag => {
            let flag = match written.to_ascii_lowercase().as_str() {
                "yes" | "on" | "y" | "1" | "true" => "true",
                "no" | "off" | "n" | "0" | "false" => "false",
                _ => return None,
            };
            Some(format!("write {flag}, without quotes"))
        }
        Kind::Whole { .. } => {
            let plain: String = written.chars().filter(|c| !"_, '".contains(*c)).collect();
            let number = plain.parse::<i64>().ok().or_else(|| {
                let float = plain.parse::<f64>().ok().filter(|f| f.fract() == 0.0 && f.abs() < 1e15)?;
                Some(float as i64)
            })?;
            (number.to_string() != written || matches!(node.value, Value::Text(_)))
                .then(|| format!("write {}: {number}", name))
                .filter(|_| !is_one_number(kind))
        }
        Kind::Size => size(written).filter(|size| size != written).map(|size| format!("write {size}")),
        Kind::Word(words) => {
            let plain = written.to_lowercase();
            let near = words.iter().map(|w| (strsim::osa_distance(&plain, w), w)).min()?;
            (near.0 <= (near.1.len() / 3).max(1)).then(|| format!("did you mean {:?}?", near.1))
        }
        Kind::List(_) => match &node.value {
            Value::Text(_) | Value::Whole(_) => Some(format!("write a list: {name}: [{written}]")),
            // Names with nothing behind them.
            Value::Table(entries) if entries.iter().all(|(_, value)| matches!(value.value, Value::Null)) => {
                let names: Vec<&str> = entries.iter().map(|(key, _)| key.name.as_str()).collect();
                Some(format!("write a list: {name}: [{}]", names.join(", ")))
            }
            _ => None,
        },
        Kind::Either(kinds) => {
            let cures = kinds.iter().filter(|k| !matches!(k, Kind::Table(_)));
            cures.filter_map(|kind| meant(node, name, kind)).next()
        }
        _ => None,
    }
}

/// `10g`, `500mb` as a size.
fn size(text: &str) -> Option<String> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "k" | "kb" => "KB",
        "m" | "mb" => "MB",
        "g" | "gb" => "GB",
        "t" | "tb" => "TB",
        "kib" => "KiB",
        "mib" => "MiB",
        "gib" => "GiB",
        "tib" => "TiB",
        _ => return None,
    };
    (!number.is_empty()).then(|| format!("{number}{unit}"))
}
