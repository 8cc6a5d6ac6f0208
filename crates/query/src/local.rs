//! Conversions of times from one zone to another in the select list.
//!
//! `CONVERT_TIMEZONE('UTC', 'America/New_York', t)` and `t AT TIME ZONE 'America/New_York'` give
//! that zone's wall clock without a zone. A column is followed through WITH queries and queries in
//! FROM to where it is made. What always holds: only a conversion that is the whole column counts;
//! one within `TO_CHAR` makes a text, which is meant. What it does not do: know types. `AT TIME
//! ZONE` of a timestamp without a zone is the other direction, and gives none.

use std::rc::Rc;

use sqlparser::ast::{
    DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query, Select,
    SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor, TimezoneInfo, Value,
};

use crate::dialect::Rules;
use crate::sql;

/// Queries within queries are followed this far.
const DEPTH: usize = 32;
/// Of a query with more columns than this, the others are not looked at.
const MAX_COLUMNS: usize = 2_000;

/// A column of the select list that is converted to the wall clock of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneConversion {
    /// Its place in the select list, from 0 on.
    pub index: usize,
    /// The zone.
    pub zone: String,
    /// As written, in short: `CONVERT_TIMEZONE`, `AT TIME ZONE`.
    pub how: &'static str,
    /// The result has no zone, whatever the converted time is.
    pub is_certain: bool,
}

impl ZoneConversion {
    /// Whether the wall clock is that of UTC.
    pub fn is_utc(&self) -> bool {
        ["utc", "gmt", "etc/utc", "z"].iter().any(|utc| self.zone.eq_ignore_ascii_case(utc))
    }
}

/// The conversions in a query's text, if the parser knows its SQL.
pub(crate) fn of_text(text: &str, rules: &Rules) -> Vec<ZoneConversion> {
    let Some(query) = sql::parse(text, rules) else { return Vec::new() };
    let made = Made::of_query(&query, &[], DEPTH);
    let converted = made.columns.iter().enumerate().filter_map(|(index, column)| {
        let (zone, how, is_certain) = column.conversion.clone()?;
        Some(ZoneConversion { index, zone, how, is_certain })
    });
    converted.collect()
}

type Conversion = (String, &'static str, bool);
/// A name that FROM may use, and what it gives.
type Named = (String, Rc<Made>);

/// The columns of a query.
#[derive(Debug, Default)]
struct Made {
    columns: Vec<MadeColumn>,
    /// Whether these are all. Behind the `*` of a table the text does not say where a column is.
    is_complete: bool,
}

#[derive(Clone, Debug)]
struct MadeColumn {
    name: Option<String>,
    conversion: Option<Conversion>,
}

impl Made {
    fn of_query(query: &Query, outer: &[Named], depth: usize) -> Made {
        let Some(depth) = depth.checked_sub(1) else { return Made::default() };
        let mut scope = outer.to_vec();
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let made = Made::of_query(&cte.query, &scope, depth);
            let names = cte.alias.columns.iter().map(|column| &column.name);
            scope.push((cte.alias.name.value.clone(), Rc::new(made.renamed(names))));
        }
        Made::of_body(&query.body, &scope, depth)
    }

    fn of_body(mut body: &SetExpr, scope: &[Named], depth: usize) -> Made {
        loop {
            match body {
                // The first side gives the names, and the types with them.
                SetExpr::SetOperation { left, .. } => body = left,
                SetExpr::Query(query) => return Made::of_query(query, scope, depth),
                SetExpr::Select(select) => return Made::of_select(select, scope, depth),
                _ => return Made::default(),
            }
        }
    }

    fn of_select(select: &Select, scope: &[Named], depth: usize) -> Made {
        let tables = tables(select, scope, depth);
        let mut made = Made { columns: Vec::new(), is_complete: true };
        for item in &select.projection {
            let (name, expr) = match item {
                SelectItem::ExprWithAlias { expr, alias } => (Some(alias.value.clone()), expr),
                SelectItem::UnnamedExpr(expr) => (last_name(expr), expr),
                SelectItem::Wildcard(_) => {
                    made.extend(tables.iter());
                    continue;
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    let name = name.to_string();
                    let table = tables.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(&name));
                    if table.is_none() {
                        made.is_complete = false;
                    }
                    made.extend(table.into_iter());
                    continue;
                }
                _ => {
                    made.is_complete = false;
                    continue;
                }
            };
            if made.is_complete && made.columns.len() < MAX_COLUMNS {
                made.columns.push(MadeColumn { name, conversion: of_expr(expr, &tables) });
            } else {
                made.is_complete = false;
            }
        }
        made
    }

    /// Adds all columns of these tables, as far as they are known.
    fn extend<'a>(&mut self, tables: impl Iterator<Item = &'a Named>) {
        for (_, table) in tables {
            if self.is_complete && self.columns.len() < MAX_COLUMNS {
                self.columns.extend(table.columns.iter().cloned());
                self.is_complete = table.is_complete;
            } else {
                self.is_complete = false;
            }
        }
    }

    /// The same columns under the names that an alias gives to them.
    fn renamed<'a>(mut self, names: impl Iterator<Item = &'a Ident>) -> Made {
        for (column, name) in self.columns.iter_mut().zip(names) {
            column.name = Some(name.value.clone());
        }
        self
    }

    fn find(&self, name: &str) -> Option<&MadeColumn> {
        self.columns.iter().find(|c| c.name.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name)))
    }
}

