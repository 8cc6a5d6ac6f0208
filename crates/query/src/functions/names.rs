//! The names in a query by which it can run functions.

use std::collections::{BTreeMap, BTreeSet};

use outflow_core::{NameUsage, ReferencedName, References};

use crate::dialect::Folding;
use crate::problem::position;
use crate::scan::{Kind, Scan, Token};

/// PostgreSQL and Redshift cut longer names off here.
const LONGEST_NAME: usize = 63;
const LONGEST_NAME_REDSHIFT: usize = 127;

/// Characters of operators.
const OPERATORS: &[u8] = b"+-*/<>=~!@#%^&|`?";

/// What a query refers to, and where.
#[derive(Clone, Debug, Default)]
pub(crate) struct Referenced {
    pub(crate) all: References,
    /// Where each name stands for the first time.
    places: Vec<usize>,
}

impl Referenced {
    pub(crate) fn of(scan: &Scan<'_>) -> Self {
        let mut names = BTreeMap::new();
        for (i, token) in scan.tokens.iter().enumerate() {
            let Some(name) = folded(scan, token) else { continue };
            let before = |n: usize| i.checked_sub(n).map(|i| &scan.tokens[i]);
            let is_dotted = before(1).is_some_and(|t| t.kind == Kind::Symbol(b'.'));
            let schema = before(2).filter(|_| is_dotted).and_then(|t| folded(scan, t));
            let is_called = scan.tokens.get(i + 1).is_some_and(|t| t.kind == Kind::Symbol(b'('));
            let usage = match (is_called, is_dotted) {
                (true, _) => NameUsage::Called,
                (false, true) => NameUsage::Field,
                (false, false) => NameUsage::Plain,
            };
            names.entry(ReferencedName { schema, name, usage }).or_insert(token.start);
        }
        let (names, places) = names.into_iter().unzip();
        Self { all: References { names, operators: operators(scan) }, places }
    }

    /// Where a name stands, for people.
    pub(super) fn place(&self, name: &ReferencedName, text: &str) -> String {
        let at = self.all.names.iter().position(|n| n == name);
        at.map_or_else(|| "the query".to_owned(), |at| in_words(text, self.places[at]))
    }

    /// Where a function of that name is called, or else where the name stands.
    pub(super) fn place_of(&self, name: &str, text: &str) -> String {
        let mut found: Vec<_> =
            self.all.names.iter().zip(&self.places).filter(|(n, _)| n.name == name).collect();
        found.sort_by_key(|(n, at)| (n.usage, **at));
        found.first().map_or_else(|| "the query".to_owned(), |(_, at)| in_words(text, **at))
    }
}

fn in_words(text: &str, at: usize) -> String {
    let (line, column) = position(text, at);
    format!("line {line}, column {column} of the query")
}

/// The name in a token, as the server looks it up.
fn folded(scan: &Scan<'_>, token: &Token) -> Option<String> {
    let (lower, longest) = match (token.kind, scan.rules.folding) {
        (Kind::Word | Kind::Quoted, Folding::All(_)) => (true, LONGEST_NAME_REDSHIFT),
        (Kind::Word, Folding::Unquoted(_)) => (true, LONGEST_NAME),
        (Kind::Quoted, Folding::Unquoted(_)) => (false, LONGEST_NAME),
        (Kind::Word | Kind::Quoted, Folding::Never) => (false, usize::MAX),
        _ => return None,
    };
    let mut name = scan.name(token).into_owned();
    if lower {
        name.make_ascii_lowercase();
    }
    if name.len() > longest {
        let end = (0..=longest).rev().find(|&end| name.is_char_boundary(end)).unwrap_or(0);
        name.truncate(end);
    }
    Some(name)
}

/// Each run of operator characters. One run can hold several operators; whoever compares looks for
/// parts.
fn operators(scan: &Scan<'_>) -> Vec<String> {
    let mut runs = BTreeSet::new();
    let mut run: Option<(usize, usize)> = None;
    for token in &scan.tokens {
        let is_operator = matches!(token.kind, Kind::Symbol(byte) if OPERATORS.contains(&byte));
        run = match (is_operator, run) {
            (true, Some((start, end))) if end == token.start => Some((start, token.end)),
            (is_operator, ended) => {
                runs.extend(ended.map(|(start, end)| scan.text[start..end].to_owned()));
                is_operator.then_some((token.start, token.end))
            }
        };
    }
    runs.extend(run.map(|(start, end)| scan.text[start..end].to_owned()));
    runs.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use outflow_core::Dialect;

    use super::*;

    fn names(text: &str, dialect: Dialect) -> Vec<String> {
        let referenced = Referenced::of(&Scan::new(text, dialect));
        let names = referenced.all.names.iter().map(|n| {
            let dot = n.schema.as_ref().map(|s| format!("{s}.")).unwrap_or_default();
            let end = match n.usage {
                NameUsage::Called => "()",
                NameUsage::Field => "!",
                NameUsage::Plain => "",
            };
            format!("{dot}{}{end}", n.name)
        });
        names.collect()
    }

    #[test]
    fn names_are_those_that_the_server_looks_up() {
        use Dialect::{Postgres, Redshift};
        assert_eq!(
            names(r#"Select S . "Grow" /**/ (x.Y), U&"\0061" (1)"#, Postgres),
            ["a()", "s", "select", "x", "S.Grow()", "x.y!"].map(|n| n.replace("S.", "s."))
        );
        assert_eq!(names(r#"SELECT "Grow"(1)"#, Redshift), ["grow()", "select"]);
        assert_eq!(names("SELECT a.b.c(1)", Postgres), ["a", "select", "a.b!", "b.c()"]);
        let long = "x".repeat(70);
        assert_eq!(names(&format!("SELECT {long}(1)"), Postgres)[1], format!("{}()", "x".repeat(63)));
    }

    #[test]
    fn operators_are_runs_of_their_characters() {
        let scan = Scan::new("SELECT a <-> b, c+-1, '@@', d@>e -- <#>", Dialect::Postgres);
        assert_eq!(Referenced::of(&scan).all.operators, ["+-", "<->", "@>"]);
    }
}
