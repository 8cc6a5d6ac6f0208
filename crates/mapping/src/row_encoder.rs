//! Row by row: the head of the call, then its parts, written straight into the caller's buffer.

use std::borrow::Cow;

use outflow_core::ports::spool::Rejection;
use outflow_core::run::FindingCount;
use outflow_core::{CallFlags, CallMeta, CallType, Code, ColumnType, Row, RunKey, Timestamp, call, hash};

use crate::events::EventIdentity;
use crate::fields::{self, ReservedField, Section};
use crate::notes::Notes;
use crate::plan::{Plan, Root};
use crate::required::{self, ReservedSet};
use crate::row_error::RowError;
use crate::write::{identifier, json, object, text, time};
use crate::{Field, leaf, members, objects};

/// Makes calls of rows after a plan.
#[derive(Debug)]
pub struct RowEncoder {
    plan: Plan,
    key: RunKey,
    /// `,"timestamp":"…"`, for rows that give none.
    clock: Vec<u8>,
    /// `,"type":"…"`
    call_type: Vec<u8>,
    events: Option<EventIdentity>,
    notes: Notes,
    counts: Vec<FindingCount>,
    /// The fields of the row at hand; empty between rows, so that its memory serves all of them.
    fields: Vec<Field<'static>>,
}

/// What is known of a call that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shaped {
    /// What the spool's index keeps.
    pub meta: CallMeta,
    /// The hash of the call's content.
    pub content: u128,
    /// All rows that make the same call are the same event, or counted occurrences of it.
    pub is_distinguished: bool,
    /// The hash of the message id, if the query or declared columns gave it.
    pub given_id: Option<u64>,
}

impl RowEncoder {
    /// An encoder for one run. `clock` is the run's clock: it stands in for an absent `timestamp`,
    /// to the millisecond.
    pub fn new(plan: Plan, key: RunKey, clock: Timestamp) -> Self {
        let mut stamp = ReservedField::Timestamp.key().as_bytes().to_vec();
        time::milliseconds(&mut stamp, clock.as_millisecond());
        let call_type = format!(",\"type\":\"{}\"", plan.call_type).into_bytes();
        Self {
            plan,
            key,
            clock: stamp,
            call_type,
            events: None,
            notes: Notes::default(),
            counts: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// The same, with what tells events apart.
    pub fn with_events(self, events: Option<EventIdentity>) -> Self {
        Self { events, ..self }
    }

    /// Appends the canonical call of the row to `out`. `ordinal` is the row's index in the result.
    ///
    /// # Errors
    /// The rejection of a row that cannot become a call (R001 to R009); `out` is as it was.
    pub fn shape(&mut self, row: Row<'_>, ordinal: u64, out: &mut Vec<u8>) -> Result<Shaped, Box<Rejection>> {
        let mut fields = emptied(std::mem::take(&mut self.fields));
        fields.extend(row.fields());
        // The row's maker promises as many fields as columns.
        fields.resize(self.plan.columns.len(), None);
        self.notes.clear();
        let start = out.len();
        let events = self.events.as_ref().filter(|events| events.tells(&self.plan.columns, &fields));
        if events.is_some_and(|events| events.key.is_some()) {
            self.notes.said = Some(0);
        }
        let call = Call {
            plan: &self.plan,
            fields: &fields,
            events,
            notes: &mut self.notes,
            filled: ReservedSet::default(),
        };
        let result = call.write(self.key, ordinal, &self.clock, &self.call_type, out).map_err(|error| {
            out.truncate(start);
            error.rejection(ordinal, &self.plan.columns, &fields)
        });
        self.fields = emptied(fields);
        if result.is_ok() {
            self.count();
        }
        result
    }

    /// The warnings about the rows that became calls: in how many rows, for each code and column.
    pub fn findings(&self) -> Vec<FindingCount> {
        self.counts.clone()
    }

    fn count(&mut self) {
        let person = self.plan.reserved_columns[ReservedField::UserId as usize];
        let alone = self.plan.call_type == CallType::Group && self.notes.flags.has(CallFlags::NO_PERSON);
        for at in 0..self.notes.found.len() {
            let (code, column) = self.notes.found[at];
            self.add(code, Some(column));
        }
        if alone {
            self.add(Code::GroupWithoutPerson, person);
        }
    }

    fn add(&mut self, code: Code, column: Option<usize>) {
        let name = column.map(|c| self.plan.columns[c].name.as_str());
        match self.counts.iter_mut().find(|count| count.code == code && count.column.as_deref() == name) {
            Some(count) => count.rows += 1,
            None => {
                let column = name.map(str::to_owned);
                self.counts.push(FindingCount { code, column, rows: 1, samples: Vec::new() });
            }
        }
    }
}

/// The same vector, empty, for fields that live for another time. Collecting a vector from its own
/// iterator keeps its memory.
fn emptied<'b>(mut fields: Vec<Field<'_>>) -> Vec<Field<'b>> {
    fields.clear();
    fields.into_iter().map(|_| None).collect()
}

