//! Findings about single words: functions that give another value in every run (Q106) or run on
//! Redshift's leader node alone (Q107), and reserved words (Q108).

use std::ops::Range;

use outflow_core::Code;

use super::{Finding, Lint};
use crate::outline::Name;
use crate::scan::Kind;
use crate::words;

/// Functions that give another value each time.
const VOLATILE: &[&str] = &[
    "CLOCK_TIMESTAMP",
    "GEN_RANDOM_UUID",
    "GETDATE",
    "NEXTVAL",
    "NOW",
    "RAND",
    "RANDOM",
    "RANDOMBLOB",
    "STATEMENT_TIMESTAMP",
    "TIMEOFDAY",
    "TRANSACTION_TIMESTAMP",
    "UUID_GENERATE_V1",
    "UUID_GENERATE_V4",
];

/// The same without parentheses.
const VOLATILE_WORDS: &[&str] =
    &["CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP"];

/// Relations that the leader node reads by itself begin so.
const CATALOG: &[&str] = &["pg_", "information_schema"];

pub(super) fn all(lint: &Lint<'_>) -> Vec<Finding> {
    let mut found = volatile(lint);
    found.extend(leader(lint));
    found.extend(reserved(lint));
    found
}

/// Whether one of these is called here.
fn calls(lint: &Lint<'_>, i: usize, functions: &[&str]) -> bool {
    lint.outline.is_symbol(i + 1, b'(') && lint.outline.is_free_word(i) && lint.outline.is_any(i, functions)
}

fn volatile(lint: &Lint<'_>) -> Vec<Finding> {
    let outline = lint.outline;
    let Some(select) = lint.output else { return Vec::new() };
    let mut found = Vec::new();
    for (item, name) in select.items.iter().zip(&lint.names) {
        let alias = if let Name::Alias(token) = name { Some(*token) } else { None };
        // A condition gives the same as long as the time makes no difference to it.
        if item.clone().any(|i| super::decides(outline, i)) {
            continue;
        }
        let is_volatile = |i: &usize| {
            let word = outline.is_free_word(*i)
                && (outline.is_any(*i, VOLATILE_WORDS) || outline.is_any(*i, lint.rules().volatile_words));
            let now = lint.rules().volatile_literals.contains(&outline.text(*i));
            alias != Some(*i) && (word || now || calls(lint, *i, VOLATILE))
        };
        if let Some(at) = item.clone().find(is_volatile) {
            let message = format!(
                "{} gives another value in every run, so that rows which did not change are sent again",
                outline.text(at)
            );
            let help =
                "leave the column out, or select a column of the table; a call has its time without it";
            found.push(lint.at(at..at + 1, Code::VolatileFunction, message, help));
        }
    }
    found
}

fn leader(lint: &Lint<'_>) -> Vec<Finding> {
    let outline = lint.outline;
    let rules = lint.rules();
    if rules.leader_functions.is_empty() {
        return Vec::new();
    }
    let reads_table = |from: &Range<usize>| {
        let name = outline.name(from.start).to_ascii_lowercase();
        outline.is_name(from.start) && !CATALOG.iter().any(|c| name.starts_with(c))
    };
    let froms: Vec<_> = outline.selects.iter().filter_map(|s| s.from.as_ref()).collect();
    let is_catalog = |i: usize| {
        outline.is_name(i) && CATALOG.iter().any(|c| outline.name(i).to_ascii_lowercase().starts_with(c))
    };
    // A query of the catalogue runs on the leader node, functions and all.
    if !froms.iter().any(|f| reads_table(f)) || froms.iter().any(|f| (*f).clone().any(is_catalog)) {
        return Vec::new();
    }
    let aliases: Vec<usize> = lint.named().map(|(token, _)| token).collect();
    let mut found = Vec::new();
    for i in 0..outline.scan.tokens.len() {
        let word = outline.is_free_word(i) && outline.is_any(i, rules.leader_words) && !aliases.contains(&i);
        if !word && !calls(lint, i, rules.leader_functions) {
            continue;
        }
        let name = outline.text(i).to_ascii_uppercase();
        let message =
            format!("{name} runs on {}'s leader node alone, and fails in a query of a table", rules.name);
        let finding = lint.at(i..i + 1, Code::LeaderNodeFunction, message, help_for(&name));
        found.push(match (name.as_str(), outline.partner(i + 1)) {
            ("NOW", Some(close)) if close == i + 2 => {
                let (start, end) = outline.span(&(i..close + 1));
                finding.fixed_by(start, end, "GETDATE()".to_owned())
            }
            ("CURRENT_TIMESTAMP" | "LOCALTIMESTAMP", None) => {
                let (start, end) = outline.span(&(i..i + 1));
                finding.fixed_by(start, end, "GETDATE()".to_owned())
            }
            _ => finding,
        });
    }
    found
}

