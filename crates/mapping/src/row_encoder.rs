//! Row by row: a call or a rejection, and what is counted on the way.

use outflow_core::ports::spool::Rejection;
use outflow_core::run::FindingCount;
use outflow_core::{CallFlags, CallType, Code, OnInvalidValue, Row, RunKey, Timestamp};

use crate::Field;
use crate::call_writer::{CallWriter, Shaped};
use crate::events::EventIdentity;
use crate::fields::ReservedField;
use crate::notes::Notes;
use crate::plan::Plan;
use crate::required::ReservedSet;
use crate::row_error::RowError;
use crate::write::json::fault;
use crate::write::{email, time};

/// A row that takes more is no sample of what was left out.
const SAMPLE_BYTES: usize = 16 << 10;

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
    pub fn with_events(mut self, events: Option<EventIdentity>) -> Self {
        self.notes.deciding = events.as_ref().map_or_else(Vec::new, |events| events.columns().to_vec());
        Self { events, ..self }
    }

    /// The same, with what becomes of a row with a value that cannot be sent. Without this it is
    /// rejected.
    pub fn on_invalid_value(mut self, policy: OnInvalidValue) -> Self {
        self.notes.omits = policy == OnInvalidValue::OmitField;
        self
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
        let result = match self.write(&fields, ordinal, out) {
            Err(error) if error.lone_surrogate().is_some() => self.repaired(error, &fields, ordinal, out),
            result => result,
        };
        let result = match result {
            Ok(shaped) => {
                self.count();
                if !self.notes.left_out.is_empty() {
                    self.count_left_out(ordinal, &fields);
                }
                Ok(shaped)
            }
            Err(error) => Err(error.rejection(ordinal, &self.plan.columns, &fields)),
        };
        self.fields = emptied(fields);
        result
    }

    /// Appends the call, with a clean email where that alone says who it is; after an error `out`
    /// is as it was.
    fn write(&mut self, fields: &[Field<'_>], ordinal: u64, out: &mut Vec<u8>) -> Result<Shaped, RowError> {
        let start = out.len();
        let mut shaped = self.write_as_is(fields, ordinal, out)?;
        if shaped.meta.flags.has(CallFlags::EMAIL_ONLY)
            && let Some(email) = email::cleaned(&self.plan, fields)
        {
            if let Some(text) = &email.text {
                let mut patched = fields.to_vec();
                patched[email.column] = Some(text);
                out.truncate(start);
                shaped = self.write_as_is(&patched, ordinal, out)?;
            }
            if let Some(code) = email.warning {
                self.notes.warn(code, email.column);
            }
        }
        Ok(shaped)
    }

    fn write_as_is(
        &mut self,
        fields: &[Field<'_>],
        ordinal: u64,
        out: &mut Vec<u8>,
    ) -> Result<Shaped, RowError> {
        self.notes.clear();
        let start = out.len();
        let events = self.events.as_ref().filter(|events| events.tells(&self.plan.columns, fields));
        if events.is_some_and(|events| events.key.is_some()) {
            self.notes.said = Some(0);
        }
        let call = CallWriter {
            plan: &self.plan,
            fields,
            events,
            notes: &mut self.notes,
            filled: ReservedSet::default(),
        };
        call.write(self.key, ordinal, &self.clock, &self.call_type, out).inspect_err(|_| out.truncate(start))
    }

    /// Writes a row once more, with U+FFFD in place of halves of surrogate pairs in its JSON.
    #[cold]
    fn repaired(
        &mut self,
        mut error: RowError,
        fields: &[Field<'_>],
        ordinal: u64,
        out: &mut Vec<u8>,
    ) -> Result<Shaped, RowError> {
        let mut repairs: Vec<(usize, Vec<u8>)> = Vec::new();
        loop {
            let Some(column) = error.lone_surrogate() else { return Err(error) };
            let is_new = repairs.iter().all(|(known, _)| *known != column);
            let Some(text) = fields[column].filter(|_| is_new).and_then(fault::repaired) else {
                return Err(error);
            };
            repairs.push((column, text));
            let mut patched = fields.to_vec();
            for (column, text) in &repairs {
                patched[*column] = Some(text);
            }
            match self.write(&patched, ordinal, out) {
                Ok(shaped) => {
                    for (column, _) in &repairs {
                        self.notes.warn(Code::LoneSurrogate, *column);
                    }
                    return Ok(shaped);
                }
                Err(next) => error = next,
            }
        }
    }

    /// The warnings about the rows that became calls: in how many rows, for each code and column.
    pub fn findings(&self) -> Vec<FindingCount> {
        let mut counts = self.counts.clone();
        for (column, rows) in self.notes.mixed_units() {
            let column = Some(self.plan.columns[column].name.clone());
            counts.push(FindingCount { code: Code::MixedTimeUnits, column, rows, samples: Vec::new() });
        }
        counts
    }

    /// Counts the values of the row that were left out, and keeps the first of each column.
    #[cold]
    fn count_left_out(&mut self, ordinal: u64, fields: &[Field<'_>]) {
        let mut seen = Vec::new();
        for error in std::mem::take(&mut self.notes.left_out) {
            let Some(column) = error.column().filter(|column| !seen.contains(column)) else { continue };
            seen.push(column);
            self.add(Code::ValueLeftOut, Some(column));
            let name = &self.plan.columns[column].name;
            let is_it = |f: &&mut FindingCount| {
                f.code == Code::ValueLeftOut && f.column.as_ref() == Some(name) && f.samples.is_empty()
            };
            if let Some(count) = self.counts.iter_mut().find(is_it) {
                let sample = error.rejection(ordinal, &self.plan.columns, fields);
                let text = serde_json::to_string(&sample).ok().filter(|text| text.len() <= SAMPLE_BYTES);
                count.samples.extend(text);
            }
        }
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
