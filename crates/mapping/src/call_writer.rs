//! One call, part by part: the head, then `context`, `integrations`, traits or properties, written
//! straight into the caller's buffer.

use std::borrow::Cow;

use outflow_core::{CallFlags, CallMeta, CallType, Code, ColumnType, RunKey, call, hash};

use crate::events::EventIdentity;
use crate::fields::{self, ReservedField, Section};
use crate::notes::Notes;
use crate::plan::{Plan, Root};
use crate::required::{self, ReservedSet};
use crate::row_error::RowError;
use crate::write::{identifier, json, object, text, time, unseen};
use crate::{Field, leaf, members, objects};

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

/// The call that a row becomes, while it is written.
pub(crate) struct CallWriter<'p, 'r> {
    pub(crate) plan: &'p Plan,
    pub(crate) fields: &'p [Field<'r>],
    /// What tells this row apart, if anything does.
    pub(crate) events: Option<&'p EventIdentity>,
    pub(crate) notes: &'p mut Notes,
    pub(crate) filled: ReservedSet,
}

impl<'r> CallWriter<'_, 'r> {
    /// Appends the call. After an error `out` holds a part of it.
    pub(crate) fn write(
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
            let unit = time::moment(out, ty, text).map_err(|error| error.of(column))?;
            self.notes.count_unit(column, unit);
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
        if self.plan.call_type == CallType::Group && self.notes.object_type.is_none() {
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

    fn identifier(&mut self, reserved: ReservedField) -> Result<Option<Cow<'r, [u8]>>, RowError> {
        let Some((column, ty, text)) = self.given(reserved) else { return Ok(None) };
        let Some(id) = identifier::identifier(ty, text).map_err(|error| error.of(column))? else {
            return Ok(None);
        };
        if let Some(code) = id.warning {
            self.notes.warn(code, column);
        }
        Ok(Some(id.text))
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
            self.notes.set_object_type(hash::checksum(&digits))?;
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
        if body {
            let (text, is_beyond) = object::raw(ty, text)?;
            if is_beyond {
                self.notes.warn(Code::LargeInteger, column);
            }
            if !typed && root.nodes.is_empty() {
                let start = out.len();
                json::put(out, &text);
                self.notes.say(root.part.place(&[]), &out[start..]);
                return Ok(true);
            }
        }
        let mut object = objects::documented(root.part, object::read(ty, text)?, column, self.notes)?;
        let of_field = self.notes.object_type.take();
        if typed {
            objects::object_type(&mut object, column, self.notes)?;
        }
        let of_whole = self.notes.object_type.take();
        let (mut members, said) = (Vec::new(), self.notes.said);
        self.joined(root, &mut members)?;
        // A member's column takes precedence over what came whole.
        let of_traits = self.notes.object_type.take().or(of_whole);
        self.notes.object_type = of_field;
        if let Some(object_type) = of_traits {
            self.notes.set_object_type(object_type)?;
        }
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
        let email = match self.email_text() {
            Some(email) => email,
            // It was there, and could not be sent.
            None => {
                let left_out = self.plan.email.and_then(|column| self.notes.take_left_out(column));
                return Err(left_out.unwrap_or_else(|| self.missing(need)));
            }
        };
        self.notes.flags.set(CallFlags::EMAIL_ONLY);
        Ok(hash::key(b'p', &email))
    }

    /// The email among the traits, if it is a text and not blank. Called when the traits are
    /// written: their JSON is valid.
    fn email_text(&self) -> Option<Cow<'r, [u8]>> {
        let email = match self.plan.email {
            Some(column) => match self.plan.columns[column].ty {
                ColumnType::Bool | ColumnType::Int | ColumnType::Numeric | ColumnType::Float => None,
                ColumnType::Array(_) | ColumnType::Hstore => None,
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
        let email = unseen::trim(&email).to_vec();
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
