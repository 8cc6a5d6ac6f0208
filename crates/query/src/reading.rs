//! One statement, and one that reads: what the words alone show.
//!
//! This looks at words outside strings, quoted names and comments, so it holds for SQL that no
//! parser of ours knows. It refuses a word only where that word could begin a writing part of a
//! statement; a column named `update` or `lock` passes.

use outflow_core::Code;

use crate::problem::Problem;
use crate::scan::{Kind, Scan, Token};

/// What must not be at the beginning of a statement, or of a part of one.
const WRITING: &[&str] = &[
    "ALTER", "ANALYZE", "BEGIN", "CALL", "COMMIT", "COPY", "CREATE", "DECLARE", "DELETE", "DO", "DROP",
    "EXECUTE", "GRANT", "INSERT", "LOCK", "MERGE", "REVOKE", "SET", "TRUNCATE", "UNLOAD", "UPDATE", "VACUUM",
];

/// Behind these an opening parenthesis can hold a statement.
const BEFORE_STATEMENT: &[&str] = &["AS", "MATERIALIZED", "UNION", "EXCEPT", "INTERSECT", "MINUS", "ALL"];

const ONLY_READS: &str = "Outflow only reads: a query is one SELECT, with or without WITH in front";

/// Everything that is wrong with the text as one reading statement.
pub(crate) fn check(scan: &Scan<'_>) -> Vec<Problem> {
    let tokens = &scan.tokens[..scan.tokens.len() - trailing_semicolons(&scan.tokens).len()];
    let Some(first) = tokens.iter().find(|t| t.kind != Kind::Symbol(b'(')) else {
        let at = scan.text.len() - scan.text.trim_start().len();
        // A text that is one unfinished string or comment has a separate problem.
        let empty = scan.problems.is_empty();
        return empty
            .then(|| Problem::new(at, Code::QueryNotReadOnly, "the query is empty", ONLY_READS))
            .into_iter()
            .collect();
    };
    let mut problems = Vec::new();
    if !scan.is(first, "SELECT") && !scan.is(first, "WITH") {
        let shown: String = scan.of(first).chars().take(20).collect();
        let message = format!("a query begins with SELECT or WITH, not with {shown:?}");
        let path = scan.text.trim();
        let is_path = !path.contains(char::is_whitespace)
            && path.get(path.len().saturating_sub(4)..).is_some_and(|end| end.eq_ignore_ascii_case(".sql"));
        if is_path {
            let help = format!("a query that stands in a file is written so: query: {{ file: {path} }}");
            return vec![Problem::new(first.start, Code::QueryNotReadOnly, message, help)];
        }
        problems.push(Problem::new(first.start, Code::QueryNotReadOnly, message, ONLY_READS));
    }
    if let Some(i) = tokens.iter().position(|t| t.kind == Kind::Symbol(b';')) {
        let help = "keep one of them; only blanks and comments may follow a `;`";
        problems.push(Problem::new(
            tokens[i].start,
            Code::MultipleStatements,
            "the query holds more than one statement",
            help,
        ));
    }
    problems.extend(writing_words(scan, tokens));
    problems
}

/// The `;` at the end, which say nothing.
pub(crate) fn trailing_semicolons(tokens: &[Token]) -> &[Token] {
    let count = tokens.iter().rev().take_while(|t| t.kind == Kind::Symbol(b';')).count();
    &tokens[tokens.len() - count..]
}

/// What the walk knows about the parenthesis it is in.
#[derive(Clone, Copy)]
struct Level {
    /// The next token begins a statement.
    begins: bool,
    /// Behind WITH and before the statement that it belongs to.
    in_with: bool,
}

fn writing_words(scan: &Scan<'_>, tokens: &[Token]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut level = Level { begins: true, in_with: false };
    let mut outer = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| &tokens[i]);
        let rest = &tokens[i + 1..];
        match token.kind {
            Kind::Symbol(b'(') => {
                let holds_statement =
                    level.begins || before.is_some_and(|t| is_any(scan, t, BEFORE_STATEMENT));
                outer.push(Level { begins: false, ..level });
                level = Level { begins: holds_statement, in_with: false };
                continue;
            }
            Kind::Symbol(b')') => level = outer.pop().unwrap_or(level),
            Kind::Word => {
                let starts_part =
                    level.begins || (level.in_with && before.is_some_and(|t| t.kind == Kind::Symbol(b')')));
                if (starts_part && i > 0 && is_any(scan, token, WRITING)) || writes(scan, before, token, rest)
                {
                    problems.push(refusal(scan, token));
                }
                problems.extend(acting(scan, token, rest));
                if level.begins && scan.is(token, "WITH") {
                    level.in_with = true;
                } else if scan.is(token, "SELECT") {
                    level.in_with = false;
                }
            }
            Kind::Quoted => problems.extend(acting(scan, token, rest)),
            _ => {}
        }
        level.begins = false;
    }
    problems
}

/// The refusal of a call of a function that does more than read.
fn acting(scan: &Scan<'_>, token: &Token, rest: &[Token]) -> Option<Problem> {
    rest.first().filter(|t| t.kind == Kind::Symbol(b'('))?;
    let name = scan.name(token).to_ascii_lowercase();
    let family = scan.rules.acting.iter().copied().flatten().find(|family| family.has(&name))?;
    let shown = name.escape_debug();
    Some(Problem::new(
        token.start,
        Code::QueryNotReadOnly,
        format!("the query does more than read: {shown}() {}", family.does),
        format!("{ONLY_READS}; leave {shown}() out"),
    ))
}

/// Words that write or lock at any place.
fn writes(scan: &Scan<'_>, before: Option<&Token>, token: &Token, rest: &[Token]) -> bool {
    let names_something = before.is_some_and(|t| t.kind == Kind::Symbol(b'.') || is_any(scan, t, &["AS"]));
    if names_something {
        return false;
    }
    let next = |i: usize, words: &[&str]| rest.get(i).is_some_and(|t| is_any(scan, t, words));
    let opens = |i: usize| rest.get(i).is_some_and(|t| t.kind == Kind::Symbol(b'('));
    let is = |word| scan.is(token, word);
    let locks = next(0, &["UPDATE", "SHARE"])
        || (next(0, &["KEY"]) && next(1, &["SHARE"]))
        || (next(0, &["NO"]) && next(1, &["KEY"]));
    is("INTO")
        || (is("FOR") && locks)
        || (is("UNLOAD") && opens(0))
        || (is("CALL") && rest.first().is_some_and(|t| t.kind == Kind::Word) && opens(1))
}

fn is_any(scan: &Scan<'_>, token: &Token, words: &[&str]) -> bool {
    token.kind == Kind::Word && words.iter().any(|w| scan.of(token).eq_ignore_ascii_case(w))
}

fn refusal(scan: &Scan<'_>, token: &Token) -> Problem {
    let word = scan.of(token).to_ascii_uppercase();
    let message = match word.as_str() {
        "FOR" => "the query locks the rows that it reads".to_owned(),
        _ => format!("the query does more than read: {word}"),
    };
    let help = format!("{ONLY_READS}; a name that is spelled like this word needs double quotes");
    Problem::new(token.start, Code::QueryNotReadOnly, message, help)
}
