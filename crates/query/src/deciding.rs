//! Which columns of the result decide in which runs a row is read: those that the query compares
//! with the variable.
//!
//! If all of them stand in the result as they are, a row's call tells in which runs the row is
//! read: two rows that make the same call are read by the same runs. The engine builds on that.
//!
//! What always holds: where the text does not show it, the answer is a reason and no columns. The
//! variable counts in the WHERE of the SELECT that names the result's columns, and of one query in
//! its FROM or WITH that hands its columns on. There each condition that has the variable must be
//! made of comparisons with it, and of columns that the select list has as they are.

use sqlparser::ast::{
    BinaryOperator, Cte, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident,
    ObjectNamePart, Query as Ast, Select, SelectItem, SetExpr, TableAlias, TableFactor, UnaryOperator,
};

use crate::dialect::rules;
use crate::variable::LastSyncTime;
use crate::{Query, sql};

/// Functions that give the same for the same values.
const PURE: &[&str] =
    &["date_trunc", "date_part", "to_timestamp", "coalesce", "greatest", "least", "nvl", "timezone", "round"];
/// A moment that no query names, in seconds: its texts stand for the variable.
const MARKS: [i64; 3] = [1_918_273_645, 2_018_374_651, 2_118_475_657];
/// SELECTs within each other that are followed.
const DEEPEST: usize = 6;

type Reason = String;

impl Query {
    /// The columns of the result, by name, that decide in which runs a row is read; none if the
    /// query reads all rows in every run.
    ///
    /// # Errors
    /// A sentence that says why this is not known.
    pub fn deciding_columns(&self) -> Result<Vec<String>, Reason> {
        if !self.uses_last_sync_time() {
            return Ok(Vec::new());
        }
        let unclear = || "the query's text does not show which columns it compares".to_owned();
        if !self.scan().is_small() {
            return Err(unclear());
        }
        let mark = MARKS.iter().map(|seconds| Mark::of(*seconds)).find(|mark| !mark.is_in(&self.text));
        let mark = mark.ok_or_else(unclear)?;
        let rendered = self.render(&LastSyncTime::Seconds(mark.seconds));
        let ast = sql::parse(&rendered, rules(self.dialect)).ok_or_else(unclear)?;
        Trace { mark, followed: 0, seen: Vec::new(), reason: None, is_fatal: false }.of_all(&ast)
    }
}

/// What the variable is rendered as.
struct Mark {
    seconds: i64,
    texts: [String; 2],
}

impl Mark {
    fn of(seconds: i64) -> Self {
        let day = outflow_core::Timestamp::from_second(seconds).unwrap_or_default();
        // Milliseconds begin with the seconds, a timestamp with its date.
        Self { seconds, texts: [seconds.to_string(), day.strftime("%Y-%m-%d").to_string()] }
    }

    fn is_in(&self, text: &str) -> bool {
        self.count(text) > 0
    }

    fn count(&self, text: &str) -> usize {
        self.texts.iter().map(|t| text.matches(t.as_str()).count()).sum()
    }
}

/// A column as a query names it: `qualifier.name`.
#[derive(Clone, Debug)]
struct ColumnName {
    qualifier: Option<String>,
    name: String,
}

impl ColumnName {
    fn of(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::Identifier(name) => Some(Self { qualifier: None, name: name.value.clone() }),
            Expr::CompoundIdentifier(path) => match &path[..] {
                [.., qualifier, name] => {
                    Some(Self { qualifier: Some(qualifier.value.clone()), name: name.value.clone() })
                }
                _ => None,
            },
            Expr::Nested(inner) => Self::of(inner),
            _ => None,
        }
    }

    /// Whether both name one column of a SELECT. A name without a qualifier is unique there.
    fn is(&self, other: &Self) -> bool {
        let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        same(&self.name, &other.name)
            && match (&self.qualifier, &other.qualifier) {
                (Some(a), Some(b)) => same(a, b),
                _ => true,
            }
    }
}

/// One walk through a query.
struct Trace<'q> {
    mark: Mark,
    /// How many uses of the variable were found where they can be followed.
    followed: usize,
    /// WITH queries that were followed, and whether columns of them decide.
    seen: Vec<(&'q Cte, bool)>,
    /// Why the first part that could not be followed could not.
    reason: Option<Reason>,
    /// That part decides.
    is_fatal: bool,
}

impl<'q> Trace<'q> {
    fn count(&self, text: &impl ToString) -> usize {
        self.mark.count(&text.to_string())
    }

    /// The output columns of the whole query that decide.
    fn of_all(mut self, query: &'q Ast) -> Result<Vec<String>, Reason> {
        let columns = self.of_query(query, &[], 0)?;
        if self.followed == self.count(query) && !self.is_fatal {
            return Ok(columns);
        }
        Err(self.reason.unwrap_or_else(|| "a comparison stands where it cannot be followed".to_owned()))
    }

