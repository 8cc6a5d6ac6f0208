//! What a full parser sees in a query: that it is one statement, and that no part of it writes.
//!
//! The parser's dialects are older than the servers, so a text that it does not understand is no
//! error: then the words decide alone (`reading`).

use outflow_core::{Code, Error};
use sqlparser::ast::{Query, SetExpr, Statement, TableFactor};

use crate::dialect::Rules;

/// The query as a tree, if the parser knows its SQL.
pub(crate) fn parse(text: &str, rules: &Rules) -> Option<Query> {
    match (rules.parse)(text).ok()?.pop()? {
        Statement::Query(query) => Some(*query),
        _ => None,
    }
}

/// Refuses a tree with a part that writes or locks.
pub(crate) fn check(query: &Query) -> Result<(), Error> {
    let mut refused = None;
    walk(query, |part| {
        refused = refused.or(match part {
            Part::Query(q) if !q.locks.is_empty() => Some("it locks the rows that it reads"),
            Part::Body(SetExpr::Select(s)) if s.into.is_some() => Some("SELECT INTO makes a table"),
            Part::Body(SetExpr::Insert(_)) => Some("it inserts rows"),
            Part::Body(SetExpr::Update(_)) => Some("it changes rows"),
            Part::Body(SetExpr::Delete(_)) => Some("it deletes rows"),
            Part::Body(SetExpr::Merge(_)) => Some("it merges rows"),
            _ => None,
        });
    });
    let Some(why) = refused else { return Ok(()) };
    let help = "Outflow only reads: a query is one SELECT, with or without WITH in front";
    Err(Error::new(Code::QueryNotReadOnly, format!("the query does more than read: {why}"))
        .at("line 1, column 1 of the query")
        .help(help))
}

/// A part of a query that [`walk`] comes by.
#[derive(Clone, Copy)]
pub(crate) enum Part<'a> {
    Query(&'a Query),
    Body(&'a SetExpr),
}

/// Visits the query, its WITH queries, the sides of its UNIONs and the queries in its FROM, outer
/// ones before inner ones. Needs no stack.
pub(crate) fn walk<'a>(query: &'a Query, mut visit: impl FnMut(Part<'a>)) {
    let mut parts = vec![Part::Query(query)];
    let mut factors: Vec<&'a TableFactor> = Vec::new();
    while let Some(part) = parts.pop() {
        visit(part);
        match part {
            Part::Query(query) => {
                let with = query.with.iter().flat_map(|w| &w.cte_tables);
                parts.extend(with.map(|cte| Part::Query(&cte.query)));
                parts.push(Part::Body(&query.body));
            }
            Part::Body(SetExpr::Query(query)) => parts.push(Part::Query(query)),
            Part::Body(SetExpr::SetOperation { left, right, .. }) => {
                parts.extend([Part::Body(right), Part::Body(left)]);
            }
            Part::Body(SetExpr::Select(select)) => {
                for from in &select.from {
                    factors.push(&from.relation);
                    factors.extend(from.joins.iter().map(|j| &j.relation));
                }
            }
            Part::Body(_) => {}
        }
        while let Some(factor) = factors.pop() {
            match factor {
                TableFactor::Derived { subquery, .. } => parts.push(Part::Query(subquery)),
                TableFactor::NestedJoin { table_with_joins: from, .. } => {
                    factors.push(&from.relation);
                    factors.extend(from.joins.iter().map(|j| &j.relation));
                }
                _ => {}
            }
        }
    }
}
