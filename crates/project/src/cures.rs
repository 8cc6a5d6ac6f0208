//! The cure for a value that is wrong: what its author most likely means, as it has to be written.
//!
//! What always holds: a value that came through a reference is not shown. What it does not do:
//! decide whether a value is right.

use outflow_core::schema::Kind;
use outflow_engine::schedule::Cron;

use super::tree::{Node, Value};
use super::units;

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

/// What to write in place of a value that does not fit: what is wrong, and the cure.
pub(super) fn cure(node: &Node, name: &str, kind: &Kind) -> (String, String) {
    let wanted = kind.expected();
    let written = &node.written.text;
    let shown = |text: &str| text.chars().take(60).collect::<String>();
    let meant = if node.referenced { None } else { meant(node, name, kind) };
    let help = meant.unwrap_or_else(|| format!("write {wanted}"));
    let found = match &node.value {
        Value::Null => "is empty".to_owned(),
        Value::Text(text) if !node.referenced => format!("cannot be {:?}", shown(text)),
        Value::Whole(number) if !node.referenced && is_one_number(kind) => {
            let only = wanted.trim_start_matches("the number ");
            return (format!("is {number}, and this Outflow knows {name} {only} alone"), help);
        }
        Value::Whole(_) | Value::Decimal(_) | Value::Flag(_) if matches!(kind, Kind::Text | Kind::Path) => {
            let yaml = if matches!(node.value, Value::Flag(_)) { "a truth value" } else { "a number" };
            return (
                format!("must be a text, and {} is {yaml} in YAML", shown(written)),
                format!("put quotes around it: \"{}\"", shown(written)),
            );
        }
        Value::Whole(_) | Value::Decimal(_) | Value::Flag(_) if !node.referenced => {
            format!("cannot be {}", shown(written))
        }
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
        _ if name == "schedule" => Some(schedule(written)),
        Kind::Duration { min, max } => match node.value {
            Value::Whole(_) | Value::Decimal(_) => Some(format!(
                "{written} what? Write {written}m for minutes, {written}s, {written}h or {written}d"
            )),
            _ => {
                let fits = |text: &String| {
                    units::duration(text).is_some_and(|d| (*min..=*max).contains(&d.as_secs()))
                };
                duration(written).filter(fits).map(|duration| format!("write {duration}"))
            }
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
        Kind::List(_) => match node.value {
            Value::Text(_) | Value::Whole(_) => Some(format!("write a list: {name}: [{written}]")),
            _ => None,
        },
        Kind::Either(kinds) => {
            let cures = kinds.iter().filter(|k| !matches!(k, Kind::Table(_)));
            cures.filter_map(|kind| meant(node, name, kind)).next()
        }
        _ => None,
    }
}

/// The table that a text means that stands in place of a schedule.
fn schedule(written: &str) -> String {
    let plain = written.trim_matches(['"', '\'']).trim();
    if plain.split_whitespace().count() == 5 && Cron::parse(plain, "UTC").is_ok() {
        return format!("write schedule: {{ cron: \"{plain}\" }}");
    }
    let word = plain.trim_start_matches('@').to_ascii_lowercase();
    let cron = match word.as_str() {
        "hourly" => Some("0 * * * *"),
        "daily" | "midnight" | "nightly" => Some("0 0 * * *"),
        "weekly" => Some("0 0 * * 1"),
        "monthly" => Some("0 0 1 * *"),
        _ => None,
    };
    if let Some(cron) = cron {
        return format!("write schedule: {{ cron: \"{cron}\" }}");
    }
    if plain.bytes().all(|b| b.is_ascii_digit()) && !plain.is_empty() {
        return format!("{plain} what? Write schedule: {{ every: {plain}m }} for minutes");
    }
    match duration(plain).or_else(|| units::duration(plain).map(|_| plain.to_owned())) {
        Some(every) => format!("write schedule: {{ every: {every} }}"),
        None => "write schedule: { every: 15m }, schedule: { cron: \"0 9 * * *\" }, or schedule: manual"
            .to_owned(),
    }
}

/// `15 minutes`, `1 hour`, `every 2 days` and the like as a duration.
fn duration(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let plain = lower.trim_start_matches("every").trim();
    let digits = plain.find(|c: char| !c.is_ascii_digit()).unwrap_or(plain.len());
    let (number, unit) = plain.split_at(digits);
    let number = if number.is_empty() { "1" } else { number };
    let number: u64 = number.parse().ok()?;
    let (number, unit) = match unit.trim().trim_end_matches('.') {
        "s" | "sec" | "secs" | "second" | "seconds" => (number, "s"),
        "m" | "min" | "mins" | "minute" | "minutes" => (number, "m"),
        "h" | "hr" | "hrs" | "hour" | "hours" => (number, "h"),
        "d" | "day" | "days" => (number, "d"),
        "w" | "week" | "weeks" => (number.checked_mul(7)?, "d"),
        _ => return None,
    };
    Some(format!("{number}{unit}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_that_is_written_as_a_text_is_shown_as_a_table() {
        for (written, table) in [
            ("15m", "{ every: 15m }"),
            ("1h30m", "{ every: 1h30m }"),
            ("15 minutes", "{ every: 15m }"),
            ("every 2 hours", "{ every: 2h }"),
            ("every day", "{ every: 1d }"),
            ("1 week", "{ every: 7d }"),
            ("*/15 * * * *", "{ cron: \"*/15 * * * *\" }"),
            ("0 9 * * MON-FRI", "{ cron: \"0 9 * * MON-FRI\" }"),
            ("hourly", "{ cron: \"0 * * * *\" }"),
            ("@daily", "{ cron: \"0 0 * * *\" }"),
            ("15", "{ every: 15m }"),
            ("sometimes", "{ every: 15m }, schedule: { cron: \"0 9 * * *\" }, or schedule: manual"),
        ] {
            let told = schedule(written);
            assert!(told.contains(&format!("schedule: {table}")), "{written}: {told}");
        }
    }
}
