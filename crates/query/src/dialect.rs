//! What differs between the SQL of databases: one table with a column for each dialect.
//!
//! What always holds: this is the only place in the crate that compares dialects; all else asks the
//! table. What it does not do: talk to a database. How a kind of database is reached, and what
//! its catalogue is called, is the `warehouse` crate's.

use outflow_core::Dialect;
use sqlparser::ast::Statement;
use sqlparser::dialect::{PostgreSqlDialect, RedshiftSqlDialect, SQLiteDialect};
use sqlparser::parser::{Parser, ParserError};

use crate::acting::{self, Family};
use crate::words;

/// The facts of one dialect.
#[derive(Debug)]
pub(crate) struct Rules {
    /// What people call the database.
    pub(crate) name: &'static str,
    /// The full parser for it.
    pub(crate) parse: fn(&str) -> Result<Vec<Statement>, ParserError>,

    // Tokens.
    pub(crate) nested_comments: bool,
    /// A carriage return alone ends a line too, and with it a `--` comment.
    pub(crate) carriage_return_ends_line: bool,
    /// `$tag$ … $tag$` is a string.
    pub(crate) dollar_strings: bool,
    /// `E'…'` is a string with backslash escapes.
    pub(crate) e_strings: bool,
    /// `U&"…"` is a name, and `U&'…'` a string, with unicode escapes.
    pub(crate) unicode_escapes: bool,
    /// A backslash escapes in every string.
    pub(crate) backslash_escapes: bool,
    /// Names stand in `` `…` `` and `[…]` as well.
    pub(crate) odd_name_quotes: bool,

    // Clauses.
    /// `SELECT TOP n`.
    pub(crate) top: bool,
    pub(crate) qualify: bool,
    /// MINUS means EXCEPT.
    pub(crate) minus: bool,

    // Values.
    /// A literal names its type, as in `DATE '2026-01-31'`; without, a time is a plain string.
    pub(crate) typed_literals: bool,
    /// The database knows the type of an expression without running it.
    pub(crate) static_types: bool,
    /// What a comparison of a number with a time does.
    pub(crate) number_with_time: &'static str,
    pub(crate) text_comparison: TextComparison,
    /// What EXTRACT(epoch …) around a column loses, as the end of a sentence.
    pub(crate) epoch_note: &'static str,

    // Names.
    pub(crate) folding: Folding,
    /// Words that are no names without quotes; empty where nothing is said about them.
    pub(crate) reserved: &'static str,
    /// Those of them that can only be meant as names.
    pub(crate) reserved_as_names: &'static str,

    // Functions.
    /// Those that do more than compute, whatever the catalogue says.
    pub(crate) acting: &'static [&'static [Family]],
    /// What the database's catalogue decides.
    pub(crate) catalogue: Catalogue,
    /// Words that stand for another value in every run, besides those of every dialect.
    pub(crate) volatile_words: &'static [&'static str],
    /// String arguments that do.
    pub(crate) volatile_literals: &'static [&'static str],
    /// Functions that fail in a query of a table.
    pub(crate) leader_functions: &'static [&'static str],
    /// The same without parentheses.
    pub(crate) leader_words: &'static [&'static str],

    /// What relatives of this database have and it has not.
    pub(crate) lacks: &'static [Syntax],

    /// A result has no more columns than this.
    pub(crate) max_columns: Option<usize>,
}

/// Parts of queries that not every database has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// `SELECT DISTINCT ON (…)`.
    DistinctOn,
    /// `FROM a, LATERAL (…)`.
    Lateral,
    /// `COUNT(*) FILTER (WHERE …)`.
    Filter,
    /// `FETCH FIRST … WITH TIES`.
    WithTies,
    /// `FROM (VALUES (…))`.
    ValuesTable,
    /// `COUNT(DISTINCT a) OVER (…)`.
    WindowDistinct,
    /// Names in backticks.
    Backticks,
}

/// What the catalogue of a database decides about the functions of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Catalogue {
    /// A function that it marks as volatile is refused. Where it cannot be read, so are functions
    /// that are not known.
    Decides,
    /// The same of functions of users; those of the server are judged by name alone, as no one
    /// outside knows how it marks them. Where it cannot be read, the text decides.
    DecidesOnUsers,
    /// There is none: all functions are the library's.
    Silent,
}

/// How a database changes the case of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Folding {
    /// Every name becomes lower case.
    All(FoldingNote),
    /// A name without quotes does.
    Unquoted(FoldingNote),
    Never,
}

/// What to say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FoldingNote {
    pub(crate) what: &'static str,
    pub(crate) help: &'static str,
}

