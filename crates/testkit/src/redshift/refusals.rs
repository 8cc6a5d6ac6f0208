//! What Redshift refuses although PostgreSQL would take it.
//!
//! Where no log shows the server's words, a statement that the grammar of PostgreSQL 8.0 has not is
//! a syntax error, and one that it has is 0A000.

use std::ops::Range;

use super::lexer::{Kind, Tokens};
use super::reads::is_bare;
use super::report::Report;
use super::settings::{name_behind, unrecognized};
use super::view::View;
use super::words::Words;

/// The most rows that a cluster of one node hands out at a time.
pub(super) const SINGLE_NODE_FETCH: i64 = 1_000;

/// The protocol counts parameters in 16 bits, and Redshift reads them as signed.
pub(super) const MOST_PARAMETERS: i64 = 32_767;

/// Words that Redshift reserves and PostgreSQL does not, of those that stand nowhere in a query but
/// as a name.
const RESERVED: &[&str] = &[
    "credentials",
    "deflate",
    "delta",
    "encrypt",
    "encryption",
    "explicit",
    "gzip",
    "lun",
    "luns",
    "lzo",
    "lzop",
    "offline",
    "open",
    "percent",
    "permissions",
    "raw",
    "readratio",
    "recover",
    "rejectlog",
    "resort",
    "restore",
    "system",
    "tag",
    "wallet",
];

/// Catalogue tables that PostgreSQL 8.0 had not yet.
const MISSING_TABLES: &[&str] = &["pg_enum", "pg_range", "pg_extension", "pg_collation"];

/// Columns of the catalogue that it had not yet.
const MISSING_COLUMNS: &[&str] = &["typcategory", "typispreferred", "relispartition"];

/// Functions that Redshift has not, and that `functions.sql` cannot take away.
const MISSING_FUNCTIONS: &[&str] = &[
    "json_build_object",
    "jsonb_build_object",
    "pg_get_function_identity_arguments",
    "row_to_json",
    "unnest",
];

/// Says whether the parser refuses a statement.
pub(super) fn refuse(
    sql: &str,
    tokens: &Tokens<'_>,
    range: Range<usize>,
    view: &View<'_>,
) -> Result<(), Report> {
    let words = Words::of(tokens, range.clone());
    let syntax = |word: usize| {
        let index = words.token_index(word).expect("a word that was looked at is there");
        Err(Report::syntax(sql, tokens.list[index].at, tokens.text(index)))
    };
    match (words.at(0), words.at(1)) {
        ("discard" | "do" | "values", _) => return syntax(0),
        ("deallocate", "all") | ("explain", "(" | "analyze" | "analyse") => return syntax(1),
        ("deallocate", "prepare") if words.at(2) == "all" => return syntax(2),
        ("copy", "(") => return syntax(1),
        ("copy", _) => {
            let index = range.clone().find(|&at| matches!(tokens.word(at).as_str(), "stdin" | "stdout"));
            if let Some(index) = index {
                return Err(Report::syntax(sql, tokens.list[index].at, tokens.text(index)));
            }
        }
        ("listen" | "unlisten" | "notify" | "savepoint" | "release", _) => {
            return Err(unsupported(&words.at(0).to_ascii_uppercase()));
        }
        ("rollback", "to") => return Err(unsupported("ROLLBACK TO SAVEPOINT")),
        ("rollback", "work" | "transaction") if words.at(2) == "to" => {
            return Err(unsupported("ROLLBACK TO SAVEPOINT"));
        }
        ("reset", "session" | "session_authorization") if !view.superuser => {
            return Err(Report::error("42501", "permission denied to set session authorization"));
        }
        // The query is cancelled, of all things (observed).
        ("declare", _) if view.extended => {
            return Err(Report::error("57014", "Query cancelled on user's request"));
        }
        ("declare", _) if view.cursor_open => {
            return Err(Report::error("XX000", "cannot open more than one cursor in a session"));
        }
        ("fetch", _) if view.options.single_node => fetch(tokens, range.clone())?,
        _ => {}
    }
    let is_query = matches!(words.at(0), "select" | "with" | "(");
    for index in range {
        token(sql, tokens, index, view, is_query)?;
    }
    Ok(())
}

fn unsupported(what: &str) -> Report {
    Report::error("0A000", format!("{what} is not supported"))
}

