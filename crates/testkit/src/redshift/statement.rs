//! A client's statement: examined, rewritten, and with what the session must know about it.

use std::ops::Range;

use super::lexer::{Kind, Tokens};
use super::report::Report;
use super::settings::{check_float_digits, name_behind, unrecognized};
use super::view::View;
use super::words::Words;
use super::{reads, refusals, rewrite};

/// A statement, or several in one text.
#[derive(Debug, Default)]
pub(super) struct Statement {
    /// What the client sent.
    pub sql: String,
    /// What PostgreSQL gets.
    pub behind: String,
    /// Whether a table of the user is read, so that compute nodes take part.
    pub reads_table: bool,
    /// Whether it is a query on which a scripted failure strikes.
    pub is_query: bool,
    pub is_explain: bool,
    /// Functions that only the leader node has, as the INFO messages write them.
    pub leader_only: Vec<String>,
    /// Whether it calls a function that only compute nodes have.
    pub compute_only: bool,
    pub calls_version: bool,
    pub changes: Vec<Change>,
    pub cursor: Option<Cursor>,
    /// Whether it ends a transaction, and what lives as long as one.
    pub ends_transaction: bool,
}

/// A setting that the statement changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub name: String,
    /// `None`: back to the default.
    pub value: Option<String>,
    /// Until the end of the transaction only.
    pub local: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    Opens,
    Closes,
}

impl Statement {
    /// What planning says: functions of the leader node do not run on tables, and others run only
    /// there.
    pub fn plan(&self) -> Result<(), Report> {
        if self.reads_table && !self.leader_only.is_empty() {
            let message =
                "Specified types or functions (one per INFO message) not supported on Redshift tables.";
            let infos = self.leader_only.iter().map(|name| format!("Function \"{name}\" not supported."));
            return Err(Report { infos: infos.collect(), ..Report::error("0A000", message) });
        }
        if self.compute_only && !self.reads_table {
            return Err(Report::error(
                "0A000",
                "One or more of the used functions must be applied on at least one user created tables. \
                 Examples of user table only functions are LISTAGG, MEDIAN, PERCENTILE_CONT, etc",
            ));
        }
        Ok(())
    }
}

/// Examines and rewrites. The error is what the parser says.
pub(super) fn prepare(sql: &str, view: &View<'_>) -> Result<Statement, Report> {
    let tokens = Tokens::of(sql);
    let mut whole = Statement { sql: sql.to_owned(), ..Statement::default() };
    let mut view = *view;
    for (number, range) in tokens.split(0..tokens.len(), ";").into_iter().enumerate() {
        if number > 0 {
            whole.behind.push(';');
        }
        refusals::refuse(sql, &tokens, range.clone(), &view)?;
        let reads = reads::of(&tokens, range.clone());
        let words = Words::of(&tokens, range.clone());
        let behind = match words.at(0) {
            "set" => set(&tokens, range.clone(), &words, &view, &mut whole.changes)?,
            "reset" | "show" => reset_or_show(&words, &mut whole.changes)?,
            _ => None,
        };
        whole.behind += &behind
            .unwrap_or_else(|| rewrite::rewrite(&tokens, range, !view.case_sensitive, view.last_query));
        whole.reads_table |= reads.table;
        whole.is_query |= reads.table && words.at(0) != "explain" || words.at(0) == "fetch";
        whole.is_explain |= words.at(0) == "explain";
        whole.leader_only.extend(reads.leader_only);
        whole.compute_only |= reads.compute_only;
        whole.calls_version |= reads.version;
        match words.at(0) {
            "declare" => whole.cursor = Some(Cursor::Opens),
            "close" => whole.cursor = Some(Cursor::Closes),
            "commit" | "end" | "rollback" | "abort" => {
                whole.cursor = Some(Cursor::Closes);
                whole.ends_transaction = true;
            }
            _ => {}
        }
        view.cursor_open = whole.cursor.map_or(view.cursor_open, |cursor| cursor == Cursor::Opens);
    }
    Ok(whole)
}

/// `SET [SESSION | LOCAL] name TO value`. `None`: some other SET, which goes through.
fn set(
    tokens: &Tokens<'_>,
    range: Range<usize>,
    words: &Words,
    view: &View<'_>,
    changes: &mut Vec<Change>,
) -> Result<Option<String>, Report> {
    let scope = words.at(1);
    let at =
        if scope == "local" || (scope == "session" && matches!(words.at(3), "to" | "=")) { 2 } else { 1 };
    let name = words.at(at).trim_matches('"');
    let is_authorization = name == "session_authorization" || words.at(2) == "authorization";
    if is_authorization && !view.superuser {
        return Err(Report::error("42501", "permission denied to set session authorization"));
    }
    let (true, Some(equals)) = (matches!(words.at(at + 1), "to" | "="), words.token_index(at + 1)) else {
        return Ok(None);
    };
    let behind = name_behind(name).ok_or_else(|| unrecognized(name))?;
    let value: String = tokens.list[equals + 1..range.end]
        .iter()
        .filter(|token| token.kind != Kind::Comment)
        .map(|token| token.text)
        .collect();
    let plain = value.trim().trim_matches('\'').to_owned();
    if name == "extra_float_digits" {
        check_float_digits(&plain)?;
    }
    let is_default = plain.eq_ignore_ascii_case("default") && !value.contains('\'');
    changes.push(Change {
        name: name.to_owned(),
        value: (!is_default).then_some(plain),
        local: scope == "local",
    });
    let local = if scope == "local" { "LOCAL " } else { "" };
    Ok(Some(format!("SET {local}{behind} TO {}", value.trim())))
}

fn reset_or_show(words: &Words, changes: &mut Vec<Change>) -> Result<Option<String>, Report> {
    let name = words.at(1).trim_matches('"');
    if !words.at(2).is_empty() || matches!(name, "" | "all") {
        return Ok(None);
    }
    let behind = name_behind(name).ok_or_else(|| unrecognized(name))?;
    if words.at(0) == "show" {
        return Ok(Some(format!("SHOW {behind}")));
    }
    changes.push(Change { name: name.to_owned(), value: None, local: false });
    Ok(Some(format!("RESET {behind}")))
}

#[cfg(test)]
mod tests {
    use super::super::Redshift;
    use super::*;
    use crate::random::{Rng, seed};

    /// Pieces of SQL in any order: whatever comes of it, it is PostgreSQL that says what is wrong.
    #[test]
    fn nonsense_is_passed_on() {
        const PIECES: &str = "select top 5 from ( ) , ; . :: ' '' \\ \" $1 $$ -- /* */ a as set local to = listagg within group order by extract \
            epoch cast super numeric varchar max decode nvl2 dateadd interval 'x' create table distkey sortkey encode identity grant role with no \
            schema binding fetch all copy explain is distinct minus approximate count convert array current_setting timestamp é json_extract_path_text";
        let pieces: Vec<&str> = PIECES.split_whitespace().collect();
        let options = Redshift::options().single_node(true).reserved_timestamp(true);
        let mut rng = Rng::new(seed());
        for round in 0..20_000 {
            let sql: Vec<&str> =
                (0..rng.below(14)).map(|_| pieces[rng.below(pieces.len() as u64) as usize]).collect();
            let sql = sql.join(if round % 2 == 0 { " " } else { "" });
            let view = View {
                options: &options,
                case_sensitive: round % 3 == 0,
                superuser: false,
                cursor_open: false,
                extended: false,
                last_query: 0,
            };
            if let Ok(statement) = prepare(&sql, &view) {
                assert_eq!(statement.sql, sql);
            }
        }
    }
}
