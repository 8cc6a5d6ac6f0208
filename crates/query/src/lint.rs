//! What the author of a query should know before it runs: findings with a place in the text, and a
//! fix where one is certain.
//!
//! What always holds: a finding's bytes lie in the text as written; a fix makes its finding go away
//! and leaves a query that parses. Where the words are ambiguous, there is no finding: no finding
//! is better than a wrong one. A text beyond the bounds of `Scan::is_small` gets none but the
//! simplest.
//!
//! What it does not do: ask a database. A caller that has one asks it about [`Query::comparisons`]
//! and passes on what it said.

mod aliases;
mod columns;
mod compared;
mod comparison;
mod functions;
mod increments;
mod names;
mod syntax;
mod variables;

use std::ops::Range;
use std::time::Duration;

use outflow_core::{CallType, Code, Column, ColumnType, Error};

use crate::Query;
use crate::dialect::{Folding, Rules};
use crate::outline::{Name, Outline, Select};
use crate::problem::position;
use crate::scan::{Kind, Scan};
pub use columns::{too_many, two_cases};
pub use compared::Known;
pub use comparison::Comparison;

/// What a query is for.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What each row becomes.
    pub call_type: CallType,
    /// The sync's cursor column.
    pub cursor: Option<&'a str>,
    /// What is taken off `last_sync_time`.
    pub lookback: Duration,
    /// Whether its calls go to Customer.io.
    pub customer_io: bool,
    /// Whether two columns of such a call fill the same field.
    pub same_field: fn(CallType, &str, &str) -> bool,
    /// What a database says about [`Query::comparisons`], in their order; empty without one.
    pub known: &'a [Option<Known>],
}

/// Something that the author of a query should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its code. The severity follows from it.
    pub code: Code,
    /// One sentence without a full stop.
    pub message: String,
    /// The first byte in the text as written.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What to do.
    pub help: String,
    /// A change of the text that makes it go away.
    pub fix: Option<Fix>,
}

/// A change of a query's text: these bytes become this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// The first byte in the text as written.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What stands there instead.
    pub replacement: String,
}

/// Lines and columns from 1; columns are counted in characters, and the end stands behind the last
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The line in which it begins.
    pub line: usize,
    /// The column in which it begins.
    pub column: usize,
    /// The line in which it ends.
    pub end_line: usize,
    /// The column in which it ends.
    pub end_column: usize,
}

impl Finding {
    /// A finding at these bytes, without a fix.
    pub fn new(
        code: Code,
        start: usize,
        end: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { code, message: message.into(), start, end, help: help.into(), fix: None }
    }

    /// The same with a change of the text that makes it go away.
    #[must_use]
    pub fn fixed_by(mut self, start: usize, end: usize, replacement: String) -> Self {
        self.fix = Some(Fix { start, end, replacement });
        self
    }

    fn also(mut self, help: &str) -> Self {
        self.help = format!("{}; {help}", self.help);
        self
    }

    /// Where it is in the query that it was found in.
    pub fn span(&self, text: &str) -> Span {
        let (line, column) = position(text, self.start);
        let (end_line, end_column) = position(text, self.end);
        Span { line, column, end_line, end_column }
    }

    /// The same as an error, with the fix as a line of its own. `text` is the query that it was
    /// found in.
    pub fn to_error(&self, text: &str) -> Error {
        let (line, column) = position(text, self.start);
        let help = match &self.fix {
            Some(fix) if !fix.replacement.is_empty() => {
                format!(
                    "{}\nwrite `{}` in place of `{}`",
                    self.help,
                    fix.replacement,
                    &text[fix.start..fix.end]
                )
            }
            _ => self.help.clone(),
        };
        Error::new(self.code, self.message.clone())
            .at(format!("line {line}, column {column} of the query"))
            .help(help)
    }
}

impl Fix {
    /// The text with the change made.
    pub fn apply(&self, text: &str) -> String {
        format!("{}{}{}", &text[..self.start], self.replacement, &text[self.end..])
    }
}

/// The columns that a query's text names.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// The bytes of the word SELECT before the list.
    pub select: (usize, usize),
    /// The names as written, in order.
    pub names: Vec<String>,
    /// The bytes of each name, and whether it is an alias and not the column itself.
    pub places: Vec<((usize, usize), bool)>,
    /// Each column has its name in the text or one that the server makes up: none may be called
    /// otherwise.
    pub is_complete: bool,
    /// The server makes up the name of a column.
    pub has_made_up: bool,
}

/// What the rules look at.
struct Lint<'a> {
    context: &'a Context<'a>,
    outline: &'a Outline<'a>,
    /// The SELECT whose list names the result's columns, and those names.
    output: Option<&'a Select>,
    names: Vec<Name>,
    /// What the columns of [`Lint::named`] are called in calls.
    called: Vec<String>,
}

/// Whether a word makes a condition of what it stands in.
fn decides(outline: &Outline<'_>, i: usize) -> bool {
    outline.is_any(i, &["CASE", "BETWEEN", "IN", "EXISTS", "SELECT"])
        || b"<>=".iter().any(|s| outline.is_symbol(i, *s))
}

