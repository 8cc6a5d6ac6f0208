//! The largest value of a sync's cursor column.

use outflow_core::{Code, Column, Error, Result, Row, Timestamp};

use value::unit;
pub(crate) use value::{CursorValue, text};

mod value;

/// Follows the cursor column through a result.
///
/// What always holds: one absurd value neither ends the run nor moves the cursor past real rows.
/// What is neither a number nor a time counts for nothing, unless most of the values are so and no
/// earlier run has found one: then the column is none for a cursor. A time ahead of the clock
/// counts only if no row has another one, and one more than a day ahead not at all. So does a
/// number where the column counts Unix time: where the cursor so far, or half of the values, are
/// times of the last years in one unit.
pub(crate) struct CursorTracker {
    index: usize,
    pub(super) name: String,
    clock: Timestamp,
    /// The unit of the cursor so far, if that is a time.
    unit: Option<usize>,
    /// The largest number, and all of them.
    largest: Option<CursorValue>,
    numbers: u64,
    /// The numbers that are times of the last years by the clock, for each of [`UNITS`].
    plausible: [Plausible; UNITS.len()],
    /// The largest time by the clock, and the largest one within a day after it.
    by_clock: Option<CursorValue>,
    soon: Option<CursorValue>,
    /// Times further ahead, and what has no order: NaN, infinity, and all that is no time.
    absurd: u64,
    /// What is neither a number nor a time, the others, and the first such value.
    unreadable: u64,
    readable: u64,
    unread: Option<Error>,
    /// The state has a cursor of this column: it has had numbers or times.
    is_known: bool,
    last: Vec<u8>,
    rows: u64,
}

/// This many values that are neither numbers nor times say that a column is none for a cursor.
const MANY: u64 = 1_000;
/// What the numbers of a column may count of Unix time, in a second.
const UNITS: [i128; 4] = [1, 1_000, 1_000_000, 1_000_000_000];
/// Times up to this long before the clock are what a cursor column is expected to hold.
const PLAUSIBLE: i64 = 20 * 366 * 86_400;
/// A stamp may be ahead by this much: it is written by another clock, or in another zone.
const AHEAD: i64 = 86_400;

#[derive(Clone, Debug, Default)]
struct Plausible {
    count: u64,
    largest: Option<CursorValue>,
}

impl CursorTracker {
    /// Finds the column. Its absence is the error Q008. `so_far` is the cursor that the state has.
    pub(crate) fn new(
        name: &str,
        columns: &[Column],
        clock: Timestamp,
        so_far: Option<&CursorValue>,
    ) -> Result<Self> {
        let Some(index) = columns.iter().position(|c| c.name.eq_ignore_ascii_case(name)) else {
            return Err(Error::new(
                Code::CursorColumnMissing,
                format!("the cursor column {name:?} is not in the result"),
            )
            .help(format!("add {name} to the query's select list, or take `cursor` out of the sync")));
        };
        Ok(Self {
            index,
            name: name.to_owned(),
            clock,
            unit: so_far.and_then(|value| plausible_unit(value, clock)),
            largest: None,
            numbers: 0,
            plausible: Default::default(),
            by_clock: None,
            soon: None,
            absurd: 0,
            unreadable: 0,
            readable: 0,
            unread: None,
            is_known: so_far.is_some(),
            last: Vec::new(),
            rows: 0,
        })
    }

    /// Takes a row into account. NULL counts for nothing. The error Q008 comes here if many values
    /// were looked at, and else with the last row.
    pub(crate) fn see(&mut self, row: Row<'_>) -> Result<()> {
        self.rows += 1;
        let Some(Some(field)) = row.fields().nth(self.index) else { return Ok(()) };
        if field == self.last.as_slice() {
            return Ok(());
        }
        self.last.clear();
        self.last.extend_from_slice(field);
        let text = std::str::from_utf8(field).ok();
        match text.and_then(CursorValue::parse) {
            Some(value) => {
                self.readable += 1;
                self.take(value);
            }
            None if text.is_some_and(is_unordered) => {
                self.readable += 1;
                self.absurd += 1;
            }
            None => {
                self.absurd += 1;
                self.unreadable += 1;
                if self.unread.is_none() {
                    self.unread = Some(self.refused(field, row));
                }
                if self.unreadable >= MANY && self.is_no_cursor() {
                    return self.unread.take().map_or(Ok(()), Err);
                }
            }
        }
        Ok(())
    }

    /// Whether the column is one of texts.
    fn is_no_cursor(&self) -> bool {
        !self.is_known && self.unreadable > self.readable
    }

