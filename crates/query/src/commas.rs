//! A comma with nothing behind it: other databases allow it, those that Outflow reads do not.

use outflow_core::Code;

use crate::problem::Problem;
use crate::scan::{Kind, Scan};

/// Words that end a list and are reserved, so that they cannot be a name in it.
const ENDS: &[&str] = &["FROM", "WHERE", "HAVING", "UNION", "EXCEPT", "INTERSECT"];

/// Every comma that the text shows to be one too many.
pub(crate) fn check(scan: &Scan<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let tokens = &scan.tokens[..];
    for (i, token) in tokens.iter().enumerate().filter(|(_, t)| t.kind == Kind::Symbol(b',')) {
        let next = tokens.get(i + 1);
        let word = |n: usize, word: &str| tokens.get(i + n).is_some_and(|t| scan.is(t, word));
        let before = match next {
            // It may end inside a string that nothing closes.
            None if !scan.problems.is_empty() => continue,
            None => "the end of the query".to_owned(),
            Some(t) if matches!(t.kind, Kind::Symbol(b')' | b']' | b',' | b';')) => {
                format!("`{}`", scan.of(t))
            }
            Some(t) if ENDS.iter().any(|end| scan.is(t, end)) => scan.of(t).to_ascii_uppercase(),
            Some(t) if (word(1, "GROUP") || word(1, "ORDER")) && word(2, "BY") => {
                format!("{} BY", scan.of(t).to_ascii_uppercase())
            }
            // Behind the last query of a WITH.
            Some(t)
                if scan.is(t, "SELECT")
                    && i.checked_sub(1).is_some_and(|p| tokens[p].kind == Kind::Symbol(b')')) =>
            {
                "SELECT".to_owned()
            }
            Some(_) => continue,
        };
        let message = format!("a comma stands before {before}");
        let help = "take it out, or write what was to follow it";
        problems.push(Problem::new(token.start, Code::StrayComma, message, help));
    }
    problems
}