impl Lint<'_> {
    fn text(&self) -> &str {
        self.outline.scan.text
    }

    fn rules(&self) -> &'static Rules {
        self.outline.scan.rules
    }

    /// A finding at some tokens.
    fn at(&self, tokens: Range<usize>, code: Code, message: impl Into<String>, help: &str) -> Finding {
        let (start, end) = self.outline.span(&tokens);
        Finding::new(code, start, end, message, help)
    }

    /// The columns of the result that the text names: the token of the name, and the name.
    fn named(&self) -> impl Iterator<Item = (usize, String)> {
        self.names.iter().filter_map(|name| match name {
            Name::Alias(token) | Name::Column(token) => Some((*token, self.outline.name(*token))),
            _ => None,
        })
    }

    fn is_complete(&self) -> bool {
        !self.names.is_empty() && !self.names.iter().any(|n| matches!(n, Name::Wildcard | Name::Unclear))
    }
}

impl Query {
    /// Everything that its author should know, in the order of the text.
    pub fn lint(&self, context: &Context<'_>) -> Vec<Finding> {
        let scan = self.scan();
        let mut found = increments::text(&scan);
        if scan.is_small() {
            let outline = Outline::new(&scan);
            let output = outline.output();
            let names =
                output.map_or_else(Vec::new, |s| s.items.iter().map(|i| outline.item_name(i)).collect());
            let mut lint = Lint { context, outline: &outline, output, names, called: Vec::new() };
            lint.called = self.called(&lint);
            found.extend(increments::limits(&lint));
            found.extend(columns::all(&lint));
            found.extend(aliases::all(&lint));
            found.extend(names::all(&lint));
            found.extend(syntax::all(&lint));
            found.extend(variables::all(&lint));
            found.extend(functions::all(&lint));
            for (i, comparison) in comparison::find(&outline).iter().enumerate() {
                let known = context.known.get(i).and_then(Option::as_ref);
                found.extend(compared::judge(&lint, comparison, known));
            }
        }
        found.sort_by_key(|f| (f.start, f.code));
        found
    }

    /// Every comparison of an expression with the variable, for a database to be asked about.
    pub fn comparisons(&self) -> Vec<Comparison> {
        let scan = self.scan();
        if scan.is_small() { comparison::find(&Outline::new(&scan)) } else { Vec::new() }
    }

    /// The columns that the text names; `None` if it does not show which SELECT they come from.
    pub fn output(&self) -> Option<Output> {
        let scan = self.scan();
        if !scan.is_small() {
            return None;
        }
        let outline = Outline::new(&scan);
        let select = outline.output()?;
        let names = select.items.iter().map(|i| outline.item_name(i)).collect();
        let context = Context::of(CallType::Identify);
        let lint =
            Lint { context: &context, outline: &outline, output: Some(select), names, called: Vec::new() };
        let place = |name: &Name| match *name {
            Name::Alias(token) => Some((outline.span(&(token..token + 1)), true)),
            Name::Column(token) => Some((outline.span(&(token..token + 1)), false)),
            _ => None,
        };
        Some(Output {
            select: outline.span(&(select.at..select.at + 1)),
            names: lint.named().map(|(_, name)| name).collect(),
            places: lint.names.iter().filter_map(place).collect(),
            is_complete: lint.is_complete(),
            has_made_up: lint.names.contains(&Name::Made),
        })
    }

    /// What the named columns are called in calls, once the server has folded their names and
    /// [`Query::restore_names`] has given them back.
    fn called(&self, lint: &Lint<'_>) -> Vec<String> {
        let folds = |token: usize| match lint.rules().folding {
            Folding::All(_) => true,
            Folding::Unquoted(_) => lint.outline.token(token).is_some_and(|t| t.kind == Kind::Word),
            Folding::Never => false,
        };
        // The server's own names keep their places, so that the others are found by theirs.
        let column = |name: &Name| {
            let name = match *name {
                Name::Alias(token) | Name::Column(token) if folds(token) => {
                    lint.outline.name(token).to_ascii_lowercase()
                }
                Name::Alias(token) | Name::Column(token) => lint.outline.name(token),
                _ => String::new(),
            };
            Column { name, ty: ColumnType::Text, declared: String::new() }
        };
        let mut columns: Vec<Column> = lint.names.iter().map(column).collect();
        self.restore_names(&mut columns);
        let is_named = |name: &Name| matches!(name, Name::Alias(_) | Name::Column(_));
        let named = columns.into_iter().zip(&lint.names).filter(|(_, name)| is_named(name));
        named.map(|(column, _)| column.name).collect()
    }

    pub(crate) fn scan(&self) -> Scan<'_> {
        Scan::new(&self.text, self.dialect)
    }
}

impl Context<'_> {
    /// A sync of this type with nothing else said.
    pub fn of(call_type: CallType) -> Self {
        Self {
            call_type,
            cursor: None,
            lookback: Duration::from_secs(1),
            customer_io: false,
            same_field: |_, one, other| one.eq_ignore_ascii_case(other),
            known: &[],
        }
    }
}
