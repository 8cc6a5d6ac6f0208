//! What looks like a variable and is none: slips of `{{last_sync_time}}`, parameters of drivers,
//! and templates of other tools. Nothing would be put in their place.
//!
//! What always holds: an operator of the dialect that looks alike is left alone. What it does not
//! do: judge strings that are only like a template, which may be data (`lint::templates`).

use outflow_core::{Code, Dialect};

use crate::problem::Problem;
use crate::scan::{Kind, Scan, Token};
use crate::variable::{self, HELP, NAME};

/// Behind these and behind operators a value follows.
const BEFORE_VALUE: &[&str] =
    &["AND", "BETWEEN", "ELSE", "FROM", "IN", "LIKE", "LIMIT", "OR", "SELECT", "THEN", "WHEN", "WHERE"];

const COMPILE: &str = "Outflow expands no templates of other tools; of a dbt model, take the finished query that `dbt compile` writes \
                       below target/compiled";

/// Everything that looks like a variable and is none.
pub(crate) fn check(scan: &Scan<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut brackets = 0_usize;
    // Where what was reported last ends.
    let mut until = 0;
    for (i, token) in scan.tokens.iter().enumerate() {
        match token.kind {
            Kind::Symbol(b'[') => brackets += 1,
            Kind::Symbol(b']') => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        if token.start < until {
            continue;
        }
        let found = match token.kind {
            Kind::Symbol(b'{') => Some(braces(scan, token.start)),
            Kind::Symbol(b'$') if scan.text[token.end..].starts_with('{') => Some(braces(scan, token.start)),
            Kind::Symbol(b'<') if scan.text[token.end..].starts_with("%=") => {
                Some((token.end, "`<%=` is a template of another tool".to_owned(), COMPILE.to_owned()))
            }
            Kind::Literal | Kind::Quoted => inside(scan, token),
            _ => parameter(scan, i, brackets > 0),
        };
        if let Some((end, message, help)) = found {
            until = end;
            problems.push(Problem::new(token.start, Code::UnknownVariable, message, help));
        }
    }
    problems
}

/// The place behind it, a sentence, and the cure.
type Found = (usize, String, String);

/// `{…}`, `${…}` and `{%…%}` outside strings, where braces mean nothing to a database.
fn braces(scan: &Scan<'_>, start: usize) -> Found {
    let rest = &scan.text[start..];
    let line = rest.lines().next().unwrap_or_default();
    let length = line.find('}').map_or(line.len().min(rest.len()), |i| i + 1);
    let written = shortened(&line[..length]);
    let inner = line[..length].trim_matches(|c: char| "{}$#%-".contains(c) || c.is_whitespace());
    let end = start + length.max(1);
    if rest.starts_with("{%") && line.contains("is_incremental") {
        let help = "write the condition itself in place of the block: WHERE updated_at >= {{last_sync_time | timestamp}}; \
                    a first run reads everything by itself";
        return (end, format!("{written} is a template of dbt"), help.to_owned());
    }
    if rest.starts_with("{%") || rest.starts_with("{#") {
        return (end, format!("{written} is a template of another tool"), COMPILE.to_owned());
    }
    let (name, form) = inner.split_once('|').map_or((inner, None), |(n, f)| (n.trim(), Some(f.trim())));
    if variable::is_near(name) {
        let form = form.map(|f| format!(" | {f}")).unwrap_or_default();
        return (
            end,
            format!("{written} is not replaced"),
            format!("write {{{{{NAME}{form}}}}}, with two braces on each side"),
        );
    }
    if rest.starts_with("${") {
        let help = "references work in sources, destinations, alerts and state; write the value itself into the query";
        return (end, format!("{written} is not replaced in a query"), help.to_owned());
    }
    (end, format!("{written} is not replaced"), HELP.to_owned())
}

/// A slip of the variable, or a reference, in a string or in a quoted name.
fn inside(scan: &Scan<'_>, token: &Token) -> Option<Found> {
    let text = scan.of(token);
    if token.kind == Kind::Quoted {
        let inner = text.get(1..text.len().checked_sub(1)?)?;
        let name = inner.trim().trim_matches(|c| "{}$:@%()".contains(c));
        let name = name.split('|').next().unwrap_or_default().trim();
        let is_marked = inner.contains(['{', '$', ':', '@']);
        return (is_marked && variable::is_near(name)).then(|| {
            let message =
                format!("{} is the name of a column, as it stands in double quotes", shortened(text));
            (token.end, message, format!("write {{{{{NAME}}}}} without quotes, or in single ones"))
        });
    }
    // What stands in two braces was reported with its string.
    if scan.problems.iter().any(|problem| (token.start..token.end).contains(&problem.at)) {
        return None;
    }
    for mark in ["${env:", "${file:"] {
        if text.contains(mark) {
            let message = format!("{mark}…}} is not replaced in a query");
            let help = "references work in sources, destinations, alerts and state; write the value itself into the query";
            return Some((token.end, message, help.to_owned()));
        }
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut at = 0;
    for word in text.split(|c| !is_word(c)) {
        let before = text[..at].trim_end().chars().next_back();
        let in_slot = scan.slots.iter().any(|s| {
            let from = token.start + at;
            s.start <= from && from < s.end
        });
        // Such marks are a part of many texts, but hardly in front of all of one.
        let opens = at == 2 && before.is_some_and(|c| ":@<[".contains(c));
        let is_marked = opens || before.is_some_and(|c| "{$(".contains(c));
        if !in_slot && is_marked && variable::is_near(word) {
            let message = format!("{} in a string is not replaced", shortened(word));
            let help = format!("write {{{{{NAME}}}}}, with two braces on each side");
            return Some((token.end, message, help));
        }
        at += word.len();
        at += text[at..].chars().next().map_or(0, char::len_utf8);
    }
    None
}

/// `$1`, `:name`, `@name`, `?`, `%s` and `%(name)s`.
fn parameter(scan: &Scan<'_>, i: usize, in_brackets: bool) -> Option<Found> {
    let token = &scan.tokens[i];
    let next = scan.tokens.get(i + 1).filter(|next| next.start == token.end);
    let touches =
        |kind: Kind| i > 0 && scan.tokens[i - 1].end == token.start && scan.tokens[i - 1].kind == kind;
    let names = next.filter(|next| next.kind == Kind::Word);
    let is_sqlite = scan.dialect == Dialect::Sqlite;
    let end = match token.kind {
        Kind::Number if scan.of(token).starts_with('$') => token.end,
        Kind::Symbol(b'$') => names?.end,
        Kind::Symbol(b':') if !in_brackets && !touches(Kind::Symbol(b':')) => names?.end,
        Kind::Symbol(b'@') if is_sqlite || variable::is_near(scan.of(names?)) => names?.end,
        Kind::Symbol(b'?') if is_sqlite || expects_value(scan, i) => match next {
            Some(number) if number.kind == Kind::Number => number.end,
            _ => token.end,
        },
        Kind::Symbol(b'%') if expects_value(scan, i) => match names {
            Some(word) if scan.is(word, "S") => word.end,
            Some(_) => return None,
            None => scan.text[token.end..].strip_prefix('(')?.find(")s").map(|n| token.end + n + 3)?,
        },
        _ => return None,
    };
    let written = shortened(&scan.text[token.start..end]);
    let message = format!("{written} is a parameter, and no value is given for it");
    let name = written.trim_matches(|c: char| !c.is_ascii_alphanumeric()).trim_end_matches(")s").to_owned();
    let help = match variable::is_near(&name) {
        true => format!("write {{{{{NAME}}}}}, with two braces on each side"),
        false => format!("write the value itself; {HELP}"),
    };
    Some((end, message, help))
}

/// Whether the token before this one makes the database expect a value.
fn expects_value(scan: &Scan<'_>, i: usize) -> bool {
    let Some(before) = i.checked_sub(1).map(|i| &scan.tokens[i]) else { return false };
    match before.kind {
        Kind::Symbol(s) => b"<>=(,".contains(&s),
        Kind::Word => BEFORE_VALUE.iter().any(|word| scan.is(before, word)),
        _ => false,
    }
}

fn shortened(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    if short.len() < text.len() { short + "…" } else { short }
}
