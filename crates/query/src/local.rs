//! Conversions to local time in the select list.
//!
//! `CONVERT_TIMEZONE('UTC', 'America/New_York', t)` and `t AT TIME ZONE 'America/New_York'` give
//! that zone's wall clock without a zone. What always holds: only a conversion that is the whole
//! column counts; one within `TO_CHAR` makes a text, which is meant. What it does not do: know
//! types. `AT TIME ZONE` of a timestamp without a zone is the other direction, and gives none.

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, SelectItem, SetExpr, Value,
};

use crate::dialect::Rules;
use crate::sql;

/// A column of the select list that is converted to local time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Its place in the select list, from 0 on.
    pub index: usize,
    /// The zone.
    pub zone: String,
    /// As written, in short: `CONVERT_TIMEZONE`, `AT TIME ZONE`.
    pub how: &'static str,
    /// The result has no zone, whatever the converted time is.
    pub is_certain: bool,
}

/// The conversions in a query's text, if the parser knows its SQL.
pub(crate) fn of_text(text: &str, rules: &Rules) -> Vec<LocalTime> {
    let Some(query) = sql::parse(text, rules) else { return Vec::new() };
    let mut found = None;
    sql::walk(&query, |part| {
        if let (None, sql::Part::Body(SetExpr::Select(select))) = (&found, part) {
            let is_wildcard =
                |i: &SelectItem| matches!(i, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
            // Behind a `*` the text does not say where a column is.
            let items = select.projection.iter().take_while(|item| !is_wildcard(item));
            found = Some(items.enumerate().filter_map(of_item).collect());
        }
    });
    found.unwrap_or_default()
}

fn of_item((index, item): (usize, &SelectItem)) -> Option<LocalTime> {
    let mut expr = match item {
        SelectItem::ExprWithAlias { expr, .. } | SelectItem::UnnamedExpr(expr) => expr,
        _ => return None,
    };
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    let (zone, how, is_certain) = match expr {
        Expr::AtTimeZone { time_zone, .. } => (literal(time_zone)?, "AT TIME ZONE", false),
        Expr::Function(function) => of_function(function)?,
        _ => return None,
    };
    let is_utc = ["utc", "gmt", "etc/utc", "z"].iter().any(|utc| zone.eq_ignore_ascii_case(utc));
    (!is_utc).then_some(LocalTime { index, zone, how, is_certain })
}

fn of_function(function: &Function) -> Option<(String, &'static str, bool)> {
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

    fn found(sql: &str, dialect: Dialect) -> Vec<(usize, String, bool)> {
        let times = Query::parse(sql, dialect).unwrap().local_times();
        times.into_iter().map(|time| (time.index, time.zone, time.is_certain)).collect()
    }

    #[test]
    fn conversions_to_a_zone_are_found_where_they_are_the_column() {
        let zone = "America/New_York";
        for (expression, is_certain) in [
            (format!("CONVERT_TIMEZONE('UTC', '{zone}', t)"), true),
            (format!("convert_timezone('{zone}', t) AS at"), true),
            (format!("(t AT TIME ZONE '{zone}') AS at"), false),
            (format!("timezone('{zone}', t)"), false),
        ] {
            let sql = format!("SELECT id AS \"userId\", {expression} FROM users");
            assert_eq!(found(&sql, Dialect::Redshift), [(1, zone.to_owned(), is_certain)], "{sql}");
        }
        for expression in [
            format!("CONVERT_TIMEZONE('{zone}', 'UTC', t)"),
            format!("TO_CHAR(CONVERT_TIMEZONE('{zone}', t), 'YYYY')"),
            "t AT TIME ZONE 'UTC'".to_owned(),
            "t AT TIME ZONE zone".to_owned(),
            "t".to_owned(),
        ] {
            let sql = format!("SELECT {expression} AS at FROM users");
            assert_eq!(found(&sql, Dialect::Redshift), [], "{sql}");
        }
    }
}