fn help_for(name: &str) -> &'static str {
    match name {
        "STRING_AGG" => "use LISTAGG(column, ',') WITHIN GROUP (ORDER BY …)",
        "GENERATE_SERIES" => "number the rows of a table with ROW_NUMBER(), or keep a table of numbers",
        "AGE" => "use DATEDIFF(day, from, to)",
        "CURRENT_TIME" | "LOCALTIME" => "use GETDATE()::time",
        "NOW" | "CLOCK_TIMESTAMP" | "CURRENT_TIMESTAMP" | "LOCALTIMESTAMP" => "use GETDATE()",
        _ => "write it in another way: the page of Q107 names some",
    }
}

fn reserved(lint: &Lint<'_>) -> Vec<Finding> {
    let outline = lint.outline;
    let rules = lint.rules();
    if rules.reserved.is_empty() {
        return Vec::new();
    }
    let help = "put it in double quotes";
    let mut found = Vec::new();
    let aliases: Vec<usize> = lint
        .names
        .iter()
        .filter_map(|n| if let Name::Alias(token) = n { Some(*token) } else { None })
        .filter(|&token| outline.token(token).is_some_and(|t| t.kind == Kind::Word))
        .collect();
    for i in 0..outline.scan.tokens.len() {
        let word = outline.text(i);
        let is_alias = aliases.contains(&i);
        if !(is_alias && words::contains(rules.reserved, word)
            || !is_alias && words::contains(rules.reserved_as_names, word) && is_operand(lint, i))
        {
            continue;
        }
        // As a column it has the case that the server folds it to.
        let quoted =
            if is_alias { format!("\"{word}\"") } else { format!("\"{}\"", word.to_ascii_lowercase()) };
        let (start, end) = outline.span(&(i..i + 1));
        let message = format!(
            "{} is a reserved word on {} and no name without quotes",
            word.to_ascii_uppercase(),
            rules.name
        );
        found.push(lint.at(i..i + 1, Code::ReservedWordAsName, message, help).fixed_by(start, end, quoted));
    }
    found
}

/// Whether a word stands where a value is expected, and as a column: neither as a type nor before a
/// literal or a call.
fn is_operand(lint: &Lint<'_>, i: usize) -> bool {
    const BEFORE: &[&str] = &[
        "SELECT", "DISTINCT", "WHERE", "AND", "OR", "NOT", "ON", "BY", "WHEN", "THEN", "ELSE", "BETWEEN",
        "HAVING", "QUALIFY", "CASE", "LIKE", "IN", "FROM", "JOIN",
    ];
    let outline = lint.outline;
    let Some(before) = i.checked_sub(1) else { return false };
    let starts = outline.is_free_word(before) && outline.is_any(before, BEFORE)
        || b"<>=+-*/%(,|".iter().any(|s| outline.is_symbol(before, *s));
    let of_type =
        outline.is_symbol(before, b'(') && before.checked_sub(1).is_some_and(|b| outline.is(b, "CONVERT"));
    let follows = match outline.token(i + 1).map(|t| t.kind) {
        Some(Kind::Literal | Kind::Variable | Kind::Number | Kind::Quoted | Kind::Symbol(b'(' | b'.')) => {
            false
        }
        Some(Kind::Word) => {
            outline.is_free_word(i + 1)
                && words::contains(lint.rules().reserved, outline.text(i + 1))
                && !outline.is_any(i + 1, &["WITH", "WITHOUT"])
        }
        _ => true,
    };
    outline.is_free_word(i) && outline.owner(i).is_some() && starts && !of_type && follows
}
