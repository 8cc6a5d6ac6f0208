//! Rewrites Redshift's SQL as PostgreSQL's.
//!
//! Works on tokens and not on a parsed statement, so that text without a rule stays as it is. What
//! a function, a type or an operator can add to PostgreSQL is in `functions.sql`; this file changes
//! the text where that is not enough. What it does not do: check. Invalid SQL is passed on, and
//! PostgreSQL refuses it.

mod calls;
mod ddl;
mod qualify;

use std::ops::Range;

use super::lexer::{Kind, Tokens};

/// Rewrites one part of a text.
pub(super) struct Rewriter<'a> {
    tokens: &'a Tokens<'a>,
    /// Whether quoted names are folded to lower case as bare ones are.
    fold: bool,
    /// What `pg_last_query_id()` tells.
    last_query: u64,
    /// In a statement that defines something, where other words have a meaning.
    ddl: bool,
}

/// Rewrites all statements of a text and asks nothing.
pub(super) fn rewrite_freely(sql: &str, fold: bool) -> String {
    let tokens = Tokens::of(sql);
    let statements = tokens.split(0..tokens.len(), ";").into_iter();
    statements.map(|range| rewrite(&tokens, range, fold, 0)).collect::<Vec<_>>().join(";")
}

/// Rewrites one statement.
pub(super) fn rewrite(tokens: &Tokens<'_>, statement: Range<usize>, fold: bool, last_query: u64) -> String {
    let first = tokens.solid(statement.start, statement.end).map(|index| tokens.word(index));
    let ddl = matches!(first.as_deref(), Some("create" | "alter" | "grant" | "revoke"));
    Rewriter { tokens, fold, last_query, ddl }.range(statement)
}