    /// The output columns of a query that decide. `outer` are the WITH queries around it.
    fn of_query(&mut self, query: &'q Ast, outer: &[&'q Cte], depth: usize) -> Result<Vec<String>, Reason> {
        if depth > DEEPEST {
            return Err("the comparison stands too deep in subqueries".to_owned());
        }
        let mut ctes = outer.to_vec();
        if let Some(with) = &query.with {
            if with.recursive && self.count(with) > 0 {
                return Err("the comparison stands in a recursive WITH".to_owned());
            }
            ctes.extend(&with.cte_tables);
        }
        let select = match &*query.body {
            SetExpr::Select(select) => select,
            SetExpr::Query(inner) => return self.of_query(inner, &ctes, depth + 1),
            _ => return Err("the query is made of several SELECTs (UNION and the like)".to_owned()),
        };
        let is_limited = query.limit_clause.is_some() || query.fetch.is_some() || select.top.is_some();
        if is_limited && depth > 0 {
            return Err("the comparison stands in a subquery with a limit".to_owned());
        }
        let mut needed = Vec::new();
        if let Some(condition) = &select.selection {
            self.followed += self.count(condition);
            self.conjuncts(condition, &mut needed)?;
        }
        for from in &select.from {
            for factor in std::iter::once(&from.relation).chain(from.joins.iter().map(|j| &j.relation)) {
                let before = self.followed;
                match self.of_factor(factor, &ctes, depth) {
                    Ok(columns) => needed.extend(columns),
                    // If the variable stands in it, the count at the end tells.
                    Err(reason) => {
                        self.followed = before;
                        self.reason.get_or_insert(reason);
                    }
                }
            }
        }
        needed.iter().map(|column| self.in_list(select, column)).collect()
    }

    /// The deciding columns of something in FROM.
    fn of_factor(
        &mut self,
        factor: &'q TableFactor,
        ctes: &[&'q Cte],
        depth: usize,
    ) -> Result<Vec<ColumnName>, Reason> {
        let mut followed = None;
        let (query, alias, ctes) = match factor {
            TableFactor::Derived { subquery, alias: Some(alias), lateral: false, sample: None }
                if alias.columns.is_empty() =>
            {
                (&**subquery, &alias.name, ctes)
            }
            TableFactor::Table { name, alias, args: None, .. } => {
                let [ObjectNamePart::Identifier(name)] = &name.0[..] else { return Ok(Vec::new()) };
                let is_meant = |cte: &&Cte| cte.alias.name.value.eq_ignore_ascii_case(&name.value);
                let Some(at) = ctes.iter().rposition(is_meant) else { return Ok(Vec::new()) };
                let cte: &'q Cte = ctes[at];
                let renames = |a: &TableAlias| !a.columns.is_empty();
                if renames(&cte.alias) || alias.as_ref().is_some_and(renames) {
                    return Err("a WITH query that renames its columns is not followed".to_owned());
                }
                if let Some((_, decides)) = self.seen.iter().find(|(seen, _)| std::ptr::eq(*seen, cte)) {
                    self.is_fatal |= decides;
                    return Err("a WITH query with the comparison is read more than once".to_owned());
                }
                followed = Some(self.seen.len());
                self.seen.push((cte, true));
                (&*cte.query, alias.as_ref().map_or(name, |alias| &alias.name), &ctes[..at])
            }
            _ => return Ok(Vec::new()),
        };
        let names = self.of_query(query, ctes, depth + 1)?;
        if let Some((_, decides)) = followed.and_then(|at| self.seen.get_mut(at)) {
            *decides = !names.is_empty();
        }
        let qualifier = Some(alias.value.clone());
        Ok(names.into_iter().map(|name| ColumnName { qualifier: qualifier.clone(), name }).collect())
    }

    /// Collects the columns of each condition that has the variable.
    fn conjuncts(&self, condition: &Expr, needed: &mut Vec<ColumnName>) -> Result<(), Reason> {
        // A long chain leans to the left.
        let mut rest = vec![condition];
        while let Some(expr) = rest.pop() {
            match expr {
                Expr::BinaryOp { left, op: BinaryOperator::And, right } => rest.extend([&**left, &**right]),
                Expr::Nested(inner) => rest.push(inner),
                expr if self.count(expr) > 0 => self.comparisons(expr, needed)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// A condition of comparisons with the variable and nothing else.
    fn comparisons(&self, condition: &Expr, needed: &mut Vec<ColumnName>) -> Result<(), Reason> {
        let mut rest = vec![condition];
        while let Some(expr) = rest.pop() {
            match expr {
                Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
                    rest.extend([&**left, &**right]);
                }
                Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => {
                    rest.push(inner);
                }
                Expr::BinaryOp { left, op, right } if is_comparison(op) && self.count(expr) > 0 => {
                    let before = needed.len();
                    self.columns(left, needed)?;
                    self.columns(right, needed)?;
                    if needed.len() == before {
                        return Err("the variable is compared with no column".to_owned());
                    }
                }
                Expr::Between { expr: column, low, high, .. } if self.count(expr) > 0 => {
                    let before = needed.len();
                    self.columns(column, needed)?;
                    self.columns(low, needed)?;
                    self.columns(high, needed)?;
                    if needed.len() == before {
                        return Err("the variable is compared with no column".to_owned());
                    }
                }
                _ => return Err("the comparison is one of several ways in which a row is read".to_owned()),
            }
        }
        Ok(())
    }

    /// The columns of an expression that gives the same for the same values.
    fn columns(&self, expr: &Expr, needed: &mut Vec<ColumnName>) -> Result<(), Reason> {
        let mut rest = vec![expr];
        while let Some(expr) = rest.pop() {
            if matches!(expr, Expr::Identifier(Ident { quote_style: None, value, .. }) if is_moment_word(value))
            {
                return Err(format!("the comparison depends on {expr}"));
            }
            if let Some(column) = ColumnName::of(expr) {
                needed.push(column);
                continue;
            }
            match expr {
                Expr::Nested(inner)
                | Expr::Cast { expr: inner, .. }
                | Expr::Extract { expr: inner, .. }
                | Expr::Floor { expr: inner, .. }
                | Expr::Ceil { expr: inner, .. }
                | Expr::UnaryOp { expr: inner, .. } => rest.push(inner),
                Expr::AtTimeZone { timestamp, time_zone } => rest.extend([&**timestamp, &**time_zone]),
                Expr::BinaryOp { left, right, .. } => rest.extend([&**left, &**right]),
                Expr::Interval(interval) => rest.push(&interval.value),
                Expr::Value(_) | Expr::TypedString(_) => {}
                Expr::Function(function) => rest.extend(arguments(function).ok_or_else(|| {
                    format!("the comparison calls {}, which may give another value each time", function.name)
                })?),
                _ => return Err("the comparison is not one of columns alone".to_owned()),
            }
        }
        Ok(())
    }

    /// The name that the result has for a column of this SELECT, if the list has it as it is.
    fn in_list(&self, select: &Select, column: &ColumnName) -> Result<String, Reason> {
        let missing = || format!("the compared column {} does not stand in the calls as it is", column.name);
        if matches!(select.group_by, GroupByExpr::All(_)) {
            return Err(missing());
        }
        let mut wildcard = false;
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) if ColumnName::of(expr).is_some_and(|c| c.is(column)) => {
                    return Ok(column.name.clone());
                }
                SelectItem::ExprWithAlias { expr, alias }
                    if ColumnName::of(expr).is_some_and(|c| c.is(column)) =>
                {
                    return Ok(alias.value.clone());
                }
                SelectItem::Wildcard(options) => {
                    wildcard |= options.to_string().is_empty() && select.exclude.is_none();
                }
                SelectItem::QualifiedWildcard(of, options) => {
                    let of = of.to_string();
                    let meant = column.qualifier.as_ref().is_some_and(|q| {
                        of.eq_ignore_ascii_case(q) || of.eq_ignore_ascii_case(&format!("{q}.*"))
                    });
                    wildcard |= meant && options.to_string().is_empty();
                }
                _ => {}
            }
        }
        if wildcard { Ok(column.name.clone()) } else { Err(missing()) }
    }
}

fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Gt | GtEq | Lt | LtEq | Eq | NotEq)
}

/// Words without parentheses that stand for now.
fn is_moment_word(word: &str) -> bool {
    let words =
        ["current_timestamp", "current_date", "current_time", "localtime", "localtimestamp", "sysdate"];
    words.iter().any(|w| w.eq_ignore_ascii_case(word))
}

/// The arguments of a function that gives the same for the same values; `None`: it may not.
fn arguments(function: &Function) -> Option<Vec<&Expr>> {
    let [ObjectNamePart::Identifier(name)] = &function.name.0[..] else { return None };
    let pure = PURE.iter().any(|pure| pure.eq_ignore_ascii_case(&name.value));
    let FunctionArguments::List(list) = &function.args else { return None };
    if !pure || function.over.is_some() || function.filter.is_some() {
        return None;
    }
    let argument = |arg| match arg {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Some(expr),
        _ => None,
    };
    list.args.iter().map(argument).collect()
}