/// What stands in FROM, each under its name. Of a table nothing is known but that.
fn tables(select: &Select, scope: &[Named], depth: usize) -> Vec<Named> {
    let mut factors: Vec<&TableFactor> = Vec::new();
    for from in &select.from {
        factors.push(&from.relation);
        factors.extend(from.joins.iter().map(|join| &join.relation));
    }
    let mut tables = Vec::new();
    for factor in factors {
        tables.push(match factor {
            TableFactor::Table { name, alias, .. } => {
                let name = name.to_string();
                let known = scope.iter().rev().find(|(known, _)| known.eq_ignore_ascii_case(&name));
                let made = known.map(|(_, made)| Rc::clone(made)).unwrap_or_default();
                (alias.as_ref().map_or(name, |alias| alias.name.value.clone()), made)
            }
            TableFactor::Derived { subquery, alias, .. } => {
                let made = Made::of_query(subquery, scope, depth);
                match alias {
                    Some(alias) => {
                        let names = alias.columns.iter().map(|column| &column.name);
                        (alias.name.value.clone(), Rc::new(made.renamed(names)))
                    }
                    None => (String::new(), Rc::new(made)),
                }
            }
            _ => (String::new(), Rc::default()),
        });
    }
    tables
}

fn last_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(name.value.clone()),
        Expr::CompoundIdentifier(names) => names.last().map(|name| name.value.clone()),
        _ => None,
    }
}

fn of_expr(mut expr: &Expr, tables: &[Named]) -> Option<Conversion> {
    loop {
        expr = match expr {
            Expr::Nested(inner) => inner,
            // A cast to a time without a zone leaves the wall clock as it is.
            Expr::Cast {
                expr,
                data_type: DataType::Timestamp(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone),
                ..
            } => expr,
            _ => break,
        };
    }
    match expr {
        Expr::AtTimeZone { time_zone, .. } => Some((literal(time_zone)?, "AT TIME ZONE", false)),
        Expr::Function(function) => of_function(function),
        Expr::Identifier(name) => {
            tables.iter().find_map(|(_, table)| table.find(&name.value))?.conversion.clone()
        }
        Expr::CompoundIdentifier(names) => {
            let [table, name] = &names[..] else { return None };
            let (_, table) = tables.iter().find(|(known, _)| known.eq_ignore_ascii_case(&table.value))?;
            table.find(&name.value)?.conversion.clone()
        }
        _ => None,
    }
}

fn of_function(function: &Function) -> Option<Conversion> {
    let name = function.name.to_string();
    let arguments = arguments(function)?;
    if name.eq_ignore_ascii_case("convert_timezone") {
        // The zone that is converted to stands before the time; UTC is converted from by default.
        let target = arguments.len().checked_sub(2)?;
        return Some((literal(arguments.get(target)?)?, "CONVERT_TIMEZONE", true));
    }
    (name.eq_ignore_ascii_case("timezone") && arguments.len() == 2)
        .then(|| Some((literal(arguments[0])?, "TIMEZONE", false)))?
}

