//! Comparisons with the variable: where they are, what stands on the other side, and the statements
//! that ask a database about it.

use std::ops::Range;

use crate::outline::{Outline, Select};
use crate::scan::{Kind, Slot};
use crate::variable::{Form, LastSyncTime};

/// A comparison of an expression with the variable.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The expression as written.
    pub expression: String,
    /// A statement whose one column is the expression; it gives no rows. `None`: the words do not
    /// tell where the expression's tables are.
    pub probe: Option<String>,
    /// A statement that gives the largest value of the expression, in the rows of the first run or
    /// in all.
    pub largest: Option<String>,
    /// It is a column as such, with nothing around it.
    pub is_column: bool,
    /// The bytes of the expression.
    pub start: usize,
    /// Where they end.
    pub end: usize,
    pub(super) value: Value,
    pub(super) around: Option<Around>,
}

impl Comparison {
    /// Whether the other side is a number without quotes.
    pub fn is_with_number(&self) -> bool {
        !self.value.quoted && matches!(self.value.form, Form::Plain | Form::Millis)
    }
}

/// The side of the variable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    pub(super) form: Form,
    /// The bytes of the variable with its quotes.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) quoted: bool,
    /// Something is added to it.
    pub(super) reckoned: bool,
    /// The bytes of a `>` that the column stands before.
    pub(super) greater: Option<(usize, usize)>,
}

/// What stands around a column.
#[derive(Clone, Debug)]
pub(super) struct Around {
    /// `EXTRACT`, `::date`.
    pub(super) what: String,
    /// The column.
    pub(super) column: String,
    /// It turns a moment into Unix seconds, which the literal can be turned from as well.
    pub(super) seconds: bool,
}

/// All comparisons with the variable, in the order of the text.
pub(super) fn find(outline: &Outline<'_>) -> Vec<Comparison> {
    let scan = outline.scan;
    let slot_in = |start: usize, end: usize| scan.slots.iter().find(|s| s.start >= start && s.end <= end);
    let mut found = Vec::new();
    for (i, token) in scan.tokens.iter().enumerate() {
        let Some(slot) = slot_in(token.start, token.end) else { continue };
        let whole = match token.kind {
            Kind::Variable => true,
            Kind::Literal => slot.start == token.start + 1 && slot.end + 1 == token.end,
            _ => false,
        };
        if whole {
            found.extend(comparison(outline, i, slot));
        }
    }
    found
}

fn comparison(outline: &Outline<'_>, at: usize, slot: &Slot) -> Option<Comparison> {
    let token = outline.token(at)?;
    let right = value_end(outline, at)?;
    let Operand { tokens: operand, greater } = operand(outline, at, right)?;
    if operand.is_empty() {
        return None;
    }
    let inner = strip(outline, operand.clone());
    let (start, end) = outline.span(&operand);
    Some(Comparison {
        expression: outline.scan.text[start..end].to_owned(),
        probe: probe(outline, &operand),
        largest: largest(outline, &operand),
        is_column: outline.is_path(&inner),
        start,
        end,
        value: Value {
            form: slot.form,
            start: token.start,
            end: token.end,
            quoted: slot.quoted,
            reckoned: right > at + 1,
            greater,
        },
        around: around(outline, &inner),
    })
}

/// Where the variable's side ends: behind itself, or behind a number that is added.
fn value_end(outline: &Outline<'_>, at: usize) -> Option<usize> {
    let mut end = at + 1;
    while b"+-*/".iter().any(|s| outline.is_symbol(end, *s)) && outline.token(end + 1)?.kind == Kind::Number {
        end += 2;
    }
    (ends_operand(outline, end, true) || is_operator(outline, end)).then_some(end)
}

/// The other side.
struct Operand {
    tokens: Range<usize>,
    /// The bytes of a `>` between it and the variable.
    greater: Option<(usize, usize)>,
}

fn operand(outline: &Outline<'_>, left: usize, right: usize) -> Option<Operand> {
    if is_operator(outline, right) {
        let first = (right..).find(|&i| !is_operator(outline, i))?;
        return Some(Operand { tokens: first..forward(outline, first)?, greater: None });
    }
    let last = left.checked_sub(1)?;
    if outline.is(last, "BETWEEN") {
        let negated = last.checked_sub(1).is_some_and(|i| outline.is(i, "NOT"));
        let end = if negated { last - 1 } else { last };
        return Some(Operand { tokens: backward(outline, end)?..end, greater: None });
    }
    let first = (0..left).rev().take_while(|&i| is_operator(outline, i)).last()?;
    let greater = (first + 1 == left && outline.is_symbol(first, b'>')).then(|| outline.span(&(first..left)));
    Some(Operand { tokens: backward(outline, first)?..first, greater })
}

fn is_operator(outline: &Outline<'_>, i: usize) -> bool {
    b"<>=!".iter().any(|s| outline.is_symbol(i, *s))
}

