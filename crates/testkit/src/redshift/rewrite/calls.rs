//! Calls of functions whose syntax PostgreSQL has not, or where it has another function of the name.

use std::ops::Range;

use super::super::lexer::Kind;
use super::super::settings::name_behind;
use super::Rewriter;

impl Rewriter<'_> {
    /// Rewrites the call that begins at `place`, if it is one that needs it, and returns the place after it.
    pub(super) fn call(&self, index: usize, end: usize, name: &str, out: &mut String) -> Option<usize> {
        let open = self.tokens.solid(index + 1, end).filter(|&next| self.tokens.text(next) == "(")?;
        let close = self.tokens.closing(open);
        if close >= end {
            return None;
        }
        let inner = open + 1..close;
        let empty = self.tokens.solid(inner.start, inner.end).is_none();
        let arguments = if empty { Vec::new() } else { self.tokens.split(inner.clone(), ",") };
        let text = match (name, arguments.as_slice()) {
            ("getdate", []) => "redshift.\"timestamp\"()".to_owned(),
            ("pg_last_query_id", []) => format!("redshift.pg_last_query_id({})", self.last_query),
            ("dateadd" | "date_add", [part, number, time]) => {
                format!("dateadd({}, {}, {})", self.part(part), self.argument(number), self.time(time))
            }
            ("datediff" | "date_diff", [part, from, to]) => {
                format!("datediff({}, {}, {})", self.part(part), self.time(from), self.time(to))
            }
            ("date_part" | "datepart", [part, time]) => {
                format!("pgdate_part({}, {})", self.part(part), self.argument(time))
            }
            ("extract", [whole]) => self.extract(whole)?,
            ("nvl", [_, ..]) => format!("coalesce({})", self.range(inner)),
            ("nvl2", [tested, full, null]) => {
                let [tested, full, null] = [tested, full, null].map(|argument| self.argument(argument));
                format!("(CASE WHEN ({tested}) IS NOT NULL THEN {full} ELSE {null} END)")
            }
            ("decode", [tested, pairs @ ..]) if pairs.len() >= 2 => self.decode(tested, pairs),
            ("listagg", [_] | [_, _]) => return self.listagg(&arguments, close + 1, end, out),
            ("median", [value]) => {
                format!("(percentile_cont(0.5) WITHIN GROUP (ORDER BY {}))", self.argument(value))
            }
            ("convert", [ty, value]) => format!("CAST({} AS {})", self.argument(value), self.argument(ty)),
            ("cast", [whole]) => self.cast(whole)?,
            ("current_setting" | "set_config", [setting, rest @ ..]) => {
                let setting = self.argument(setting);
                let behind = name_behind(setting.trim_matches('\''))?;
                let rest: String =
                    rest.iter().map(|argument| format!(", {}", self.argument(argument))).collect();
                format!("{name}('{behind}'{rest})")
            }
            ("array", _) if !matches!(self.first_word(&inner).as_str(), "select" | "with") => {
                format!("redshift.\"array\"({})", self.range(inner))
            }
            ("json_extract_path_text", [paths @ .., last]) if !paths.is_empty() => {
                let lenient = match self.first_word(last).as_str() {
                    flag @ ("true" | "false") => Some(flag.to_owned()),
                    _ => None,
                };
                let given = if lenient.is_some() { paths } else { arguments.as_slice() };
                let given: Vec<String> = given.iter().map(|argument| self.argument(argument)).collect();
                let lenient = lenient.as_deref().unwrap_or("false");
                format!("redshift.json_extract_path_text({lenient}, {})", given.join(", "))
            }
            _ => return None,
        };
        out.push_str(&text);
        Some(close + 1)
    }

    /// An argument, rewritten and without blanks around it.
    fn argument(&self, range: &Range<usize>) -> String {
        self.range(range.clone()).trim().to_owned()
    }

    fn first_word(&self, range: &Range<usize>) -> String {
        self.tokens.solid(range.start, range.end).map_or_else(String::new, |index| self.tokens.word(index))
    }

    /// The one token of an argument that is no more than that.
    fn only(&self, range: &Range<usize>) -> Option<usize> {
        match self.tokens.solids(range.clone())[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// A part of a date may be a bare word.
    fn part(&self, range: &Range<usize>) -> String {
        match self.only(range).map(|only| self.tokens.word(only)) {
            Some(word) if !word.is_empty() => format!("'{word}'"),
            _ => self.argument(range),
        }
    }

    /// A literal where a time is meant is a TIMESTAMP, where PostgreSQL would take it for one with a zone.
    fn time(&self, range: &Range<usize>) -> String {
        let literal = self.only(range).is_some_and(|only| self.tokens.list[only].kind == Kind::Text);
        let text = self.argument(range);
        if literal { format!("{text}::timestamp") } else { text }
    }

    /// `EXTRACT(part FROM x)`.
    fn extract(&self, whole: &Range<usize>) -> Option<String> {
        let solids = self.tokens.solids(whole.clone());
        let &[part, from, ..] = solids.as_slice() else { return None };
        if self.tokens.word(from) != "from" {
            return None;
        }
        let (part, time) = (self.part(&(part..part + 1)), self.argument(&(from + 1..whole.end)));
        Some(format!("redshift.date_part({part}, {time})"))
    }

    fn decode(&self, tested: &Range<usize>, pairs: &[Range<usize>]) -> String {
        let tested = self.argument(tested);
        let mut text = "(CASE".to_owned();
        for pair in pairs.chunks(2) {
            text += &match pair {
                [value, result] => {
                    let (value, result) = (self.argument(value), self.argument(result));
                    // NULL is equal to NULL here.
                    format!(" WHEN ({tested}) IS NOT DISTINCT FROM ({value}) THEN {result}")
                }
                rest => format!(" ELSE {}", self.argument(&rest[0])),
            };
        }
        text + " END)"
    }

    /// `LISTAGG([DISTINCT] x [, separator]) [WITHIN GROUP (ORDER BY …)]`: the order goes into the call.
    fn listagg(
        &self,
        arguments: &[Range<usize>],
        after: usize,
        end: usize,
        out: &mut String,
    ) -> Option<usize> {
        let value = &arguments[0];
        let distinct = self.first_word(value) == "distinct";
        let first = self.tokens.solid(value.start, value.end)?;
        let value = if distinct { first + 1..value.end } else { value.clone() };
        let separator = arguments.get(1).map_or_else(|| "''".to_owned(), |range| self.argument(range));
        let (order, after) = match self.within_group(after, end) {
            Some((range, after)) => (self.order_by(range, distinct), after),
            None => (String::new(), after),
        };
        let distinct = if distinct { "DISTINCT " } else { "" };
        out.push_str(&format!(
            "redshift.listagg({distinct}({})::text, {separator}{order})",
            self.argument(&value)
        ));
        Some(after)
    }

    /// What stands in the parentheses of `WITHIN GROUP (…)`, if it comes next, and the place after it.
    fn within_group(&self, from: usize, end: usize) -> Option<(Range<usize>, usize)> {
        let within = self.tokens.solid(from, end).filter(|&index| self.tokens.word(index) == "within")?;
        let group = self.tokens.solid(within + 1, end).filter(|&index| self.tokens.word(index) == "group")?;
        let open = self.tokens.solid(group + 1, end).filter(|&index| self.tokens.text(index) == "(")?;
        let close = self.tokens.closing(open);
        (close < end).then_some((open + 1..close, close + 1))
    }

    /// With DISTINCT, PostgreSQL orders only by what it was given, which is the value as text.
    fn order_by(&self, range: Range<usize>, distinct: bool) -> String {
        let solids = self.tokens.solids(range.clone());
        let by = solids.get(1).map_or(range.start, |by| by + 1);
        let keys = self.tokens.split(by..range.end, ",").into_iter().map(|key| {
            let last = self.tokens.solid_before(key.start, key.end);
            let direction = last.filter(|&last| matches!(self.tokens.word(last).as_str(), "asc" | "desc"));
            let Some(direction) = direction.filter(|_| distinct) else {
                let text = self.argument(&key);
                return if distinct { format!("({text})::text") } else { text };
            };
            format!("({})::text {}", self.argument(&(key.start..direction)), self.tokens.text(direction))
        });
        format!(" ORDER BY {}", keys.collect::<Vec<_>>().join(", "))
    }

    /// `CAST(x AS type)`, written with `::` so that one rule is enough for types.
    fn cast(&self, whole: &Range<usize>) -> Option<String> {
        let solids = self.tokens.solids(whole.clone());
        let index = solids.iter().rposition(|&index| self.tokens.word(index) == "as")?;
        let (as_, ty) = (solids[index], solids.get(index + 1)?);
        match self.tokens.word(*ty).as_str() {
            "super" if index == 1 && self.tokens.list[solids[0]].kind == Kind::Text => {
                Some(format!("CAST({}::text AS super)", self.argument(&(whole.start..as_))))
            }
            "numeric" | "decimal" if index + 2 == solids.len() => {
                Some(format!("CAST({} AS numeric(18,0))", self.argument(&(whole.start..as_))))
            }
            _ => None,
        }
    }
}