/// The call that a row becomes, while it is written.
struct Call<'p, 'r> {
    plan: &'p Plan,
    fields: &'p [Field<'r>],
    /// What tells this row apart, if anything does.
    events: Option<&'p EventIdentity>,
    notes: &'p mut Notes,
    filled: ReservedSet,
}

impl<'r> Call<'_, 'r> {
    fn write(
        mut self,
        run: RunKey,
        ordinal: u64,
        clock: &[u8],
        call_type: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Shaped, RowError> {
        let start = out.len();
        out.extend_from_slice(b"{\"messageId\":");
        // An id that the query selects distinguishes calls that are otherwise alike.
        let own_id = self.identifier(ReservedField::MessageId)?;
        let content_key = self.events.and_then(|events| events.key).filter(|_| own_id.is_none());
        match &own_id {
            Some(id) => self.string(ReservedField::MessageId, id, out)?,
            // It is put in when the content is known.
            None if content_key.is_some() => {
                out.push(b'"');
                out.extend_from_slice(&[b'0'; RunKey::ID_LEN]);
                out.push(b'"');
            }
            None => {
                out.push(b'"');
                out.extend_from_slice(&run.message_id(ordinal));
                out.push(b'"');
            }
        }
        let timestamp = self.given(ReservedField::Timestamp);
        if timestamp.is_none() {
            out.extend_from_slice(clock);
        }
        // The comma is not content: the text before it depends on the run.
        let content = out.len() + 1;
        out.extend_from_slice(call_type);
        let (key, key2) = self.identity(out)?;
        self.texts(out)?;
        self.check_needs()?;
        if let Some((column, ty, text)) = timestamp {
            out.extend_from_slice(ReservedField::Timestamp.key().as_bytes());
            time::moment(out, ty, text).map_err(|error| error.of(column))?;
        }
        let members = out.len();
        for root in &self.plan.parts {
            if self.part(root, out)? && root.part == Section::Integrations {
                self.notes.flags.set(CallFlags::INTEGRATIONS);
            }
        }
        out.push(b'}');
        let key = match key {
            Some(key) => key,
            None => self.email()?,
        };
        self.check_size(out.len() - start)?;
        if self.plan.call_type == CallType::Group && !self.notes.object_type {
            self.notes.flags.set(CallFlags::NO_OBJECT_TYPE);
        }
        let mut given_id = own_id.as_ref().map(|id| hash::checksum(id));
        if let (Some(key), Some(events)) = (content_key, self.events) {
            let said =
                hash::joined(hash::content(&out[content..members]), self.notes.said.unwrap_or_default());
            let id = key.message_id(events.content(self.fields, said));
            if let Some(place) = call::message_id_mut(&mut out[start..]) {
                *place = id;
            }
            given_id = (!events.counts_occurrences()).then(|| hash::checksum(&id));
            self.notes.flags.set(CallFlags::CONTENT_ID);
        }
        let own_hash = own_id.as_ref().map_or(0, |id| hash::content(id));
        let content = hash::content(&out[content..]) ^ own_hash;
        let flags = self.notes.flags;
        let meta = CallMeta { ordinal, call_type: self.plan.call_type, flags, key, key2 };
        let is_distinguished = own_id.is_some() || self.events.is_some();
        Ok(Shaped { meta, content, is_distinguished, given_id })
    }

    /// The text of a field at the top, with its column and type; `None` if it is absent.
    fn given(&self, reserved: ReservedField) -> Option<(usize, ColumnType, &'r [u8])> {
        let column = self.plan.reserved_columns[reserved as usize]?;
        let ty = self.plan.columns[column].ty;
        Some((column, ty, leaf::given(ty, self.fields[column])?))
    }

    fn identifier(&self, reserved: ReservedField) -> Result<Option<Cow<'r, [u8]>>, RowError> {
        let Some((column, ty, text)) = self.given(reserved) else { return Ok(None) };
        identifier::identifier(ty, text).map_err(|error| error.of(column))
    }

    /// Appends the value of a field at the top as a string.
    fn string(&self, reserved: ReservedField, text: &[u8], out: &mut Vec<u8>) -> Result<(), RowError> {
        text::string(out, text).map_err(|error| match self.plan.reserved_columns[reserved as usize] {
            Some(column) => error.of(column),
            None => error,
        })
    }

    /// Appends an identifier if the row has it.
    fn id(&mut self, reserved: ReservedField, out: &mut Vec<u8>) -> Result<Option<Cow<'r, [u8]>>, RowError> {
        let id = self.identifier(reserved)?;
        if let Some(id) = &id {
            out.extend_from_slice(reserved.key().as_bytes());
            self.string(reserved, id, out)?;
            self.filled.add(reserved);
        }
        Ok(id)
    }

    /// Appends the identifiers. Returns the ordering keys; the first is missing if nothing but an
    /// email can be one.
    fn identity(&mut self, out: &mut Vec<u8>) -> Result<(Option<u64>, u64), RowError> {
        let user = self.id(ReservedField::UserId, out)?;
        let anonymous = self.id(ReservedField::AnonymousId, out)?;
        let previous = self.id(ReservedField::PreviousId, out)?;
        let group = self.id(ReservedField::GroupId, out)?;
        if let Some((column, ty, text)) = self.given(ReservedField::ObjectTypeId)
            && let Some(digits) = identifier::object_type(ty, text).map_err(|error| error.of(column))?
        {
            out.extend_from_slice(ReservedField::ObjectTypeId.key().as_bytes());
            self.string(ReservedField::ObjectTypeId, &digits, out)?;
            self.notes.object_type = true;
        }
        if user.is_none() && anonymous.is_none() {
            self.notes.flags.set(CallFlags::NO_PERSON);
        }
        let person = |id: Cow<'_, [u8]>| hash::key(b'p', &id);
        let key = match self.plan.call_type {
            CallType::Group => group.map(|id| hash::key(b'g', &id)),
            CallType::Alias => user.map(person),
            _ => user.or(anonymous).map(person),
        };
        Ok((key, previous.map_or(0, person)))
    }

    /// Appends event, name and category.
    fn texts(&mut self, out: &mut Vec<u8>) -> Result<(), RowError> {
        for reserved in [ReservedField::Event, ReservedField::Name, ReservedField::Category] {
            let Some((column, ty, text)) = self.given(reserved) else { continue };
            if let Some(content) = leaf::content(ty, text).map_err(|error| error.of(column))? {
                out.extend_from_slice(reserved.key().as_bytes());
                self.string(reserved, &content, out)?;
                self.filled.add(reserved);
            }
        }
        Ok(())
    }

    fn check_needs(&self) -> Result<(), RowError> {
        let needs = required::needs(self.plan.call_type);
        match needs.iter().find(|need| !need.or_email && !need.met_by(self.filled)) {
            Some(need) => Err(self.missing(need)),
            None => Ok(()),
        }
    }

    fn missing(&self, need: &required::Need) -> RowError {
        let whole = || self.plan.part(Section::Body)?.whole;
        let error = need.row_error(self.plan.call_type);
        let column = need.column(&self.plan.reserved_columns).or(self.plan.email);
        match column.or_else(whole) {
            Some(column) => error.of(column),
            None => error,
        }
    }

    /// Appends a part. `false`: it is absent.
    fn part(&mut self, root: &Root, out: &mut Vec<u8>) -> Result<bool, RowError> {
        let mark = out.len();
        let whole = root.whole.and_then(|column| {
            let ty = self.plan.columns[column].ty;
            Some((column, ty, leaf::given(ty, self.fields[column])?))
        });
        out.extend_from_slice(&root.key);
        let written = match whole {
            None => self.joined(root, out)?,
            Some((column, ty, text)) => {
                self.whole(root, column, ty, text, out).map_err(|error| error.of(column))?
            }
        };
        if !written {
            out.truncate(mark);
        }
        Ok(written)
    }

    /// Appends the part that the member columns make.
    fn joined(&mut self, root: &Root, out: &mut Vec<u8>) -> Result<bool, RowError> {
        out.push(b'{');
        members::write(&root.nodes, self.fields, self.notes, out)?;
        Ok(members::close(out))
    }

    /// Appends the part that came whole, with the member columns put over it.
    fn whole(
        &mut self,
        root: &Root,
        column: usize,
        ty: ColumnType,
        text: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, RowError> {
        let body = root.part == Section::Body;
        let typed = body && self.plan.call_type == CallType::Group && may_have_object_type(text);
        if body && !typed && root.nodes.is_empty() {
            let start = out.len();
            json::put(out, object::raw(ty, text)?);
            self.notes.say(root.part.place(&[]), &out[start..]);
            return Ok(true);
        }
        let mut object = objects::documented(root.part, object::read(ty, text)?, column, self.notes)?;
        if typed {
            objects::object_type(&mut object, column, self.notes)?;
        }
        let (mut members, said) = (Vec::new(), self.notes.said);
        self.joined(root, &mut members)?;
        object::merge(&mut object, object::reread(&members)?);
        if said.is_some() {
            // What counts is what was made of both.
            self.notes.said = said;
            objects::say(root.part, &object, &mut Vec::new(), self.notes);
        }
        let written = body || !object.is_empty();
        object::put(out, object);
        Ok(written)
    }

    /// The ordering key of an identify call that has no identifier but an email.
    fn email(&mut self) -> Result<u64, RowError> {
        let need = &required::needs(self.plan.call_type)[0];
        let email = self.email_text().ok_or_else(|| self.missing(need))?;
        self.notes.flags.set(CallFlags::EMAIL_ONLY);
        Ok(hash::key(b'p', &email))
    }

    /// The email among the traits, if it is a text and not blank. Called when the traits are
    /// written: their JSON is valid.
    fn email_text(&self) -> Option<Cow<'r, [u8]>> {
        let email = match self.plan.email {
            Some(column) => match self.plan.columns[column].ty {
                ColumnType::Bool | ColumnType::Int | ColumnType::Numeric | ColumnType::Float => None,
                ColumnType::Json if !self.fields[column]?.trim_ascii().starts_with(b"\"") => None,
                ty => leaf::content(ty, self.fields[column]?).ok()?,
            },
            None => {
                let text = self.fields[self.plan.part(Section::Body)?.whole?]?;
                let traits = json::object(text).ok()??;
                let email = traits.get(fields::EMAIL)?.as_str()?;
                Some(Cow::Owned(email.as_bytes().to_vec()))
            }
        }?;
        let email = email.trim_ascii().to_vec();
        (!email.is_empty()).then_some(Cow::Owned(email))
    }

    fn check_size(&self, bytes: usize) -> Result<(), RowError> {
        if bytes <= Plan::MAX_CALL_BYTES {
            return Ok(());
        }
        let says = format!(
            "the call would have {bytes} bytes, and {} is the limit; select less, or shorten the long columns",
            Plan::MAX_CALL_BYTES
        );
        Err(RowError::row(Code::CallTooLarge, says))
    }
}

/// Whether the traits of a group may name an object type; `\u` may hide letters of it.
fn may_have_object_type(traits: &[u8]) -> bool {
    memchr::memmem::find(traits, fields::OBJECT_TYPE.as_bytes()).is_some()
        || memchr::memmem::find(traits, b"\\u").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_all_rows_lie_in_the_same_memory() {
        let text = b"x".to_vec();
        let fields: Vec<Field<'_>> = vec![Some(&text), None, Some(&text)];
        let (address, capacity) = (fields.as_ptr().addr(), fields.capacity());
        let emptied: Vec<Field<'static>> = emptied(fields);
        assert_eq!((emptied.as_ptr().addr(), emptied.capacity(), emptied.len()), (address, capacity, 0));
    }
}
