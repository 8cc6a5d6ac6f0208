//! What is said about a comparison with the variable: Q010, Q011, Q102, Q112, Q203.
//!
//! `WHERE col >= {{last_sync_time}}` is right for a column of Unix seconds, an error for a
//! timestamp, and for a text it selects everything without a word: Redshift compares the number's
//! text. Without the column's type nothing can be said for sure.

use outflow_core::{Code, Column, ColumnType};

use super::comparison::{Around, Comparison, Value};
use super::{Finding, Lint};
use crate::dialect::TextComparison;
use crate::variable::Form;

/// What a database says about a [`Comparison`].
#[derive(Clone, Debug)]
pub struct Known {
    /// The expression as a column.
    pub column: Column,
    /// Its largest value, if it was asked for.
    pub largest: Option<String>,
}

/// Numbers from here on are milliseconds: as seconds they would be in the year 5138.
const MILLIS_FROM: f64 = 100_000_000_000.0;
/// Numbers from here on are Unix seconds (the year 1973) and no counters.
const SECONDS_FROM: f64 = 100_000_000.0;

/// What a type means for a comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Number,
    Moment,
    Day,
    Text,
}

fn class(column: &Column) -> Option<Class> {
    Some(match column.ty {
        ColumnType::Int | ColumnType::Numeric | ColumnType::Float => Class::Number,
        ColumnType::Timestamp | ColumnType::TimestampTz => Class::Moment,
        ColumnType::Date => Class::Day,
        ColumnType::Char => Class::Text,
        // `Text` is also the word for every type that has no better one.
        ColumnType::Text if matches!(column.declared.as_str(), "text" | "character varying" | "name") => {
            Class::Text
        }
        _ => return None,
    })
}

/// The findings about one comparison.
pub(super) fn judge(lint: &Lint<'_>, comparison: &Comparison, known: Option<&Known>) -> Vec<Finding> {
    let mut found: Vec<Finding> = around_column(lint, comparison).into_iter().collect();
    match known.map(|k| (k, class(&k.column))) {
        Some((known, Some(class))) => found.extend(typed(lint, comparison, known, class)),
        // A type that nothing can be said about.
        Some((_, None)) => {}
        None => found.extend(unknown(comparison)),
    }
    found
}

fn around_column(lint: &Lint<'_>, comparison: &Comparison) -> Option<Finding> {
    let around = comparison.around.as_ref()?;
    let Around { what, column, seconds } = around;
    let loses = if *seconds { lint.rules().epoch_note } else { "" };
    let message = format!(
        "{what} stands around {column}: the database has to convert every row before it can compare{loses}"
    );
    let help = format!(
        "compare the column itself and let the variable have its type: {column} >= {{{{last_sync_time | timestamp}}}}, or `date` or `millis`"
    );
    let finding =
        Finding::new(Code::FunctionAroundComparedColumn, comparison.start, comparison.end, message, help);
    let plain =
        comparison.value.form == Form::Plain && !comparison.value.reckoned && !comparison.value.quoted;
    let is_first = comparison.end <= comparison.value.start;
    if !(*seconds && plain && is_first) {
        return Some(finding);
    }
    let between = &lint.text()[comparison.end..comparison.value.start];
    let fixed = format!("{column}{between}{{{{last_sync_time | timestamp}}}}");
    Some(finding.fixed_by(comparison.start, comparison.value.end, fixed))
}

/// Without a type: a note, and only about a column as such.
fn unknown(comparison: &Comparison) -> Option<Finding> {
    if !comparison.is_column || comparison.value.form != Form::Plain {
        return None;
    }
    let column = &comparison.expression;
    let message =
        format!("{column} is compared with a Unix time in seconds, which is right if it holds Unix seconds");
    let help = "for a timestamp column write {{last_sync_time | timestamp}}, for dates {{last_sync_time | date}}, for milliseconds \
                {{last_sync_time | millis}}; a check with the database looks at the column's type";
    Some(Finding::new(Code::UnknownTypeComparedWithNumber, comparison.start, comparison.end, message, help))
}

fn typed(lint: &Lint<'_>, comparison: &Comparison, known: &Known, class: Class) -> Option<Finding> {
    let Value { form, quoted, .. } = comparison.value;
    let (column, declared) = (&comparison.expression, &known.column.declared);
    let number = matches!(form, Form::Plain | Form::Millis);
    match class {
        Class::Moment | Class::Day if number => {
            let filter = if class == Class::Day { "date" } else { "timestamp" };
            let message = format!(
                "{column} is a {declared}, and is compared with a number, which the database refuses"
            );
            let help = format!("give the value the column's type: {{{{last_sync_time | {filter}}}}}");
            Some(suggest(
                comparison,
                Code::TimestampComparedWithNumber,
                message,
                help,
                &format!("{{{{last_sync_time | {filter}}}}}"),
            ))
        }
        Class::Number if !number => {
            let outcome = lint.rules().number_with_time;
            let message = format!("{column} is a {declared}, and is compared with a time, {outcome}");
            let plain = if is_millis(known) { "{{last_sync_time | millis}}" } else { "{{last_sync_time}}" };
            let help = format!("give the value the column's type: {plain}");
            Some(suggest(comparison, Code::TimestampComparedWithNumber, message, help, plain))
        }
        Class::Number => unit(lint, comparison, known),
        Class::Day => day(lint, comparison),
        Class::Text => text(lint, comparison, known, number, quoted),
        Class::Moment => None,
    }
}

