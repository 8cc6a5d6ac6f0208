//! Databases that keep local time.
//!
//! A timestamp without a zone is taken for UTC. In a database whose zone is another one, such
//! columns mostly hold that zone's wall clock: then times are sent hours off, and compared hours
//! off. What always holds: nothing is converted on such a guess; it is reported. What it does not
//! do: tell a column of UTC in such a database from one of local time.

use jiff::tz::TimeZone;
use outflow_core::ports::warehouse::Session;
use outflow_core::{Column, ColumnType, Dialect, Result, Timestamp};
use outflow_query::Query;

use crate::answered::answered;

/// The zone whose local time the database keeps; `None`: UTC, or it does not say.
///
/// # Errors
/// The connection broke.
pub(crate) async fn local(session: &mut dyn Session) -> Result<Option<String>> {
    Ok(session.time_zone().await?.filter(|name| !is_utc(name)))
}

/// Whether clocks in that zone always show UTC.
fn is_utc(name: &str) -> bool {
    const NAMES: [&str; 6] = ["utc", "gmt", "uct", "zulu", "universal", "greenwich"];
    let bare = name.strip_prefix("Etc/").unwrap_or(name).trim_end_matches(['0', '+', '-']);
    NAMES.iter().any(|utc| bare.eq_ignore_ascii_case(utc))
}

/// How far clocks in that zone are ahead of UTC then, in seconds.
pub(crate) fn offset(zone: &str, at: Timestamp) -> Option<i64> {
    let zone = TimeZone::get(zone).or_else(|_| TimeZone::posix(zone)).ok()?;
    Some(i64::from(zone.to_offset(at).seconds()))
}

/// The columns that are timestamps without a zone, but those that the query has converted.
pub(crate) fn without_zone<'a>(query: &Query, columns: &'a [Column]) -> impl Iterator<Item = &'a str> {
    let converted = query.zone_conversions();
    let is_converted = move |index: usize| converted.iter().any(|time| time.index == index);
    let without = columns
        .iter()
        .enumerate()
        .filter(move |(index, column)| column.ty == ColumnType::Timestamp && !is_converted(*index));
    without.map(|(_, column)| column.name.as_str())
}

/// What to say about the expressions that the query compares with the variable.
///
/// # Errors
/// The connection broke.
pub(crate) async fn compared(session: &mut dyn Session, query: &Query, zone: &str) -> Result<Option<String>> {
    let mut names = Vec::new();
    for comparison in query.comparisons() {
        let Some(probe) = &comparison.probe else { continue };
        if query.compares_utc(&comparison) {
            continue;
        }
        let columns = answered(session.describe(probe).await)?.unwrap_or_default();
        if columns.first().is_some_and(|column| column.ty == ColumnType::Timestamp) {
            names.push(comparison.expression);
        }
    }
    let sentence = |names: &[String]| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        format!("{}; {}", says(zone, &names), cure(query.dialect(), zone, names[0]))
    };
    Ok((!names.is_empty()).then(|| sentence(&names)))
}

/// That these columns are read as UTC.
pub(crate) fn says(zone: &str, names: &[&str]) -> String {
    let (have, are) = if names.len() == 1 { ("has", "is") } else { ("have", "are") };
    format!("this database keeps {zone}, and {} {have} no zone: it {are} read as UTC", names.join(", "))
        .replace("it are", "they are")
}

/// What to write for such a column.
pub(crate) fn cure(dialect: Dialect, zone: &str, name: &str) -> String {
    let conversion = match dialect {
        Dialect::Redshift => format!("CONVERT_TIMEZONE('{zone}', 'UTC', {name})"),
        Dialect::Postgres | Dialect::Sqlite => format!("{name} AT TIME ZONE '{zone}'"),
    };
    format!("write `{conversion}` in the select list and in the WHERE; if it does hold UTC, do nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_utc_are_known_and_no_others() {
        for name in ["UTC", "Etc/UTC", "GMT", "Etc/GMT0", "GMT+0", "Zulu", "utc", "Etc/Greenwich"] {
            assert!(is_utc(name), "{name}");
        }
        for name in ["America/New_York", "Europe/London", "Etc/GMT+5", "CET", "Asia/Tokyo"] {
            assert!(!is_utc(name), "{name}");
        }
        let at = "2026-11-24T00:00:00Z".parse().unwrap();
        assert_eq!(offset("America/New_York", at), Some(-18_000));
        assert_eq!(offset("Asia/Tokyo", at), Some(32_400));
        assert_eq!(offset("nowhere", at), None);
    }
}