/// Where the operand that ends before `end` begins.
fn backward(outline: &Outline<'_>, end: usize) -> Option<usize> {
    let mut at = end;
    while let Some(i) = at.checked_sub(1) {
        if outline.is_symbol(i, b')') || outline.is_symbol(i, b']') {
            at = outline.partner(i)?;
        } else if ends_operand(outline, i, false) {
            break;
        } else if is_operator(outline, i) {
            return None;
        } else {
            at = i;
        }
    }
    Some(at)
}

/// Where the operand that begins at `start` ends.
fn forward(outline: &Outline<'_>, start: usize) -> Option<usize> {
    let mut at = start;
    while outline.token(at).is_some() && !ends_operand(outline, at, true) {
        if is_operator(outline, at) {
            return None;
        }
        at = outline.partner(at).map_or(at, |close| close.max(at)) + 1;
    }
    Some(at)
}

/// Whether a token stands outside an operand: forward, what follows it; else what precedes it.
fn ends_operand(outline: &Outline<'_>, i: usize, forward: bool) -> bool {
    const BEFORE: &[&str] = &[
        "WHERE", "AND", "OR", "NOT", "ON", "HAVING", "QUALIFY", "WHEN", "THEN", "ELSE", "CASE", "SELECT",
        "DISTINCT", "BY",
    ];
    const BEHIND: &[&str] = &[
        "AND",
        "OR",
        "GROUP",
        "ORDER",
        "HAVING",
        "QUALIFY",
        "LIMIT",
        "OFFSET",
        "FETCH",
        "UNION",
        "EXCEPT",
        "INTERSECT",
        "MINUS",
        "WHERE",
        "THEN",
        "ELSE",
        "END",
        "WINDOW",
        "LEFT",
        "RIGHT",
        "INNER",
        "FULL",
        "CROSS",
        "JOIN",
        "NATURAL",
        "AS",
        "FROM",
    ];
    let Some(token) = outline.token(i) else { return true };
    match token.kind {
        Kind::Symbol(b',' | b';') => true,
        Kind::Symbol(b'(' | b'[') => !forward,
        Kind::Symbol(b')' | b']') => forward,
        Kind::Word if outline.is_free_word(i) => outline.is_any(i, if forward { BEHIND } else { BEFORE }),
        _ => false,
    }
}

/// What stands between parentheses that mean nothing.
fn strip(outline: &Outline<'_>, mut tokens: Range<usize>) -> Range<usize> {
    while tokens.len() > 2
        && outline.is_symbol(tokens.start, b'(')
        && outline.partner(tokens.start) == Some(tokens.end - 1)
    {
        tokens = tokens.start + 1..tokens.end - 1;
    }
    tokens
}

/// Recognizes a conversion of a column that had better be one of the literal.
fn around(outline: &Outline<'_>, operand: &Range<usize>) -> Option<Around> {
    let text = |tokens: &Range<usize>| {
        let (start, end) = outline.span(tokens);
        outline.scan.text[start..end].to_owned()
    };
    // What stands inside may be converted again: the column is what is left.
    let found = |what: &str, inner: &Range<usize>, seconds| {
        let column = bare(outline, strip(outline, inner.clone()))?;
        let is_converted = column != strip(outline, inner.clone());
        Some(Around { what: what.to_owned(), column: text(&column), seconds: seconds && !is_converted })
    };
    // `column::type`
    let own: Vec<usize> = outline.own(operand).collect();
    if let Some(at) = own.iter().find(|&&i| outline.is_symbol(i, b':')) {
        let inner = strip(outline, operand.start..*at);
        // What stands further inside says more.
        return around(outline, &inner)
            .map(|around| Around { seconds: false, ..around })
            .or_else(|| found(&text(&(*at..operand.end)), &inner, false));
    }
    let open = operand.start + 1;
    if !outline.is_symbol(open, b'(') || outline.partner(open) != Some(operand.end - 1) {
        return None;
    }
    let inside = open + 1..operand.end - 1;
    let name = outline.text(operand.start).to_ascii_uppercase();
    let arguments = outline.split(&inside);
    let unit = |i: usize| outline.text(i).trim_matches('\'').to_ascii_lowercase();
    match (name.as_str(), arguments.as_slice()) {
        ("EXTRACT", [_]) if outline.is(inside.start + 1, "FROM") => {
            found("EXTRACT", &(inside.start + 2..inside.end), unit(inside.start) == "epoch")
        }
        ("DATE_PART", [part, column]) if part.len() == 1 => {
            found("DATE_PART", column, unit(part.start) == "epoch")
        }
        ("DATEDIFF", [part, from, column]) => {
            let seconds = matches!(unit(part.start).as_str(), "s" | "sec" | "second" | "seconds");
            let epoch = text(from).trim_matches('\'').starts_with("1970-01-01");
            found("DATEDIFF", column, seconds && epoch)
        }
        ("CAST", [_]) => {
            let end = outline.own(&inside).find(|&i| outline.is(i, "AS"))?;
            let inner = strip(outline, inside.start..end);
            around(outline, &inner)
                .map(|around| Around { seconds: false, ..around })
                .or_else(|| found("CAST", &inner, false))
        }
        ("FLOOR" | "CEIL" | "CEILING" | "ROUND", [inner, ..]) => {
            around(outline, &strip(outline, inner.clone())).map(|around| Around { seconds: false, ..around })
        }
        ("TO_CHAR" | "TRUNC" | "DATE" | "UNIXEPOCH" | "JULIANDAY", [column, ..]) => {
            found(&name, column, false)
        }
        ("DATE_TRUNC" | "STRFTIME", [_, column, ..]) => found(&name, column, false),
        _ => None,
    }
}

