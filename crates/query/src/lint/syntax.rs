//! Findings about SQL that a database does not have, although its relatives do: Q126.

use std::ops::Range;

use outflow_core::Code;

use super::{Finding, Lint};
use crate::dialect::Syntax;
use crate::outline::{Outline, Select};
use crate::scan::Kind;

pub(super) fn all(lint: &Lint<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut in_backticks = false;
    for i in 0..lint.outline.scan.tokens.len() {
        if lint.outline.is_symbol(i, b'`') {
            in_backticks = !in_backticks;
            if !in_backticks {
                continue;
            }
        }
        let Some((syntax, tokens)) = at(lint.outline, i) else { continue };
        if !lint.rules().lacks.contains(&syntax) {
            continue;
        }
        let (what, mut help) = words(syntax);
        if syntax == Syntax::DistinctOn && !lint.rules().qualify {
            help = "number the rows in a subquery and take the first: SELECT … FROM (SELECT …, ROW_NUMBER() OVER \
                    (PARTITION BY … ORDER BY … DESC) AS number FROM …) AS numbered WHERE number = 1";
        }
        let message = format!("{} has no {what}", lint.rules().name);
        let finding = lint.at(tokens, Code::SyntaxUnsupported, message, help);
        let fix = (syntax == Syntax::DistinctOn && lint.rules().qualify).then(|| qualified(lint, i));
        found.push(match fix.flatten() {
            Some((start, end, replacement)) => finding.fixed_by(start, end, replacement),
            None => finding,
        });
    }
    found
}

/// The syntax that begins with a token, and its tokens.
fn at(outline: &Outline<'_>, i: usize) -> Option<(Syntax, Range<usize>)> {
    let before = |words: &[&str]| i.checked_sub(1).is_some_and(|b| outline.is_any(b, words));
    let behind = |symbol: u8| i.checked_sub(1).is_some_and(|b| outline.is_symbol(b, symbol));
    if outline.is_symbol(i, b'`') {
        return Some((Syntax::Backticks, i..i + 1));
    }
    if !outline.is_free_word(i) {
        return None;
    }
    let opens = outline.is_symbol(i + 1, b'(');
    if outline.is(i, "DISTINCT") && before(&["SELECT"]) && outline.is(i + 1, "ON") {
        return Some((Syntax::DistinctOn, i..i + 2));
    }
    if outline.is(i, "LATERAL") && (before(&["JOIN", "FROM"]) || behind(b',')) && opens {
        return Some((Syntax::Lateral, i..i + 1));
    }
    if outline.is(i, "FILTER") && behind(b')') && opens && outline.is(i + 2, "WHERE") {
        return Some((Syntax::Filter, i..i + 1));
    }
    if outline.is(i, "WITH") && before(&["ROW", "ROWS"]) && outline.is(i + 1, "TIES") {
        return Some((Syntax::WithTies, i..i + 2));
    }
    if outline.is(i, "VALUES") && behind(b'(') && opens {
        return Some((Syntax::ValuesTable, i..i + 1));
    }
    let over = |open: usize| {
        let close = outline.partner(open)?;
        Some(outline.is(close + 1, "OVER"))
    };
    if outline.is(i, "DISTINCT") && behind(b'(') && over(i - 1) == Some(true) {
        return Some((Syntax::WindowDistinct, i..i + 1));
    }
    None
}