/// What is refused at any place.
fn token(
    sql: &str,
    tokens: &Tokens<'_>,
    index: usize,
    view: &View<'_>,
    is_query: bool,
) -> Result<(), Report> {
    let token = tokens.list[index];
    if token.kind == Kind::Parameter && token.text[1..].parse().is_ok_and(|n: i64| n > MOST_PARAMETERS) {
        return Err(too_many_parameters());
    }
    if !is_bare(tokens, index) && !MISSING_TABLES.contains(&tokens.word(index).as_str()) {
        return Ok(());
    }
    let word = tokens.word(index);
    let solid = |from: usize| tokens.solid(from, tokens.len());
    let (next, before) = (solid(index + 1), tokens.solid_before(0, index));
    let next_text = next.map_or("", |next| tokens.text(next));
    let before_text = before.map_or_else(String::new, |before| tokens.text(before).to_ascii_lowercase());
    let is_called = next_text == "(";
    let syntax = || Err(Report::syntax(sql, token.at, token.text));
    match word.as_str() {
        "distinct"
            if matches!(before_text.as_str(), "is" | "not") && next_text.eq_ignore_ascii_case("from") =>
        {
            Err(unsupported("IS DISTINCT FROM"))
        }
        "distinct" if before_text == "select" && next_text.eq_ignore_ascii_case("on") => {
            Err(unsupported("SELECT DISTINCT ON"))
        }
        "lateral" if is_called && matches!(before_text.as_str(), "," | "join" | "from") => syntax(),
        "filter" if is_called && before_text == ")" => syntax(),
        "ties" if before_text == "with" => syntax(),
        "distinct" if before_text == "(" && is_windowed(tokens, before) => {
            Err(unsupported("DISTINCT in a window function"))
        }
        "returning" => syntax(),
        "conflict" if before_text == "on" => syntax(),
        "values" if before_text == "(" => syntax(),
        "current_setting" | "set_config" if is_called => {
            let name = next.and_then(|open| solid(open + 1)).map_or("", |name| tokens.text(name));
            let name = name.trim_matches('\'');
            if name == "session_authorization" && word == "set_config" {
                return Err(Report::error("42501", "permission denied to set session authorization"));
            }
            name_behind(name).map(|_| ()).ok_or_else(|| unrecognized(name))
        }
        table if MISSING_TABLES.contains(&table) => {
            Err(Report::error("42P01", format!("relation \"{table}\" does not exist")))
        }
        column if MISSING_COLUMNS.contains(&column) => {
            Err(Report::error("42703", format!("column \"{column}\" does not exist")))
        }
        function if is_called && MISSING_FUNCTIONS.contains(&function) => {
            Err(Report::error("42883", format!("function {function}(unknown) does not exist")))
        }
        "timestamp" if is_query && view.options.reserved_timestamp => {
            let literal = next.is_some_and(|next| tokens.list[next].kind == Kind::Text);
            let with_zone = matches!(next_text.to_ascii_lowercase().as_str(), "with" | "without");
            let is_type = matches!(before_text.as_str(), "::" | "as") || literal || is_called || with_zone;
            if is_type { Ok(()) } else { syntax() }
        }
        reserved if is_query && RESERVED.contains(&reserved) && before_text != "as" && !is_called => syntax(),
        _ => Ok(()),
    }
}

/// Whether OVER follows the parenthesis that opens at this token.
fn is_windowed(tokens: &Tokens<'_>, open: Option<usize>) -> bool {
    let behind = open.and_then(|open| tokens.solid(tokens.closing(open) + 1, tokens.len()));
    behind.is_some_and(|behind| tokens.word(behind) == "over")
}

/// What an execution with that many rows gets from a cluster of one node.
pub(super) fn fetch_size(size: i64) -> Report {
    Report::error(
        "0A000",
        format!(
            "Fetch size {size} exceeds the limit of {SINGLE_NODE_FETCH} for a single node configuration. \
             Reduce the client fetch/cache size or upgrade to a multi node installation."
        ),
    )
}

pub(super) fn too_many_parameters() -> Report {
    Report::error("42P02", "there is no parameter $-32768")
}

fn fetch(tokens: &Tokens<'_>, range: Range<usize>) -> Result<(), Report> {
    for index in range {
        if tokens.word(index) == "all" {
            return Err(Report::error("0A000", "FETCH ALL is not supported for a single node configuration"));
        }
        if tokens.list[index].kind == Kind::Number {
            let size = tokens.text(index).parse().unwrap_or(i64::MAX);
            if size > SINGLE_NODE_FETCH {
                return Err(fetch_size(size));
            }
        }
    }
    Ok(())
}
