//! Slips that the server cannot read, and that hide what the select list means: a name in single
//! quotes, a name in brackets, a comma that is missing.
//!
//! What always holds: what is reported here is a syntax error of the server, too. What it does not
//! do: look at more than words; a comma that is missing between two columns without AS makes an
//! alias, which `lint::aliases` notes.

use outflow_core::Code;

use crate::outline::Outline;
use crate::problem::Problem;
use crate::scan::{Kind, Scan};

/// Words that may follow a select list.
const BEHIND: &[&str] = &[
    "FROM",
    "WHERE",
    "GROUP",
    "ORDER",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "FETCH",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "MINUS",
    "WINDOW",
    "QUALIFY",
    "FOR",
    "INTO",
    "START",
    "CONNECT",
    "TABLESAMPLE",
    "WITH",
];
/// Words that a name follows.
const BEFORE_NAME: &[&str] =
    &["SELECT", "DISTINCT", "FROM", "JOIN", "AS", "BY", "WHERE", "AND", "OR", "ON", "NOT", "HAVING"];

/// Every slip that the text shows.
pub(crate) fn check(scan: &Scan<'_>) -> Vec<Problem> {
    if !scan.is_small() || !scan.problems.is_empty() {
        return Vec::new();
    }
    let mut problems = missing_commas(scan);
    // SQLite takes both.
    if !scan.rules.odd_name_quotes {
        problems.extend(text_aliases(scan));
        problems.extend(bracketed(scan));
    }
    problems
}

/// `AS 'name'`
fn text_aliases(scan: &Scan<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (i, pair) in scan.tokens.windows(2).enumerate() {
        let [word, literal] = pair else { continue };
        let names = i.checked_sub(1).is_some_and(|b| scan.tokens[b].kind == Kind::Symbol(b'.'));
        if names || !scan.is(word, "AS") || literal.kind != Kind::Literal {
            continue;
        }
        let written = scan.of(literal);
        let shown: String = written.chars().take(40).collect();
        let message = format!("{shown} is a text, and AS wants a name");
        let help = "put the name in double quotes";
        let problem = Problem::new(literal.start, Code::UnreadableList, message, help);
        let inner = written.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        problems.push(
            match inner.filter(|name| !name.is_empty() && !name.contains(['\'', '"', '\\', '{'])) {
                Some(name) => problem.fixed_by(literal.end, format!("\"{name}\"")),
                None => problem,
            },
        );
    }
    problems
}

/// `[name]`
fn bracketed(scan: &Scan<'_>) -> Vec<Problem> {
    let tokens = &scan.tokens[..];
    let (mut problems, mut depth) = (Vec::new(), 0_usize);
    for (i, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Symbol(b']') => depth = depth.saturating_sub(1),
            Kind::Symbol(b'[') => {
                depth += 1;
                let before = i.checked_sub(1).map(|b| &tokens[b]);
                let wants_name = before.is_some_and(|b| match b.kind {
                    Kind::Symbol(symbol) => matches!(symbol, b',' | b'.'),
                    Kind::Word => BEFORE_NAME.iter().any(|word| scan.is(b, word)),
                    _ => false,
                });
                let words = tokens[i + 1..].iter().take_while(|t| t.kind == Kind::Word).count();
                let Some(close) = tokens.get(i + 1 + words).filter(|t| t.kind == Kind::Symbol(b']')) else {
                    continue;
                };
                if depth > 1 || !wants_name || words == 0 {
                    continue;
                }
                let name = scan.text[token.end..close.start].trim();
                let message = format!("{} cannot be read here", &scan.text[token.start..close.end]);
                let help =
                    "brackets hold names in SQL Server alone: write the name in double quotes, or in none";
                let plain = match words {
                    1 => name.to_owned(),
                    _ => format!("\"{name}\""),
                };
                let problem = Problem::new(token.start, Code::UnreadableList, message, help);
                problems.push(problem.fixed_by(close.end, plain));
            }
            _ => {}
        }
    }
    problems
}

/// `id AS "userId" email`
fn missing_commas(scan: &Scan<'_>) -> Vec<Problem> {
    let outline = Outline::new(scan);
    let mut problems = Vec::new();
    for item in outline.selects.iter().flat_map(|select| &select.items) {
        let is_as = |i: &usize| *i > item.start && outline.is(*i, "AS") && !outline.is_symbol(*i - 1, b'.');
        let Some(at) = outline.own(item).find(is_as) else { continue };
        let (alias, next) = (at + 1, at + 2);
        let is_next = next < item.end && outline.is_name(alias) && outline.is_name(next);
        if !is_next || outline.is_any(next, BEHIND) {
            continue;
        }
        let (Some(alias), Some(next)) = (outline.token(alias), outline.token(next)) else { continue };
        let message = format!("no comma stands between {} and {}", scan.of(alias), scan.of(next));
        let help = "write a comma between two columns";
        problems.push(Problem::new(alias.end, Code::UnreadableList, message, help).fixed_by(alias.end, ","));
    }
    problems
}