impl Rewriter<'_> {
    /// Rewrites what stands in one pair of parentheses, or a whole statement.
    fn range(&self, range: Range<usize>) -> String {
        if let Some(rewritten) = self.qualified(range.clone()) {
            return rewritten;
        }
        let mut out = String::new();
        let mut top = None;
        let mut index = range.start;
        while index < range.end {
            index = self.step(index, range.end, &mut out, &mut top);
        }
        if let Some(count) = top {
            // On a line of its own, so that it is not part of a comment.
            out.push_str("\nLIMIT ");
            out.push_str(&count);
        }
        out
    }

    /// Rewrites what begins at `index` and returns the index after it.
    fn step(&self, index: usize, end: usize, out: &mut String, top: &mut Option<String>) -> usize {
        let token = self.tokens.list[index];
        match token.kind {
            Kind::Quoted if self.fold => out.push_str(&token.text.to_ascii_lowercase()),
            Kind::Text => out.push_str(&literal(token.text)),
            Kind::Word => return self.word(index, end, out, top),
            Kind::Symbol if token.text == "(" => return self.group(index, end, out),
            Kind::Symbol if token.text == "::" => {
                // A literal becomes a string of SUPER and is not read as JSON.
                if self.next_word(index, end) == "super" && self.is_literal_before(index) {
                    out.push_str("::text");
                }
                out.push_str("::");
            }
            _ => out.push_str(token.text),
        }
        index + 1
    }

    fn group(&self, open: usize, end: usize, out: &mut String) -> usize {
        let close = self.tokens.closing(open).min(end);
        out.push('(');
        out.push_str(&self.range(open + 1..close));
        if close < end {
            out.push(')');
        }
        close + 1
    }

    fn word(&self, index: usize, end: usize, out: &mut String, top: &mut Option<String>) -> usize {
        let word = self.tokens.word(index);
        let before = self.tokens.solid_before(0, index);
        let is_part_of_name = before.is_some_and(|before| self.tokens.text(before) == ".");
        if !is_part_of_name {
            let after = if self.ddl { self.definition(index, end, &word, before, out) } else { None };
            let after = after.or_else(|| self.type_name(index, end, &word, before, out));
            let after = after.or_else(|| self.keyword(index, end, &word, before, out, top));
            let after = after.or_else(|| self.call(index, end, &word, out));
            if let Some(after) = after {
                return after;
            }
        }
        out.push_str(self.tokens.text(index));
        index + 1
    }

    /// Words that stand for something by themselves.
    fn keyword(
        &self,
        index: usize,
        end: usize,
        word: &str,
        before: Option<usize>,
        out: &mut String,
        top: &mut Option<String>,
    ) -> Option<usize> {
        let next = self.tokens.solid(index + 1, end);
        let is_called = next.is_some_and(|next| self.tokens.text(next) == "(");
        match word {
            "sysdate" if !is_called => out.push_str("redshift.\"timestamp\"(true)"),
            "approximate" if matches!(self.next_word(index, end).as_str(), "count" | "percentile_disc") => {}
            "minus" if before.is_some() && (is_called || self.next_word(index, end) == "select") => {
                out.push_str("EXCEPT");
            }
            "interval" => {
                let next = next.filter(|&next| self.tokens.list[next].kind == Kind::Text)?;
                out.push_str("interval ");
                out.push_str(&literal(self.tokens.text(next)).replace(',', " "));
                return Some(next + 1);
            }
            "select" => return self.select_top(index, end, out, top),
            _ => return None,
        }
        Some(index + 1)
    }

    /// `SELECT [DISTINCT] TOP n`: the number goes to the end of the statement.
    fn select_top(
        &self,
        index: usize,
        end: usize,
        out: &mut String,
        top: &mut Option<String>,
    ) -> Option<usize> {
        let mut next = self.tokens.solid(index + 1, end)?;
        let distinct = self.tokens.word(next) == "distinct";
        if distinct {
            next = self.tokens.solid(next + 1, end)?;
        }
        let count = self.tokens.solid(next + 1, end)?;
        let is_count = matches!(self.tokens.list[count].kind, Kind::Number | Kind::Parameter);
        if self.tokens.word(next) != "top" || !is_count {
            return None;
        }
        out.push_str(if distinct { "SELECT DISTINCT" } else { "SELECT" });
        *top = Some(self.tokens.text(count).to_owned());
        Some(count + 1)
    }

    /// Types after `::` or `AS`, and in definitions after a name.
    fn type_name(
        &self,
        index: usize,
        end: usize,
        word: &str,
        before: Option<usize>,
        out: &mut String,
    ) -> Option<usize> {
        let next = self.tokens.solid(index + 1, end);
        let is_sized = next.is_some_and(|next| self.tokens.text(next) == "(");
        let before = before.map_or("", |before| self.tokens.text(before));
        let is_type = before == "::" || (self.ddl && !matches!(before, "" | "(" | "," | "."));
        match word {
            // Whatever its index: no column can have this name and a size.
            "varchar" | "nvarchar" | "char" | "nchar" | "bpchar" | "varying" | "varbyte" if is_sized => {
                let open = next?;
                let close = self.tokens.closing(open).min(end);
                let size = self.tokens.solids(open + 1..close);
                let is_max = size.len() == 1 && self.tokens.word(size[0]) == "max";
                out.push_str(word.strip_prefix('n').unwrap_or(word));
                if is_max {
                    out.push_str("(65535)");
                } else {
                    out.push('(');
                    out.push_str(&self.range(open + 1..close));
                    out.push(')');
                }
                return Some(close + 1);
            }
            "numeric" | "decimal" if is_type && !is_sized => out.push_str("numeric(18,0)"),
            "varbinary" if is_type => out.push_str("varbyte"),
            "datetime" if is_type => out.push_str("timestamp"),
            "text" | "varchar" | "nvarchar" if is_type && self.ddl && !is_sized => {
                out.push_str("varchar(256)")
            }
            _ => return None,
        }
        Some(index + 1)
    }

    fn next_word(&self, index: usize, end: usize) -> String {
        self.tokens.solid(index + 1, end).map_or_else(String::new, |next| self.tokens.word(next))
    }

    fn is_literal_before(&self, index: usize) -> bool {
        let before = self.tokens.solid_before(0, index);
        before.is_some_and(|before| self.tokens.list[before].kind == Kind::Text)
    }
}

