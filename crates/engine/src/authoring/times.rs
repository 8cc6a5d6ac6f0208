//! What is said about times that lose their zone, and about declarations with which SQLite converts
//! what is stored: Q114, Q115, Q117.

use std::time::Duration;

use outflow_core::{Code, Column, ColumnType, Dialect, Timestamp};
use outflow_query::Query;
use outflow_query::lint::{Comparison, Finding, Known};

use crate::zones;

/// Clocks differ by this much without anything being wrong.
const AHEAD: i64 = 300;
/// A table in which something changes at least this often is not late.
const LATE: i64 = 3_600;

/// The findings about the columns of a query. `zone`: the database keeps its local time. `select`:
/// the bytes of the word SELECT.
pub(super) fn findings<'a>(
    query: &Query,
    zone: Option<&str>,
    compared: impl Iterator<Item = (&'a Comparison, &'a Option<Known>)>,
    columns: &[Column],
    select: (usize, usize),
) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(zone) = zone {
        found.extend(local(query, zone, compared, columns, select));
    }
    for local in query.zone_conversions().into_iter().filter(|time| !time.is_utc()) {
        let Some(column) = columns.get(local.index) else { continue };
        if !local.is_certain && column.ty != ColumnType::Timestamp {
            continue;
        }
        let message = format!(
            "{} makes {} the local time of {}, which is sent as if it were UTC",
            local.how, column.name, local.zone
        );
        let help = "select the time as it is: it is sent in UTC, and destinations convert it; or make a text \
                    of it with TO_CHAR";
        found.push(Finding::new(Code::ConvertedToLocalTime, select.0, select.1, message, help));
    }
    found
}

fn local<'a>(
    query: &Query,
    zone: &str,
    compared: impl Iterator<Item = (&'a Comparison, &'a Option<Known>)>,
    columns: &[Column],
    select: (usize, usize),
) -> Option<Finding> {
    let is_timestamp =
        |known: &Option<Known>| known.as_ref().is_some_and(|known| known.column.ty == ColumnType::Timestamp);
    let compared: Vec<&Comparison> =
        compared.filter(|(c, known)| is_timestamp(known) && !query.compares_utc(c)).map(|(c, _)| c).collect();
    let converted = query.zone_conversions();
    let is_converted = |index: usize| converted.iter().any(|local| local.index == index);
    let mut names: Vec<&str> = compared.iter().map(|comparison| comparison.expression.as_str()).collect();
    for (index, column) in columns.iter().enumerate() {
        let bare = |name: &str| name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
        let is_named = names.iter().any(|name| bare(name) == bare(&column.name));
        if column.ty == ColumnType::Timestamp && !is_converted(index) && !is_named {
            names.push(&column.name);
        }
    }
    let first = *names.first()?;
    let (start, end) = compared.first().map_or(select, |comparison| (comparison.start, comparison.end));
    let help = zones::cure(query.dialect(), zone, first);
    Some(Finding::new(Code::LocalTimes, start, end, zones::says(zone, &names), help))
}

/// Whether the distance between a largest value and the clock is that of the database's zone from
/// UTC: then nothing is late, and nothing lies ahead.
pub(super) fn explains(
    zone: Option<&str>,
    known: &Known,
    largest: Timestamp,
    clock: Timestamp,
    lookback: Duration,
) -> bool {
    let Some(zone) = zone.filter(|_| known.column.ty == ColumnType::Timestamp) else { return false };
    let Some(offset) = zones::offset(zone, clock) else { return false };
    let behind = clock.as_second() - (largest.as_second() - offset);
    let late = LATE.max(i64::try_from(lookback.as_secs()).unwrap_or(i64::MAX));
    offset != 0 && (-AHEAD..=late).contains(&behind)
}

/// Columns of SQLite whose declaration makes numbers of the texts that are stored in them: what was
/// `007` is 7.
pub(super) fn converting_declarations(
    dialect: Dialect,
    columns: &[Column],
) -> impl Iterator<Item = (String, String)> {
    let is_sqlite = dialect == Dialect::Sqlite;
    columns.iter().filter(move |column| is_sqlite && converts(&column.declared)).map(|column| {
        let message = format!(
            "the column {} is declared as {}, with which SQLite stores texts of digits as numbers: 007 is 7",
            column.name, column.declared
        );
        let help = "if it holds codes or phone numbers, declare it as TEXT and load it again".to_owned();
        (message, help)
    })
}

/// Whether it names texts, and has not the affinity of texts.
fn converts(declared: &str) -> bool {
    let declared = declared.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    has(&["STRING", "UUID", "STR", "PHONE", "ZIP"]) && !has(&["CHAR", "CLOB", "TEXT", "BLOB"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_that_turn_texts_into_numbers_are_known() {
        for declared in ["STRING", "string", "UUID", "STR(20)"] {
            assert!(converts(declared), "{declared}");
        }
        for declared in ["TEXT", "VARCHAR(20)", "INTEGER", "no declared type", "DECIMAL(10,2)"] {
            assert!(!converts(declared), "{declared}");
        }
    }
}
