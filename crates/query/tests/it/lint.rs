//! Findings: which queries have which, where, and what the fix makes of them.

mod columns;
mod compared;
mod increments;
mod properties;
mod sane;
mod syntax;
mod words;

use outflow_core::{CallType, Code, Dialect};
use outflow_query::lint::{Context, Finding};

use crate::parse;

/// The findings of an identify query.
fn lint(text: &str, dialect: Dialect) -> Vec<Finding> {
    parse(text, dialect).lint(&Context::of(CallType::Identify))
}

/// The texts that a code is found at.
fn places(text: &str, dialect: Dialect, code: Code) -> Vec<String> {
    at(text, &lint(text, dialect), code)
}

/// The texts of these findings that have this code.
fn at(text: &str, findings: &[Finding], code: Code) -> Vec<String> {
    findings.iter().filter(|f| f.code == code).map(|f| text[f.start..f.end].to_owned()).collect()
}

/// Makes every change that is offered, the last one first.
fn fix_all(text: &str, findings: &[Finding]) -> String {
    let mut fixes: Vec<_> = findings.iter().filter_map(|f| f.fix.clone()).collect();
    fixes.sort_by_key(|f| std::cmp::Reverse(f.start));
    let mut fixed = text.to_owned();
    let mut before = usize::MAX;
    for fix in fixes {
        if fix.end <= before {
            before = fix.start;
            fixed = fix.apply(&fixed);
        }
    }
    fixed
}

/// Demands that a code is found at these texts and nowhere in a query that is silent.
#[track_caller]
fn assert_places(dialect: Dialect, code: Code, cases: &[(&str, &[&str])]) {
    for (text, wanted) in cases {
        assert_eq!(places(text, dialect, code), *wanted, "{dialect:?}: {text}");
    }
}
