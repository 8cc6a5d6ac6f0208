//! What is noticed while a row is written, apart from the call itself.

use outflow_core::{CallFlags, Code, hash};

use crate::row_error::RowError;
use crate::write::number::TimeUnit;

const CONTRADICTION: &str =
    "objectTypeId and object_type_id name two object types in this row; select one of them";

/// What is noticed while a row is written.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) flags: CallFlags,
    /// Warnings with their columns, each once.
    pub(crate) found: Vec<(Code, usize)>,
    /// The hash of the object type that was written.
    pub(crate) object_type: Option<u64>,
    /// What the members say, in whatever order they come; `None`: it is not asked for.
    pub(crate) said: Option<u128>,
    /// Values that cannot be sent are left out, and the rest of the row is sent.
    pub(crate) omits: bool,
    /// The columns that tell events apart: without one of them a row is not sent.
    pub(crate) deciding: Vec<usize>,
    /// Why values of this row were left out.
    pub(crate) left_out: Vec<RowError>,
    /// In how many rows of the result a column held which unit of Unix time.
    units: Vec<(usize, [u64; 4])>,
}

impl Notes {
    pub(crate) fn clear(&mut self) {
        self.flags = CallFlags::default();
        self.found.clear();
        self.left_out.clear();
        self.object_type = None;
        self.said = None;
    }

    /// Adds a value at its place. A value that is null says nothing.
    #[inline]
    pub(crate) fn say(&mut self, place: u64, value: &[u8]) {
        if let Some(said) = &mut self.said
            && value != b"null"
        {
            *said = said.wrapping_add(hash::placed(place, value));
        }
    }

    pub(crate) fn warn(&mut self, code: Code, column: usize) {
        if !self.found.contains(&(code, column)) {
            self.found.push((code, column));
        }
    }

    /// A value cannot be sent: it is left out, or the row is rejected for it.
    #[cold]
    pub(crate) fn leave_out(&mut self, error: RowError) -> Result<(), RowError> {
        let is_needed = |column| self.deciding.contains(&column);
        if !self.omits || !error.concerns_value() || error.column().is_none_or(is_needed) {
            return Err(error);
        }
        self.left_out.push(error);
        Ok(())
    }

    /// Why the value of a column was left out, if it was.
    pub(crate) fn take_left_out(&mut self, column: usize) -> Option<RowError> {
        let at = self.left_out.iter().position(|error| error.column() == Some(column))?;
        Some(self.left_out.swap_remove(at))
    }

    /// An object type was written: all that the row names have to be the same.
    pub(crate) fn set_object_type(&mut self, hash: u64) -> Result<(), RowError> {
        match self.object_type.replace(hash) {
            Some(other) if other != hash => {
                Err(RowError::row(Code::ContradictoryObjectTypes, CONTRADICTION.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// A number was taken as Unix time of that unit.
    pub(crate) fn count_unit(&mut self, column: usize, unit: Option<TimeUnit>) {
        let Some(unit) = unit else { return };
        let at = self.units.iter().position(|(known, _)| *known == column).unwrap_or_else(|| {
            self.units.push((column, [0; 4]));
            self.units.len() - 1
        });
        self.units[at].1[unit as usize] += 1;
    }

    /// The columns whose numbers are of several units, and how many are not of the most frequent
    /// one.
    pub(crate) fn mixed_units(&self) -> impl Iterator<Item = (usize, u64)> {
        self.units.iter().filter_map(|(column, counts)| {
            let others = counts.iter().sum::<u64>() - counts.iter().max()?;
            (others > 0).then_some((*column, others))
        })
    }
}