    fn take(&mut self, value: CursorValue) {
        match &value {
            CursorValue::Number { .. } => {
                self.numbers += 1;
                if let Some(unit) = plausible_unit(&value, self.clock) {
                    let seen = &mut self.plausible[unit];
                    seen.count += 1;
                    raise(&mut seen.largest, value.clone());
                }
                raise(&mut self.largest, value);
            }
            CursorValue::Time(us) => match us.saturating_sub(self.clock.as_microsecond()) {
                ..=0 => raise(&mut self.by_clock, value),
                ahead if ahead <= AHEAD * 1_000_000 => raise(&mut self.soon, value),
                _ => self.absurd += 1,
            },
        }
    }

    #[cold]
    fn refused(&self, text: &[u8], row: Row<'_>) -> Error {
        let message = format!(
            "the cursor column {:?} holds a value that is neither a number nor a time, in row {} of the result",
            self.name, self.rows
        );
        let shown = |text: &[u8]| String::from_utf8_lossy(&text[..text.len().min(100)]).into_owned();
        let others = row.fields().enumerate().filter(|(index, _)| *index != self.index);
        let first = others.filter_map(|(_, field)| field).next().map(shown);
        let within = first.map(|first| format!(" beside {first:?}")).unwrap_or_default();
        Error::new(Code::CursorColumnMissing, message)
            .quoting(format!("{:?}{within}", shown(text)))
            .help("use a column of numbers, dates or timestamps as the cursor")
    }

    /// The largest value that counts, and how many values were ignored as absurd.
    ///
    /// # Errors
    /// Q008: most of the values are neither numbers nor times.
    pub(crate) fn largest(mut self) -> Result<(Option<CursorValue>, u64)> {
        if self.is_no_cursor()
            && let Some(error) = self.unread.take()
        {
            return Err(error);
        }
        let time = self.by_clock.or(self.soon);
        let Some(largest) = self.largest else { return Ok((time, self.absurd)) };
        let half = self.plausible.iter().position(|seen| seen.count > 0 && seen.count * 2 >= self.numbers);
        let Some(unit) = self.unit.or(half) else { return Ok((Some(largest), self.absurd)) };
        let bound = i128::from(self.clock.as_second() + AHEAD) * UNITS[unit] * 1_000_000_000;
        if largest.rank() <= bound {
            return Ok((Some(largest), self.absurd));
        }
        let seen = &self.plausible[unit];
        Ok((seen.largest.clone(), self.absurd + self.numbers.saturating_sub(seen.count).max(1)))
    }
}

fn raise(largest: &mut Option<CursorValue>, value: CursorValue) {
    if largest.as_ref().is_none_or(|known| value > *known) {
        *largest = Some(value);
    }
}

/// The unit in which a number is a time of the last years, or at most a day ahead of the clock.
fn plausible_unit(value: &CursorValue, clock: Timestamp) -> Option<usize> {
    let CursorValue::Number { nanos, .. } = value else { return None };
    let whole = nanos.div_euclid(1_000_000_000);
    let unit = UNITS.iter().position(|of| *of == unit(whole))?;
    let seconds = i64::try_from(whole / UNITS[unit]).ok()?;
    let now = clock.as_second();
    (now - PLAUSIBLE..=now + AHEAD).contains(&seconds).then_some(unit)
}