/// The column that casts and parentheses stand around.
fn bare(outline: &Outline<'_>, mut tokens: Range<usize>) -> Option<Range<usize>> {
    loop {
        tokens = strip(outline, tokens);
        if outline.is_path(&tokens) {
            return Some(tokens);
        }
        let cast = outline.own(&tokens).find(|&i| outline.is_symbol(i, b':'));
        let (open, last) = (tokens.start + 1, tokens.end.checked_sub(1)?);
        tokens = match cast {
            Some(at) if at > tokens.start => tokens.start..at,
            None if outline.is(tokens.start, "CAST") && outline.partner(open) == Some(last) => {
                let end = outline.own(&(open + 1..last)).find(|&i| outline.is(i, "AS"))?;
                open + 1..end
            }
            _ => return None,
        };
    }
}

/// `WITH … SELECT expression FROM … WHERE 1 = 0`, from the text around the expression.
fn probe(outline: &Outline<'_>, operand: &Range<usize>) -> Option<String> {
    let select = outline.owner(operand.start)?;
    let from = select.from.as_ref().filter(|f| !f.is_empty())?;
    let expression = rendered(outline, operand, true);
    let (with, from) = (with(outline, select, true), rendered(outline, from, true));
    Some(format!("{with}SELECT {expression} AS probe\nFROM {from}\nWHERE 1 = 0"))
}

/// `WITH … SELECT MAX(expression) FROM …`. Of one table all rows count, and an index may know the
/// largest; a join without its condition could be endless.
fn largest(outline: &Outline<'_>, operand: &Range<usize>) -> Option<String> {
    let select = outline.owner(operand.start)?;
    let from = select.from.as_ref().filter(|f| !f.is_empty())?;
    let mut name = from.start + 1;
    while outline.is_symbol(name, b'.') {
        name += 2;
    }
    let is_table = outline.is_name(from.start)
        && name <= from.end
        && outline.is_alias(&(name..from.end).collect::<Vec<_>>());
    let end = if is_table { from.end } else { select.condition.as_ref().map_or(from.end, |c| c.end) };
    let expression = rendered(outline, operand, false);
    let (with, from) = (with(outline, select, false), rendered(outline, &(from.start..end), false));
    Some(format!("{with}SELECT MAX({expression}) AS largest\nFROM {from}"))
}

/// The queries that a SELECT may refer to, as a WITH of their own.
fn with(outline: &Outline<'_>, select: &Select, untyped: bool) -> String {
    let ctes: Vec<String> =
        outline.visible_ctes(select).iter().map(|c| rendered(outline, c, untyped)).collect();
    if ctes.is_empty() {
        return String::new();
    }
    let word = if outline.is_recursive() { "WITH RECURSIVE" } else { "WITH" };
    format!("{word} {}\n", ctes.join(", "))
}

/// The text of some tokens with values for the variables. `untyped`: numbers become NULL, which
/// goes with every type.
fn rendered(outline: &Outline<'_>, tokens: &Range<usize>, untyped: bool) -> String {
    let scan = outline.scan;
    let (start, end) = outline.span(tokens);
    let (mut at, mut text) = (start, String::new());
    for slot in scan.slots.iter().filter(|s| s.start >= start && s.end <= end) {
        let bare = if slot.quoted { slot.start - 1..slot.end + 1 } else { slot.start..slot.end };
        let is_whole = !slot.quoted || scan.tokens.iter().any(|t| t.start == bare.start && t.end == bare.end);
        if untyped && is_whole && matches!(slot.form, Form::Plain | Form::Millis) {
            text.push_str(&scan.text[at..bare.start]);
            text.push_str("NULL");
            at = bare.end;
        } else {
            text.push_str(&scan.text[at..slot.start]);
            LastSyncTime::Seconds(0).render(slot.form, slot.quoted, scan.rules, &mut text);
            at = slot.end;
        }
    }
    text.push_str(&scan.text[at..end]);
    text
}
