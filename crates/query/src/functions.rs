//! Which functions a query may run: what the catalogue of its database marks as volatile is
//! refused, unless it is known to be harmless or the operator vouches for it.
//!
//! [`Query::references`] says what to look up. What always holds: a refusal names the function,
//! what runs it, and what can be done. What it does not do: ask a database, or know what a function
//! that is marked as stable really does.

mod known;
mod names;

use outflow_core::{Code, Error, References, VolatileFunction};

use crate::Query;
use crate::dialect::{self, Catalogue};
pub(crate) use names::Referenced;

impl Query {
    /// The names by which this query can run functions, to look up in the catalogue. `None`: the
    /// catalogue has nothing to say about them.
    pub fn references(&self) -> Option<&References> {
        match dialect::rules(self.dialect).catalogue {
            Catalogue::Decides => Some(&self.referenced.all),
            Catalogue::DecidesOnUsers => self
                .referenced
                .all
                .called()
                .any(|n| !known::is_well_known(&n.name))
                .then_some(&self.referenced.all),
            Catalogue::Silent => None,
        }
    }

    /// The schema that this query writes before a table of this name, if it writes one.
    pub fn schema_of(&self, table: &str) -> Option<&str> {
        let mut named = self.referenced.all.names.iter().filter(|name| name.name == table);
        named.find_map(|name| name.schema.as_deref())
    }

    /// Refuses what the catalogue found, but for harmless functions and those that are `allowed`
    /// (`name` or `schema.name`).
    ///
    /// # Errors
    /// Q012, one for each function.
    pub fn judge_functions(&self, found: &[VolatileFunction], allowed: &[String]) -> Result<(), Vec<Error>> {
        let judges_server = dialect::rules(self.dialect).catalogue == Catalogue::Decides;
        let refused = found.iter().filter(|f| {
            let is_server = f.schema == known::SERVER;
            let is_harmless = if is_server {
                !judges_server || known::is_harmless("", &f.name)
            } else {
                harmless_extension(f)
            };
            !is_harmless && !is_allowed(allowed, Some(&f.schema), &f.name)
        });
        let errors: Vec<Error> = refused.map(|f| self.refusal(f)).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// Judges the functions of a query whose catalogue cannot be read, for that reason: those that
    /// every database has, and those that are `allowed`, pass.
    ///
    /// # Errors
    /// Q012, one for each function that is not known.
    pub fn judge_without_catalogue(&self, why: &Error, allowed: &[String]) -> Result<(), Vec<Error>> {
        if dialect::rules(self.dialect).catalogue != Catalogue::Decides {
            return Ok(());
        }
        let unknown = self.referenced.all.called().filter(|name| {
            let of_server = name.schema.as_deref().is_none_or(|schema| schema == known::SERVER);
            let is_known =
                of_server && (known::is_well_known(&name.name) || known::is_harmless("", &name.name));
            !is_known && !is_allowed(allowed, name.schema.as_deref(), &name.name)
        });
        let errors: Vec<Error> = unknown
            .map(|name| {
                let shown = name.name.escape_debug().to_string();
                let message = format!(
                    "the query calls {shown}(), and whether it only reads is unknown: the catalogue cannot be read ({})",
                    why.message()
                );
                let help = format!(
                    "let the account read pg_catalog.pg_proc, or name {shown} in the database's `allow_functions`"
                );
                Error::new(Code::VolatileFunctionCalled, message)
                    .at(self.referenced.place(name, &self.text))
                    .help(help)
            })
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn refusal(&self, function: &VolatileFunction) -> Error {
        let VolatileFunction { schema, name, arguments, via, .. } = function;
        let runs = match via {
            None => "the query calls".to_owned(),
            Some(via) => format!("the query uses {via}, which runs"),
        };
        let message = format!(
            "{runs} {}, which the database marks as volatile: it may do more than read",
            shown(&function.to_string())
        );
        let (dotted, arguments) = (shown(&format!("{schema}.{name}")), shown(arguments));
        let help = if schema == known::SERVER {
            format!(
                "leave it out; if you know what it does, allow it in the database's settings: `allow_functions: [{dotted}]`"
            )
        } else {
            format!(
                "if it only reads, its owner can say so: ALTER FUNCTION {dotted}({arguments}) STABLE; or allow it in the database's settings: \
                 `allow_functions: [{dotted}]`"
            )
        };
        let place = self.referenced.place_of(name, &self.text);
        Error::new(Code::VolatileFunctionCalled, message).at(place).help(help)
    }
}

fn harmless_extension(function: &VolatileFunction) -> bool {
    function.extension.as_deref().is_some_and(|extension| known::is_harmless(extension, &function.name))
}

/// Whether an entry names this function. A call without a schema is one of any schema.
fn is_allowed(allowed: &[String], schema: Option<&str>, name: &str) -> bool {
    allowed.iter().any(|entry| match entry.split_once('.') {
        Some((of, entry)) => schema.is_some_and(|schema| schema == of) && entry == name,
        None => entry == name,
    })
}

/// Names of a database may hold anything.
fn shown(text: &str) -> String {
    text.escape_debug().take(200).collect()
}
