//! Hostile statements by the thousand: each call of `acts.txt`, in each spelling of its name, in a
//! place of a query where it runs.
//!
//! What always holds: the same statements in the same order, so a number names one. A spelling is
//! one that PostgreSQL reads as the same name.

use std::fmt::Write as _;

/// A call that does more than read.
#[derive(Clone, Copy, Debug)]
pub struct Act {
    /// The schema that its function lives in.
    pub schema: &'static str,
    /// The function.
    pub function: &'static str,
    /// The parenthesis and what it holds.
    pub arguments: &'static str,
    /// What follows the call: a FROM, or an alias.
    pub tail: &'static str,
}

/// A generated statement.
#[derive(Clone, Debug)]
pub struct Spelled {
    /// The text.
    pub sql: String,
    /// The call in it.
    pub act: Act,
    /// The number of its spelling, below [`SPELLINGS`].
    pub spelling: usize,
}

/// The number of spellings of a name.
pub const SPELLINGS: usize = 20;

/// Every call that does more than read.
pub fn acts() -> impl Iterator<Item = Act> {
    let lines = include_str!("acts.txt").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let (schema, rest) = line.split_once(": ").expect("a line begins with its schema");
        let (call, tail) = rest.split_once(" ~ ").unwrap_or((rest, ""));
        let (function, _) = call.split_once('(').expect("a call has a parenthesis");
        Act { schema, function, arguments: &call[function.len()..], tail }
    })
}

/// Every call in every spelling.
pub fn spelled() -> impl Iterator<Item = Spelled> {
    acts().enumerate().flat_map(|(n, act)| {
        (0..SPELLINGS).map(move |spelling| {
            let call = format!("{}{}", name(act.schema, act.function, spelling), act.arguments);
            Spelled { sql: placed(&call, act.tail, n + spelling), act, spelling }
        })
    })
}

/// The name of a function in one of its spellings.
fn name(schema: &str, name: &str, spelling: usize) -> String {
    let upper = name.to_ascii_uppercase();
    let mixed: String =
        name.chars().enumerate().map(|(i, c)| if i % 2 == 0 { c.to_ascii_uppercase() } else { c }).collect();
    match spelling {
        0 => name.to_owned(),
        1 => upper,
        2 => mixed,
        3 => format!("\"{name}\""),
        4 => format!("{schema}.{name}"),
        5 => format!("{} . {mixed}", schema.to_ascii_uppercase()),
        6 => format!("{schema}.\"{name}\""),
        7 => format!("\"{schema}\"/**/./**/\"{name}\""),
        8 => format!("U&\"{}\"", escaped(name, '\\', 1)),
        9 => format!("u&\"{}\"", escaped(name, '\\', usize::MAX)),
        10 => format!("U&\"{}\" UESCAPE '!'", escaped(name, '!', usize::MAX)),
        11 => format!("U&\"{}\"/* c */uescape\n'#'\t", escaped(name, '#', 2)),
        12 => format!("{schema}.U&\"{}\"", long_escaped(name)),
        13 => format!("U&\"{}\".U&\"{}\"", escaped(schema, '\\', 3), escaped(name, '\\', usize::MAX)),
        14 => format!("{name}/**/"),
        15 => format!("{name} /* a /* b */ ' */ "),
        16 => format!("{name} -- ' it reads\n"),
        17 => format!("{name}\t\r\n\u{c}"),
        18 => format!("/**/{}/*\"*/", name.to_ascii_uppercase()),
        _ => format!("\"{name}\"--\"\r\n"),
    }
}

/// The first characters as `\0070`, with that character for the backslash.
fn escaped(name: &str, escape: char, first: usize) -> String {
    let mut out = String::new();
    for (i, c) in name.chars().enumerate() {
        if i < first {
            let _ = write!(out, "{escape}{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Every character as `\+000070`.
fn long_escaped(name: &str) -> String {
    name.chars().fold(String::new(), |mut out, c| {
        let _ = write!(out, "\\+{:06X}", u32::from(c));
        out
    })
}

/// The call in a place of a query where it runs.
fn placed(call: &str, tail: &str, place: usize) -> String {
    if tail.starts_with("AS ") {
        return format!("SELECT * FROM {call} {tail}(a text, b text, c text)");
    }
    match place % 8 {
        0 => format!("SELECT {call} {tail}"),
        1 => format!("SELECT 1 FROM (SELECT {call} AS x {tail}) q WHERE (x::text || 'a') IS NOT NULL"),
        2 => format!("WITH w AS MATERIALIZED (SELECT {call} AS x {tail}) SELECT x FROM w"),
        3 => format!("SELECT (SELECT ({call})::text {tail} LIMIT 1)"),
        4 => format!("SELECT id FROM people WHERE EXISTS (SELECT {call} {tail})"),
        5 => format!("SELECT array_agg(x::text) FROM (SELECT {call} AS x {tail}) q"),
        6 => format!("SELECT 1 AS a UNION ALL (SELECT count(x::text) FROM (SELECT {call} AS x {tail}) q)"),
        _ => format!("SELECT 1 LIMIT (SELECT count(x::text) FROM (SELECT {call} AS x {tail}) q)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_more_than_two_thousand_statements_and_no_two_are_alike() {
        let all: Vec<String> = spelled().map(|s| s.sql).collect();
        assert!(all.len() > 2_000, "{}", all.len());
        let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        let first = acts().next().unwrap();
        assert_eq!((first.schema, first.function), ("pg_catalog", "pg_terminate_backend"));
        assert!(first.arguments == "(pid)" && first.tail.starts_with("FROM pg_stat_activity"));
    }
}
