//! The text of a query: its variables, whether it only reads, and the names that its author gave to
//! the columns.
//!
//! What always holds: nothing here does input or output, and no text, however odd, makes it panic
//! or run long. A text that [`Query::parse`] takes is one statement that reads, as far as its words
//! can show. The names in it are then looked up in the database's catalogue ([`Query::references`],
//! [`Query::judge_functions`]). The last line of defence is the warehouse's: one statement per
//! message, in a read-only transaction.
//!
//! What it does not do: know tables or types, or say what a column becomes. That is the job of
//! `warehouse` and `mapping`.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod acting;
mod characters;
mod commas;
mod deciding;
mod dialect;
mod escapes;
mod functions;
pub mod lint;
mod local;
mod names;
mod outline;
mod problem;
mod reading;
mod scan;
mod slips;
mod sql;
mod templates;
mod variable;
mod words;

use outflow_core::{Column, Dialect, Error};

use crate::functions::Referenced;
pub use crate::local::ZoneConversion;
use crate::names::Names;
use crate::scan::Scan;
use crate::variable::Form;
pub use crate::variable::LastSyncTime;

/// A query that may be sent.
#[derive(Clone, Debug)]
pub struct Query {
    text: String,
    dialect: Dialect,
    pieces: Vec<Piece>,
    names: Names,
    referenced: Referenced,
}

/// The text is its pieces in order.
#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Variable { form: Form, quoted: bool },
}

impl Query {
    /// Reads a query as its author wrote it.
    ///
    /// # Errors
    /// Every problem of the text, each with its line and column: Q001, Q002, Q003, Q007, and
    /// Q016 to Q018.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Query, Vec<Error>> {
        let scan = Scan::new(text, dialect);
        // All else that is said about a text with such characters would be said about another text.
        let mut problems = characters::check(&scan);
        if problems.is_empty() {
            problems.extend(scan.problems.clone());
            problems.extend(reading::check(&scan));
            problems.extend(templates::check(&scan));
            problems.extend(commas::check(&scan));
            problems.extend(slips::check(&scan));
        }
        if !problems.is_empty() {
            problems.sort_by_key(|p| p.at);
            return Err(problems.into_iter().map(|p| p.into_error(text)).collect());
        }
        let pieces = pieces(&scan);
        let (names, referenced) = (Names::default(), Referenced::of(&scan));
        let mut query = Query { text: text.to_owned(), dialect, pieces, names, referenced };
        query.names = if scan.is_small() {
            match sql::parse(&query.render(&LastSyncTime::Seconds(0)), scan.rules) {
                Some(ast) => {
                    sql::check(&ast).map_err(|e| vec![e])?;
                    Names::of_query(&ast)
                }
                None => Names::of_aliases(&scan),
            }
        } else {
            Names::of_aliases(&scan)
        };
        Ok(query)
    }

    /// Whether the text depends on the previous run at all.
    pub fn uses_last_sync_time(&self) -> bool {
        self.pieces.iter().any(|p| matches!(p, Piece::Variable { .. }))
    }

    /// Whether its database knows the type of an expression without running it.
    pub fn has_static_types(&self) -> bool {
        dialect::rules(self.dialect).static_types
    }

    /// Its database's SQL.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The columns of the select list that are converted to the wall clock of a zone.
    pub fn zone_conversions(&self) -> Vec<ZoneConversion> {
        local::of_text(&self.render(&LastSyncTime::Seconds(0)), dialect::rules(self.dialect))
    }

    /// Whether what is compared was converted to UTC.
    pub fn compares_utc(&self, comparison: &lint::Comparison) -> bool {
        let Some(probe) = &comparison.probe else { return false };
        let times = local::of_text(probe, dialect::rules(self.dialect));
        times.iter().any(ZoneConversion::is_utc)
    }

    /// The text as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text to send: variables replaced, a `;` at the end dropped, all else as written.
    pub fn render(&self, value: &LastSyncTime) -> String {
        let mut out = String::new();
        let rules = dialect::rules(self.dialect);
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Variable { form, quoted } => value.render(*form, *quoted, rules, &mut out),
            }
        }
        out
    }

    /// The parts of a text that a line break ends or that hold what it becomes: `--` comments,
    /// strings and quoted names, in order. A text that cannot be read has none.
    pub fn line_parts(text: &str, dialect: Dialect) -> Vec<std::ops::Range<usize>> {
        let scan = Scan::new(text, dialect);
        let is_line = |c: &&std::ops::Range<usize>| text[c.start..].starts_with("--");
        let comments = scan.comments.iter().filter(is_line).cloned();
        let holds = |t: &&scan::Token| matches!(t.kind, scan::Kind::Literal | scan::Kind::Quoted);
        let mut parts: Vec<_> =
            comments.chain(scan.tokens.iter().filter(holds).map(|t| t.start..t.end)).collect();
        parts.sort_by_key(|part| part.start);
        parts
    }

    /// Gives column names back the case in which the query has them. Names that differ in more than
    /// the case of ASCII letters are left alone.
    pub fn restore_names(&self, columns: &mut [Column]) {
        self.names.restore(columns);
    }
}

/// Cuts the variables and the `;` at the end out of the text.
fn pieces(scan: &Scan<'_>) -> Vec<Piece> {
    let variables =
        scan.slots.iter().map(|s| (s.start, s.end, Some(Piece::Variable { form: s.form, quoted: s.quoted })));
    let semicolons = reading::trailing_semicolons(&scan.tokens).iter().map(|t| (t.start, t.end, None));
    let mut pieces = Vec::new();
    let mut at = 0;
    for (start, end, piece) in variables.chain(semicolons) {
        if at < start {
            pieces.push(Piece::Text(scan.text[at..start].to_owned()));
        }
        pieces.extend(piece);
        at = end;
    }
    if at < scan.text.len() {
        pieces.push(Piece::Text(scan.text[at..].to_owned()));
    }
    pieces
}
