//! The names of a query's columns, in the case in which its author wrote them.
//!
//! Redshift folds every name to lower case, PostgreSQL those without quotes. What comes back is
//! only ever a name that differs from the server's in the case of ASCII letters, so a wrong guess
//! cannot rename a column.

use std::collections::BTreeMap;

use outflow_core::Column;
use sqlparser::ast::{Expr, Query, SelectItem, SetExpr};

use crate::scan::{Kind, Scan};
use crate::sql::{self, Part};

/// What the query says about the names of its columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// The select list, if it names each column by itself; `None` for a column whose name the
    /// server makes up.
    list: Option<Vec<Option<String>>>,
    /// Folded name to the one way in which it is written; `None` if there are several.
    spellings: BTreeMap<String, Option<String>>,
}

impl Names {
    /// The names of a parsed query. Behind a `*` the columns of its WITH and FROM queries count as
    /// well.
    pub(crate) fn of_query(query: &Query) -> Self {
        let mut names = Self::default();
        let mut selects = Vec::new();
        sql::walk(query, |part| {
            if let Part::Body(SetExpr::Select(select)) = part {
                selects.push(&select.projection);
            }
        });
        let Some((own, inner)) = selects.split_first() else { return names };
        let is_wildcard =
            |i: &SelectItem| matches!(i, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
        let list: Vec<_> = own.iter().map(item_name).collect();
        names.add(list.iter().flatten());
        if own.iter().any(is_wildcard) {
            let mut below = Self::default();
            below.add(
                inner.iter().flat_map(|items| items.iter().filter_map(item_name)).collect::<Vec<_>>().iter(),
            );
            for (folded, name) in below.spellings {
                names.spellings.entry(folded).or_insert(name);
            }
        } else {
            names.list = Some(list);
        }
        names
    }

    /// The names behind AS, for a text that the parser does not understand.
    pub(crate) fn of_aliases(scan: &Scan<'_>) -> Self {
        let mut names = Self::default();
        let mut depth = 0_i32;
        for pair in scan.tokens.windows(2) {
            match pair[0].kind {
                Kind::Symbol(b'(') => depth += 1,
                Kind::Symbol(b')') => depth -= 1,
                _ => {}
            }
            if depth == 0 && scan.is(&pair[0], "AS") {
                match pair[1].kind {
                    Kind::Word => names.add([&scan.of(&pair[1]).to_owned()]),
                    Kind::Quoted => names.add([&unquoted(scan.of(&pair[1]))]),
                    _ => {}
                }
            }
        }
        names
    }

    fn add<'n>(&mut self, list: impl IntoIterator<Item = &'n String>) {
        for name in list {
            self.spellings
                .entry(name.to_ascii_lowercase())
                .and_modify(|known| *known = known.take().filter(|k| k == name))
                .or_insert_with(|| Some(name.clone()));
        }
    }

    /// Gives columns their written names back: by position if the select list names them, else by
    /// name where that is unique.
    pub(crate) fn restore(&self, columns: &mut [Column]) {
        if let Some(list) = self.list.as_ref().filter(|list| list.len() == columns.len()) {
            for (column, name) in columns.iter_mut().zip(list) {
                if let Some(name) = name.as_ref().filter(|n| n.eq_ignore_ascii_case(&column.name)) {
                    column.name.clone_from(name);
                }
            }
            return;
        }
        let mut seen = BTreeMap::new();
        for column in columns.iter() {
            *seen.entry(column.name.to_ascii_lowercase()).or_insert(0_u32) += 1;
        }
        for column in columns {
            let folded = column.name.to_ascii_lowercase();
            // A name with capitals is one that the server has kept as it is.
            let is_folded = folded == column.name;
            if is_folded && let (Some(1), Some(Some(name))) = (seen.get(&folded), self.spellings.get(&folded))
            {
                column.name.clone_from(name);
            }
        }
    }
}

/// The name that a column of the select list gets, as far as the text says it.
fn item_name(item: &SelectItem) -> Option<String> {
    let mut expr = match item {
        SelectItem::ExprWithAlias { alias, .. } => return Some(alias.value.clone()),
        SelectItem::UnnamedExpr(expr) => expr,
        _ => return None,
    };
    loop {
        match expr {
            Expr::Identifier(name) => return Some(name.value.clone()),
            Expr::CompoundIdentifier(path) => return path.last().map(|name| name.value.clone()),
            Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => expr = inner,
            _ => return None,
        }
    }
}

/// A quoted name without its quotes.
pub(crate) fn unquoted(name: &str) -> String {
    let inner = &name[1..name.len() - 1];
    match &name[..1] {
        "[" => inner.to_owned(),
        quote => inner.replace(&quote.repeat(2), quote),
    }
}