fn arguments(function: &Function) -> Option<Vec<&Expr>> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let arguments = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    });
    arguments.collect()
}

fn literal(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use outflow_core::Dialect;

    use crate::Query;

    /// The columns that are converted, to a zone but UTC or to UTC.
    fn found(sql: &str, dialect: Dialect) -> Vec<(usize, String, bool)> {
        let times = Query::parse(sql, dialect).unwrap().zone_conversions();
        times.into_iter().map(|time| (time.index, time.zone, time.is_certain)).collect()
    }

    #[test]
    fn conversions_to_a_zone_are_found_where_they_are_the_column() {
        let zone = "America/New_York";
        for (expression, is_certain) in [
            (format!("CONVERT_TIMEZONE('UTC', '{zone}', t)"), true),
            (format!("convert_timezone('{zone}', t) AS at"), true),
            (format!("convert_timezone('{zone}', t)::timestamp AS at"), true),
            (format!("(t AT TIME ZONE '{zone}') AS at"), false),
            (format!("timezone('{zone}', t)"), false),
        ] {
            let sql = format!("SELECT id AS \"userId\", {expression} FROM users");
            assert_eq!(found(&sql, Dialect::Redshift), [(1, zone.to_owned(), is_certain)], "{sql}");
        }
        for expression in [
            format!("TO_CHAR(CONVERT_TIMEZONE('{zone}', t), 'YYYY')"),
            "t AT TIME ZONE zone".to_owned(),
            "t".to_owned(),
        ] {
            let sql = format!("SELECT {expression} AS at FROM users");
            assert_eq!(found(&sql, Dialect::Redshift), [], "{sql}");
        }
        for expression in ["CONVERT_TIMEZONE('America/New_York', 'UTC', t)", "t AT TIME ZONE 'UTC'"] {
            let query = Query::parse(&format!("SELECT {expression} AS at FROM users"), Dialect::Redshift);
            let times = query.unwrap().zone_conversions();
            assert!(matches!(&times[..], [time] if time.is_utc()), "{expression}: {times:?}");
        }
    }

    #[test]
    fn a_column_is_followed_to_where_it_is_made() {
        let made = "id, CONVERT_TIMEZONE('UTC', 'America/New_York', t) AS local FROM users";
        for sql in [
            format!("WITH q AS (SELECT {made}) SELECT id, local FROM q"),
            format!(
                "WITH q AS (SELECT {made}) SELECT p.id, Q.local AS at FROM people p JOIN q ON q.id = p.id"
            ),
            format!("WITH q AS (SELECT {made}) SELECT * FROM q"),
            format!("WITH q AS (SELECT {made}), r AS (SELECT * FROM q) SELECT r.* FROM r"),
            format!("WITH q (id, l) AS (SELECT {made}) SELECT id, l FROM q"),
            format!("SELECT id, x.local FROM (SELECT {made}) x"),
            format!("WITH q AS (SELECT {made} UNION ALL SELECT 1, NULL) SELECT id, local FROM q"),
        ] {
            let zone = "America/New_York".to_owned();
            assert_eq!(found(&sql, Dialect::Redshift), [(1, zone, true)], "{sql}");
        }
        for sql in [
            format!("WITH q AS (SELECT {made}) SELECT p.id, p.local FROM people p JOIN q ON q.id = p.id"),
            format!("WITH q AS (SELECT {made}) SELECT id, TO_CHAR(local, 'YYYY') FROM q"),
            format!("WITH q AS (SELECT {made}) SELECT people.*, local FROM people, q"),
            format!("WITH q AS (SELECT {made}) SELECT id, local FROM s.q"),
        ] {
            assert_eq!(found(&sql, Dialect::Redshift), [], "{sql}");
        }
    }

    #[test]
    fn queries_that_multiply_columns_are_given_up() {
        let mut sql = "WITH q0 AS (SELECT 1 AS a)".to_owned();
        for i in 1..40 {
            sql += &format!(", q{i} AS (SELECT * FROM q{0} x, q{0} y)", i - 1);
        }
        assert_eq!(found(&(sql + " SELECT * FROM q39"), Dialect::Postgres), []);
    }
}