/// A literal in PostgreSQL's words: a backslash escapes only with an E in front.
fn literal(text: &str) -> String {
    if text.starts_with('\'') && text.contains('\\') { format!("E{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::rewrite_freely;

    fn rewritten(sql: &str) -> String {
        rewrite_freely(sql, true)
    }

    #[test]
    fn what_needs_no_other_text_keeps_it() {
        for sql in [
            "SELECT id AS userId, email_address AS email FROM users WHERE last_updated >= 1700000000",
            "SELECT a.\"b\", 'it''s', $1, 1.5 /* \"X\" */ FROM s.t a -- \"Y\"\n;\nSELECT 2;",
            "SELECT t.sysdate, t.minus, t.top FROM t",
            "SELECT decode(x, 'hex'), extract_all(a) FROM t",
            "('",
            "((",
            "\"",
            "SELECT",
            "SELECT TOP",
            "dateadd(",
            "cast(x",
            "listagg(a",
            "extract()",
            "nvl()",
        ] {
            assert_eq!(rewritten(sql), sql);
        }
    }

    #[test]
    fn names_fold_and_backslashes_escape() {
        assert_eq!(rewritten(r#"SELECT "userId" AS "User""#), r#"SELECT "userid" AS "user""#);
        assert_eq!(rewrite_freely(r#"SELECT "userId""#, false), r#"SELECT "userId""#);
        assert_eq!(rewritten(r"SELECT 'a\'b', 'c'"), r"SELECT E'a\'b', 'c'");
    }

    #[test]
    fn the_limit_of_top_goes_to_the_end() {
        assert_eq!(
            rewritten("SELECT TOP 5 a FROM t ORDER BY a -- x"),
            "SELECT a FROM t ORDER BY a -- x\nLIMIT 5"
        );
        assert_eq!(
            rewritten("SELECT * FROM (SELECT DISTINCT TOP 2 a FROM t) x;SELECT 1"),
            "SELECT * FROM (SELECT DISTINCT a FROM t\nLIMIT 2) x;SELECT 1"
        );
    }

    #[test]
    fn calls_take_postgresqls_form() {
        for (redshift, postgres) in [
            ("dateadd(second, 5, '1970-01-01')", "dateadd('second', 5, '1970-01-01'::timestamp)"),
            ("DATEDIFF(day, a, b)", "datediff('day', a, b)"),
            ("DATE_PART(epoch, a)", "pgdate_part('epoch', a)"),
            ("EXTRACT(epoch FROM dateadd(d, 1, a))", "redshift.date_part('epoch', dateadd('d', 1, a))"),
            ("NVL2(a, b, c)", "(CASE WHEN (a) IS NOT NULL THEN b ELSE c END)"),
            ("decode(a, 1, 'x', 'y')", "(CASE WHEN (a) IS NOT DISTINCT FROM (1) THEN 'x' ELSE 'y' END)"),
            (
                "LISTAGG(DISTINCT a, ', ') WITHIN GROUP (ORDER BY a DESC)",
                "redshift.listagg(DISTINCT (a)::text, ', ' ORDER BY (a)::text DESC)",
            ),
            ("listagg(a)", "redshift.listagg((a)::text, '')"),
            ("MEDIAN(a)", "(percentile_cont(0.5) WITHIN GROUP (ORDER BY a))"),
            ("approximate count(distinct a)", " count(distinct a)"),
            ("CONVERT(varchar(10), a)", "CAST(a AS varchar(10))"),
            ("a::varchar(max)", "a::varchar(65535)"),
            ("a::decimal + 1", "a::numeric(18,0) + 1"),
            ("'x'::super", "'x'::text::super"),
            ("array(1, 2)", "redshift.\"array\"(1, 2)"),
            ("array(select 1)", "array(select 1)"),
            ("TIMESTAMP 'epoch' + 5 * INTERVAL '1 second'", "TIMESTAMP 'epoch' + 5 * interval '1 second'"),
            ("interval '1 week, 1 hour'", "interval '1 week  1 hour'"),
        ] {
            assert_eq!(rewritten(redshift), postgres, "{redshift}");
        }
    }

    #[test]
    fn definitions_lose_what_postgresql_has_not() {
        assert_eq!(
            rewritten(
                "CREATE TABLE t (id int ENCODE az64 DISTKEY, text text, v varchar, n decimal, s super) DISTSTYLE KEY COMPOUND SORTKEY (id, v)"
            ),
            "CREATE TABLE t (id int  , text varchar(256), v varchar(256), n numeric(18,0), s super)  "
        );
        assert_eq!(
            rewritten("create table t (id bigint identity(1, 2))"),
            "create table t (id bigint generated by default as identity (start with 1 increment by  2))"
        );
        assert_eq!(
            rewritten("CREATE VIEW v AS SELECT 1 WITH NO SCHEMA BINDING"),
            "CREATE VIEW v AS SELECT 1 "
        );
        assert_eq!(rewritten("GRANT ROLE a TO ROLE b"), "GRANT  a TO  b");
    }
}