/// A finding whose cure is another form of the variable.
fn suggest(comparison: &Comparison, code: Code, message: String, help: String, form: &str) -> Finding {
    let finding = Finding::new(code, comparison.start, comparison.end, message, help);
    if comparison.value.reckoned {
        return finding.also("take the arithmetic away: `lookback` in the sync does the same");
    }
    finding.fixed_by(comparison.value.start, comparison.value.end, form.to_owned())
}

fn number(known: &Known) -> Option<f64> {
    known.largest.as_deref()?.trim().parse().ok()
}

fn is_millis(known: &Known) -> bool {
    number(known).is_some_and(|n| n >= MILLIS_FROM)
}

/// Seconds and milliseconds mixed up. With a cursor the value has the column's own unit.
fn unit(lint: &Lint<'_>, comparison: &Comparison, known: &Known) -> Option<Finding> {
    let largest = number(known).filter(|_| lint.context.cursor.is_none())?;
    let column = &comparison.expression;
    match comparison.value.form {
        Form::Plain if largest >= MILLIS_FROM => {
            let message = format!(
                "{column} holds Unix milliseconds, and is compared with seconds: every row is read in every run"
            );
            let form = "{{last_sync_time | millis}}";
            Some(suggest(
                comparison,
                Code::UnknownTypeComparedWithNumber,
                message,
                format!("write {form}"),
                form,
            ))
        }
        Form::Millis if (SECONDS_FROM..MILLIS_FROM).contains(&largest) => {
            let message = format!(
                "{column} holds Unix seconds, and is compared with milliseconds: no row is read after the first run"
            );
            let form = "{{last_sync_time}}";
            Some(suggest(
                comparison,
                Code::UnknownTypeComparedWithNumber,
                message,
                format!("write {form}"),
                form,
            ))
        }
        _ => None,
    }
}

/// A date stands for midnight: rows of the day in which the previous run began can come after it.
fn day(lint: &Lint<'_>, comparison: &Comparison) -> Option<Finding> {
    const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
    if lint.context.lookback >= DAY {
        return None;
    }
    let column = &comparison.expression;
    let message = format!(
        "{column} is a date, which says nothing of the time of day: rows that come later on the day of a run are missed"
    );
    match (comparison.value.form, comparison.value.greater) {
        (Form::Timestamp, _) => {
            let form = "{{last_sync_time | date}}";
            let help = format!("compare with the day: {column} >= {form}");
            Some(suggest(comparison, Code::LateRows, message, help, form))
        }
        (Form::Date, Some((start, end))) => {
            let help = format!("take that day in again: {column} >= {{{{last_sync_time | date}}}}");
            let finding = Finding::new(Code::LateRows, comparison.start, comparison.end, message, help);
            Some(finding.fixed_by(start, end, ">=".to_owned()))
        }
        _ => None,
    }
}

fn text(
    lint: &Lint<'_>,
    comparison: &Comparison,
    known: &Known,
    number: bool,
    quoted: bool,
) -> Option<Finding> {
    let (column, declared) = (&comparison.expression, &known.column.declared);
    let sample = known.largest.as_deref();
    let digits = sample.is_some_and(|s| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit()));
    let written = sample.and_then(|s| match s.as_bytes() {
        [_, _, _, _, b'-', _, _, b'-', _, _, b' ', ..] => Some("'{{last_sync_time | timestamp}}'"),
        [_, _, _, _, b'-', _, _, b'-', _, _] => Some("'{{last_sync_time | date}}'"),
        _ if digits && s.len() == 10 => Some("'{{last_sync_time}}'"),
        _ => None,
    });
    let help = "quotes make the value a text like the column, so that no row has to be converted: '{{last_sync_time | timestamp}}' for texts \
                like 2026-01-31 10:00:00 in UTC, '{{last_sync_time | date}}' for dates, '{{last_sync_time}}' for ten digits of Unix seconds; \
                a cast of the column is slow, since it spoils sort keys and indexes";
    let message = match (lint.rules().text_comparison, number) {
        // Two texts: wrong if the one is a number and the other is not.
        (_, true) if quoted => {
            if sample.is_none() || digits {
                return None;
            }
            format!(
                "{column} holds texts that are no numbers, and is compared with the text of a number: every row is read in every run"
            )
        }
        (_, false) if quoted => return None,
        (TextComparison::Refused, true) => {
            format!(
                "{column} is of type {declared}, and is compared with a number, which the database refuses"
            )
        }
        (TextComparison::Refused, false) => {
            format!("{column} is of type {declared}, and is compared with a time, which the database refuses")
        }
        // Ten digits and ten digits compare as their numbers do.
        (_, true) if written == Some("'{{last_sync_time}}'") => return None,
        (_, true) => format!(
            "{column} is of type {declared}, and is compared with a number: the number is taken as text, so that every row is read in every run"
        ),
        (TextComparison::AsText, false) => {
            let message = format!(
                "{column} is of type {declared}, and is compared with a time: what that gives depends on how the texts are written"
            );
            return Some(Finding::new(
                Code::UnknownTypeComparedWithNumber,
                comparison.start,
                comparison.end,
                message,
                help,
            ));
        }
        (TextComparison::TimesAreTexts, false) => return None,
    };
    let finding = Finding::new(Code::TextComparedWithNumber, comparison.start, comparison.end, message, help);
    match written.filter(|_| !comparison.value.reckoned) {
        Some(form) => Some(finding.fixed_by(comparison.value.start, comparison.value.end, form.to_owned())),
        None => Some(finding),
    }
}