/// What a comparison of a text with a number or a time does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextComparison {
    /// It is an error.
    Refused,
    /// The other value becomes a text.
    AsText,
    /// The same, and times are texts anyway.
    TimesAreTexts,
}

const REDSHIFT: Rules = Rules {
    name: "Redshift",
    parse: |text| Parser::parse_sql(&RedshiftSqlDialect {}, text),
    backslash_escapes: true,
    top: true,
    qualify: true,
    minus: true,
    text_comparison: TextComparison::AsText,
    epoch_note: "; on Redshift EXTRACT(epoch) also drops fractions of a second and ends in the year 2038",
    folding: Folding::All(FoldingNote {
        what: "Redshift folds every name to lower case, quoted or not",
        help: "nothing need be done; with enable_case_sensitive_identifier on, quoted names keep \
               their case, and the calls are the same",
    }),
    reserved: words::RESERVED,
    reserved_as_names: words::ONLY_NAMES,
    catalogue: Catalogue::DecidesOnUsers,
    volatile_words: &["SYSDATE"],
    leader_functions: LEADER_FUNCTIONS,
    leader_words: &["CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP"],
    // Database Developer Guide, "Unsupported PostgreSQL features" and the pages of the functions.
    lacks: &[
        Syntax::DistinctOn,
        Syntax::Lateral,
        Syntax::Filter,
        Syntax::WithTies,
        Syntax::ValuesTable,
        Syntax::WindowDistinct,
        Syntax::Backticks,
    ],
    // Database Developer Guide, "Quotas and limits".
    max_columns: Some(1_600),
    ..POSTGRES
};

const POSTGRES: Rules = Rules {
    name: "PostgreSQL",
    parse: |text| Parser::parse_sql(&PostgreSqlDialect {}, text),
    nested_comments: true,
    carriage_return_ends_line: true,
    dollar_strings: true,
    e_strings: true,
    unicode_escapes: true,
    backslash_escapes: false,
    odd_name_quotes: false,
    top: false,
    qualify: false,
    minus: false,
    typed_literals: true,
    static_types: true,
    number_with_time: "which the database refuses",
    text_comparison: TextComparison::Refused,
    epoch_note: "",
    folding: Folding::Unquoted(FoldingNote {
        what: "PostgreSQL folds names without quotes to lower case",
        help: "nothing need be done",
    }),
    reserved: "",
    reserved_as_names: "",
    acting: &[acting::OF_SERVERS],
    catalogue: Catalogue::Decides,
    volatile_words: &[],
    volatile_literals: &[],
    leader_functions: &[],
    leader_words: &[],
    lacks: &[Syntax::WindowDistinct, Syntax::Backticks],
    max_columns: None,
};

const SQLITE: Rules = Rules {
    name: "SQLite",
    parse: |text| Parser::parse_sql(&SQLiteDialect {}, text),
    nested_comments: false,
    carriage_return_ends_line: false,
    dollar_strings: false,
    e_strings: false,
    unicode_escapes: false,
    backslash_escapes: false,
    odd_name_quotes: true,
    top: false,
    qualify: false,
    minus: false,
    typed_literals: false,
    static_types: false,
    number_with_time: "which is never true",
    text_comparison: TextComparison::TimesAreTexts,
    epoch_note: "",
    folding: Folding::Never,
    reserved: "",
    reserved_as_names: "",
    acting: &[acting::OF_SQLITE, acting::OF_SERVERS],
    catalogue: Catalogue::Silent,
    volatile_words: &[],
    volatile_literals: &["'now'"],
    leader_functions: &[],
    leader_words: &[],
    lacks: &[Syntax::DistinctOn, Syntax::Lateral, Syntax::WithTies, Syntax::WindowDistinct],
    max_columns: None,
};

/// Functions that Redshift's compute nodes do not have (Database Developer Guide, "Leader node-only
/// functions" and "Unsupported PostgreSQL functions").
const LEADER_FUNCTIONS: &[&str] = &[
    "AGE",
    "CLOCK_TIMESTAMP",
    "CURRENT_SCHEMA",
    "CURRENT_SCHEMAS",
    "FACTORIAL",
    "GENERATE_SERIES",
    "GETBIT",
    "GET_BYTE",
    "HAS_DATABASE_PRIVILEGE",
    "HAS_SCHEMA_PRIVILEGE",
    "HAS_TABLE_PRIVILEGE",
    "ISFINITE",
    "NOW",
    "PG_SLEEP",
    "SET_BIT",
    "SET_BYTE",
    "STRING_AGG",
    "TO_ASCII",
];

pub(crate) fn rules(dialect: Dialect) -> &'static Rules {
    match dialect {
        Dialect::Redshift => &REDSHIFT,
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite => &SQLITE,
    }
}
