//! What tells the events of one result apart, and the message ids that follow from it.
//!
//! Two rows that make the same call are the same event read twice, or two events. They can be
//! distinguished if the call itself says where the row lies in time
//! ([`EventIdentity::by_content`]), or if the sync declares which columns name an event
//! ([`EventIdentity::by_key`]). Then the same event makes the same id in every run that reads it.
//!
//! What always holds: whether a row is distinguished follows from its call alone, so that equal
//! calls are treated alike. What it does not do: count equal calls of a result. The id made here is
//! that of the first one; those of the others follow from it (`core::call::nth_message_id`).

use outflow_core::{CallType, Code, Column, ColumnType, Error, EventIds, Result, SyncKey, hash};

use crate::fields::{self, ColumnRole, Kind, ReservedField};
use crate::{Field, Plan, leaf};

/// What tells the events of one result apart.
#[derive(Clone, Debug)]
pub struct EventIdentity {
    /// The sync's key. `None`: ids are made of run and row.
    pub(crate) key: Option<SyncKey>,
    columns: Vec<usize>,
    by: By,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// All that the call says; the columns say when.
    Content,
    /// The columns' values.
    Key,
}

impl EventIdentity {
    /// Events are distinguished by what their calls say, as these columns of the result decide in
    /// which runs a row is read. With a `key` their ids are made of it.
    ///
    /// # Errors
    /// A sentence that says which column does not stand in the call as it is.
    pub fn by_content(
        plan: &Plan,
        names: &[String],
        key: Option<SyncKey>,
    ) -> std::result::Result<Self, String> {
        let columns: std::result::Result<_, _> = names.iter().map(|name| placed(plan, name)).collect();
        Ok(Self { key, columns: columns?, by: By::Content })
    }

    /// Events are distinguished by the time that the call says, for a query that always reads all
    /// rows.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub fn by_time(plan: &Plan, key: Option<SyncKey>) -> std::result::Result<Self, String> {
        let Some(column) = plan.reserved_columns[ReservedField::Timestamp as usize] else {
            return Err("the query reads all rows in every run, and its calls have no timestamp".to_owned());
        };
        Self::by_content(plan, &[plan.columns[column].name.clone()], key)
    }

    /// Events are distinguished by the columns that the sync declares.
    ///
    /// # Errors
    /// Q013: a column is not in the result.
    pub fn by_key(plan: &Plan, ids: &EventIds) -> Result<Self> {
        let column = |name: &String| {
            only(&plan.columns, name).ok_or_else(|| {
                let what = format!("the column {name:?} of event_key is not in the result");
                Error::new(Code::EventKeyMissing, what)
                    .help(format!("add {name} to the query's select list, or take it out of `event_key`"))
            })
        };
        let columns = ids.event_key.iter().map(column).collect::<Result<_>>()?;
        Ok(Self { key: ids.key, columns, by: By::Key })
    }

    /// Whether equal calls of one result are different events. Rows with one key are the same.
    pub fn counts_occurrences(&self) -> bool {
        self.by == By::Content && self.key.is_some()
    }

    /// The columns that tell events apart.
    pub(crate) fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Whether this row is distinguished from all rows that do not make the same call.
    pub(crate) fn tells(&self, columns: &[Column], fields: &[Field<'_>]) -> bool {
        self.columns.iter().all(|column| {
            let (ty, field) = (columns[*column].ty, fields[*column]);
            leaf::given(ty, field).is_some_and(|text| self.by == By::Key || is_finer_than_a_day(ty, text))
        })
    }

    /// What the id of a row is made of, besides the sync's key. `content`: what its call says.
    pub(crate) fn content(&self, fields: &[Field<'_>], content: u128) -> u128 {
        match self.by {
            By::Content => content,
            By::Key => {
                let values = self.columns.iter().map(|column| fields[*column].unwrap_or_default());
                values
                    .fold(hash::content(b"event key 1"), |all, value| hash::joined(all, hash::content(value)))
            }
        }
    }
}

/// The one column of that name.
fn only(columns: &[Column], name: &str) -> Option<usize> {
    let mut found = (0..columns.len()).filter(|c| columns[*c].name.eq_ignore_ascii_case(name));
    found.next().filter(|_| found.next().is_none())
}

/// The column of that name, if it stands in the call with each of its digits.
fn placed(plan: &Plan, name: &str) -> std::result::Result<usize, String> {
    let column = only(&plan.columns, name)
        .ok_or_else(|| format!("the compared column {name} does not stand in the calls"))?;
    let whole = match fields::role(plan.call_type, name) {
        Ok(ColumnRole::ReservedField(field)) => field != ReservedField::ObjectTypeId,
        Ok(ColumnRole::Member(_, _, kind)) => matches!(kind, Kind::Trait | Kind::Free | Kind::Text),
        Ok(ColumnRole::Whole(_)) | Err(_) => false,
    };
    if !whole {
        return Err(format!("the compared column {name} does not stand in the calls as it is"));
    }
    match plan.columns[column].ty {
        ColumnType::Int
        | ColumnType::Numeric
        | ColumnType::Float
        | ColumnType::Text
        | ColumnType::Char
        | ColumnType::Timestamp
        | ColumnType::TimestampTz
        | ColumnType::Json => Ok(column),
        ColumnType::Date => Err(format!("the compared column {name} is a date, which many events share")),
        ty => Err(format!("the compared column {name} is of type {}, which says no moment", ty.name())),
    }
}

/// Whether a text can be more than a date. SQLite has both as texts.
fn is_finer_than_a_day(ty: ColumnType, text: &[u8]) -> bool {
    let text = text.trim_ascii();
    match ty {
        ColumnType::Text | ColumnType::Char | ColumnType::Json => {
            let text = text.strip_prefix(b"\"").and_then(|t| t.strip_suffix(b"\"")).unwrap_or(text);
            !matches!(text.trim_ascii(), [_, _, _, _, b'-', _, _, b'-', _, _])
        }
        _ => true,
    }
}

impl Plan {
    /// Whether the query gives each call its message id.
    pub fn has_message_id(&self) -> bool {
        self.reserved_columns[ReservedField::MessageId as usize].is_some()
    }

    /// Whether each row is something that happened, and not how something is: the same call made
    /// again is then another event.
    pub fn makes_events(&self) -> bool {
        matches!(self.call_type, CallType::Track | CallType::Page | CallType::Screen)
    }
}