const fn words(syntax: Syntax) -> (&'static str, &'static str) {
    match syntax {
        Syntax::DistinctOn => (
            "DISTINCT ON",
            "number the rows and take the first: QUALIFY ROW_NUMBER() OVER (PARTITION BY … ORDER BY … DESC) = 1, \
             or the same in a subquery",
        ),
        Syntax::Lateral => (
            "LATERAL",
            "join a subquery that is grouped or numbered by the key; the elements of a SUPER column stand in FROM as t.column",
        ),
        Syntax::Filter => {
            ("FILTER behind an aggregate", "write the condition inside: SUM(CASE WHEN … THEN x END)")
        }
        Syntax::WithTies => (
            "FETCH … WITH TIES",
            "number the rows with RANK() OVER (ORDER BY …) in a subquery, and take those up to the number",
        ),
        Syntax::ValuesTable => {
            ("VALUES in place of a table", "write SELECT … UNION ALL SELECT …, or keep the values in a table")
        }
        Syntax::WindowDistinct => (
            "DISTINCT in a window function",
            "count the distinct values in a grouped subquery, and join it; or DENSE_RANK() both ways",
        ),
        Syntax::Backticks => (
            "names in backticks, as MySQL and BigQuery have them",
            "put the name in double quotes, or in none",
        ),
    }
}

/// `DISTINCT ON (a) … ORDER BY a, b DESC` with QUALIFY: the bytes from DISTINCT to the end of ORDER
/// BY, and what stands there instead. Where QUALIFY follows a table, Redshift wants an alias of it.
fn qualified(lint: &Lint<'_>, distinct: usize) -> Option<(usize, usize, String)> {
    let outline = lint.outline;
    let select: &Select = outline.selects.iter().find(|s| s.at + 1 == distinct)?;
    let open = distinct + 2;
    let close = outline.partner(open)?;
    let order = select.order.clone().filter(|o| outline.is(o.start + 1, "BY"))?;
    let (alias_at, alias) = alias(lint, select)?;
    if !select.limits.is_empty() {
        return None;
    }
    let text = |tokens: &Range<usize>| {
        let (start, end) = outline.span(tokens);
        lint.text()[start..end].to_owned()
    };
    let keys = outline.split(&(open + 1..close));
    let by = outline.split(&(order.start + 2..order.end));
    let is_key = |part: &&Range<usize>| !keys.iter().any(|key| text(key).eq_ignore_ascii_case(&text(part)));
    let rest: Vec<String> = by.iter().filter(is_key).map(&text).collect();
    if keys.is_empty() || rest.is_empty() {
        return None;
    }
    let keys: Vec<String> = keys.iter().map(&text).collect();
    let (start, end) = (outline.token(distinct)?.start, outline.span(&order).1);
    let behind = outline.token(close + 1)?;
    if matches!(behind.kind, Kind::Symbol(_)) {
        return None;
    }
    let last = outline.span(&order).0;
    let at = alias_at.filter(|at| (behind.start..last).contains(at)).unwrap_or(last);
    let between = format!("{}{alias}{}", &lint.text()[behind.start..at], &lint.text()[at..last]);
    let qualify = format!(
        "QUALIFY ROW_NUMBER() OVER (PARTITION BY {} ORDER BY {}) = 1",
        keys.join(", "),
        rest.join(", ")
    );
    Some((start, end, format!("{between}{qualify}")))
}

/// Where an alias has to be put behind the table in FROM, and the alias. `None`: it is not certain.
fn alias(lint: &Lint<'_>, select: &Select) -> Option<(Option<usize>, String)> {
    let outline = lint.outline;
    let from = select.from.as_ref()?;
    // Behind GROUP BY and the like, QUALIFY does not follow FROM.
    let follows = select.order.as_ref().is_some_and(|order| order.start == from.end);
    if select.condition.is_some() || !follows {
        return Some((None, String::new()));
    }
    let last = outline.split(from).pop()?;
    if outline.is_path(&last) {
        let name = outline.name(last.end - 1);
        let written = outline.text(last.end - 1);
        return (!name.is_empty()).then(|| (Some(outline.span(&last).1), format!(" AS {written}")));
    }
    let joins = outline.own(&last).any(|i| outline.is_any(i, &["JOIN"]));
    let is_bound = outline.own(&last).any(|i| outline.is_any(i, &["ON", "USING"]));
    (!joins || is_bound).then(|| (None, String::new()))
}