/// NaN, infinity, and numbers beyond all that is counted: numbers that say no place in an order.
fn is_unordered(text: &str) -> bool {
    text.trim().trim_matches('"').parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use outflow_core::{ColumnType, RowPage};

    use super::*;

    /// The largest value of a column, and how many were ignored. The clock says 2026-11-24.
    fn tracked(so_far: Option<&str>, texts: &[Option<&str>]) -> (Option<String>, u64) {
        let columns = [Column { name: "Updated".into(), ty: ColumnType::Int, declared: String::new() }];
        let mut page = RowPage::default();
        texts.iter().for_each(|text| page.push([text.map(str::as_bytes)]));
        let so_far = so_far.and_then(CursorValue::parse);
        let clock = "2026-11-24T00:00:00Z".parse().unwrap();
        let mut tracker = CursorTracker::new("updated", &columns, clock, so_far.as_ref()).unwrap();
        page.iter().for_each(|r| tracker.see(r).unwrap());
        let (largest, ignored) = tracker.largest().unwrap();
        (largest.map(|value| value.to_string()), ignored)
    }

    #[test]
    fn the_tracker_finds_the_largest_and_ignores_null() {
        assert_eq!(tracked(None, &[Some("5"), None, Some("40"), Some("7")]), (Some("40".into()), 0));
        let missing = CursorTracker::new("other", &[], Timestamp::UNIX_EPOCH, None);
        assert_eq!(missing.err().map(|e| e.code()), Some(Code::CursorColumnMissing));
    }

    #[test]
    fn one_absurd_value_counts_for_nothing() {
        let real = "2026-03-01 10:00:00+00";
        for absurd in ["12026-03-01 10:00:00+00", "9999-12-31", "infinity", "2027-01-01"] {
            for texts in [[Some(real), Some(absurd)], [Some(absurd), Some(real)]] {
                assert_eq!(tracked(None, &texts), (Some("2026-03-01T10:00:00Z".into()), 1), "{absurd}");
            }
            assert_eq!(tracked(None, &[Some(absurd)]), (None, 1), "{absurd}");
        }
        let ahead = tracked(None, &[Some("2026-11-24 09:00:00")]);
        assert_eq!(ahead, (Some("2026-11-24T09:00:00Z".into()), 0), "a stamp in another zone");
        for absurd in ["NaN", "Infinity", "-Infinity", "1e300"] {
            assert_eq!(tracked(None, &[Some("7.5"), Some(absurd)]), (Some("7.5".into()), 1), "{absurd}");
        }
    }

    #[test]
    fn what_is_no_time_counts_for_nothing_among_times() {
        let real = "\"2026-03-01T10:00:00Z\"";
        for odd in
            ["\"0000-00-00\"", "\"0000-00-00 00:00:00\"", "0000-01-01", "\"2026-02-30\"", "\"\"", "soon"]
        {
            for texts in [[Some(real), Some(odd)], [Some(odd), Some(real)]] {
                let (largest, ignored) = tracked(None, &texts);
                assert_eq!(largest.as_deref(), Some("2026-03-01T10:00:00Z"), "{odd}");
                assert_eq!(ignored, u64::from(!odd.contains("0000")), "{odd}");
            }
            // A later run may have no other row.
            assert_eq!(tracked(Some("1795000000"), &[Some(odd)]).0.filter(|_| !odd.contains("0000")), None);
        }
    }

    #[test]
    fn a_column_of_texts_is_refused_before_all_of_it_is_read() {
        let columns = [Column { name: "id".into(), ty: ColumnType::Text, declared: String::new() }];
        let mut tracker = CursorTracker::new("id", &columns, Timestamp::UNIX_EPOCH, None).unwrap();
        let mut page = RowPage::default();
        (0..2_000).for_each(|at| page.push([Some(format!("key-{at}").as_bytes())]));
        let refused = page.iter().position(|row| tracker.see(row).is_err());
        assert_eq!(refused, Some(999));
    }

    #[test]
    fn a_number_far_ahead_counts_only_where_numbers_are_no_times() {
        for (so_far, texts, largest) in [
            (None, ["1795000000", "9999999999"], "1795000000"),
            (None, ["1795000000", "1795000000000"], "1795000000"),
            (None, ["1795000000123", "99999999999999"], "1795000000123"),
            (None, ["40", "9999999999"], "9999999999"),
            (Some("40"), ["50", "9999999999"], "9999999999"),
        ] {
            let (found, ignored) = tracked(so_far, &texts.map(Some));
            assert_eq!(found.as_deref(), Some(largest), "{texts:?}");
            assert_eq!(ignored, u64::from(largest == texts[0]), "{texts:?}");
        }
        assert_eq!(tracked(Some("1795000000"), &[Some("9999999999")]), (None, 1));
    }

    #[test]
    fn what_has_no_order_is_named_with_its_row() {
        let column = |name: &str| Column { name: name.into(), ty: ColumnType::Text, declared: String::new() };
        let mut page = RowPage::default();
        page.push([Some(&b"ada"[..]), Some(b"5")]);
        page.push([Some(&b"bob"[..]), Some(b"soon")]);
        let columns = [column("id"), column("changed")];
        page.push([Some(&b"cyd"[..]), Some(b"later")]);
        let mut tracker = CursorTracker::new("changed", &columns, Timestamp::UNIX_EPOCH, None).unwrap();
        page.iter().for_each(|row| tracker.see(row).unwrap());
        let error = tracker.largest().err().unwrap();
        assert!(error.message().contains("in row 2"), "{error:?}");
        assert_eq!(error.quoted().unwrap().reveal(), "\"soon\" beside \"bob\"");
        assert!(!error.message().contains("soon"), "a log shows no value");
    }
}
