//! What a call of each type cannot do without.

use outflow_core::{CallType, Code, Error};

use crate::fields::ReservedField;
use crate::row_error::RowError;

/// A set of [`ReservedField`]s.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReservedSet(u16);

impl ReservedSet {
    pub(crate) fn add(&mut self, field: ReservedField) {
        self.0 |= 1 << field as u16;
    }

    pub(crate) fn has(self, field: ReservedField) -> bool {
        self.0 & 1 << field as u16 != 0
    }
}

/// One of these fields has to be there.
#[derive(Debug)]
pub(crate) struct Need {
    pub(crate) any: &'static [ReservedField],
    /// The trait `email` will do as well.
    pub(crate) or_email: bool,
    what: &'static str,
}

const PERSON: Need = Need {
    any: &[ReservedField::UserId, ReservedField::AnonymousId],
    or_email: false,
    what: "a \"userId\" or an \"anonymousId\"",
};
const NAME: Need = Need { any: &[ReservedField::Name], or_email: false, what: "a \"name\"" };

/// The needs of a type of call, in the order in which they are looked at.
pub(crate) const fn needs(call: CallType) -> &'static [Need] {
    match call {
        CallType::Identify => {
            &[Need { or_email: true, what: "a \"userId\", an \"anonymousId\" or an \"email\"", ..PERSON }]
        }
        CallType::Track => {
            &[Need { any: &[ReservedField::Event], or_email: false, what: "an \"event\"" }, PERSON]
        }
        CallType::Group => &[Need { any: &[ReservedField::GroupId], or_email: false, what: "a \"groupId\"" }],
        CallType::Page | CallType::Screen => &[NAME, PERSON],
        CallType::Alias => &[
            Need { any: &[ReservedField::PreviousId], or_email: false, what: "a \"previousId\"" },
            Need { any: &[ReservedField::UserId], or_email: false, what: "a \"userId\"" },
        ],
    }
}

impl Need {
    /// Whether one of these meets it.
    pub(crate) fn met_by(&self, present: ReservedSet) -> bool {
        self.any.iter().any(|field| present.has(*field))
    }

    /// The first column that could have met it.
    pub(crate) fn column(&self, columns: &[Option<usize>]) -> Option<usize> {
        self.any.iter().find_map(|field| columns[*field as usize])
    }

    /// The error of a query that has no column for it. `stand_in` is a column that may be meant and
    /// the field that it would fill.
    pub(crate) fn error(&self, call: CallType, stand_in: Option<(&str, &str)>) -> Error {
        let first = self.any[0].name();
        let help = match stand_in {
            Some((column, field)) => {
                format!("if the column {column} is meant, name it so: {column} AS \"{field}\"")
            }
            None => format!("name a column of the query so: SELECT … AS \"{first}\""),
        };
        let message = format!("{} query needs {} column", with_article(call), self.what);
        Error::new(Code::RequiredColumnMissing, message).help(help)
    }

    /// The reason of a row that has no value for it.
    pub(crate) fn row_error(&self, call: CallType) -> RowError {
        let says = format!(
            "{} call needs {}, and this row has only NULL or blanks there; fill it, or leave such rows out in the query",
            with_article(call),
            self.what
        );
        RowError::row(Code::MissingField, says)
    }
}

fn with_article(call: CallType) -> String {
    match call {
        CallType::Identify | CallType::Alias => format!("an {call}"),
        _ => format!("a {call}"),
    }
}
