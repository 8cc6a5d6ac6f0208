//! Which rejected rows the run before rejected, too: they are read again, and nothing is new about
//! them.
//!
//! Rows are compared by a hash of why they were rejected and of their columns, as multisets. What
//! always holds: memory is bounded. Of more rejected rows than [`MOST`] the others count as new in
//! each run. What it does not do: write the hashes ([`Baseline`] does).

use outflow_core::hash;
use outflow_core::ports::baseline::Baseline;
use outflow_core::ports::spool::Rejection;
use outflow_core::{Result, RunId};

/// Hashes that are kept of a run: 3 MiB.
const MOST: usize = 200_000;

/// What a run keeps of its rejected rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// All of them.
    All,
    /// Those that [`Rejections::mark_overlap`] names.
    Overlap,
    /// Those of the run before: this one leaves nothing out.
    Earlier,
}

/// The rejected rows of a run, and of the run before.
pub(super) struct Rejections {
    kept: Kept,
    /// Those of the run before, in order.
    earlier: Vec<u128>,
    /// How many of the hashes from here on, which are alike, were found again.
    found: Vec<u32>,
    hashes: Vec<u128>,
    /// All rejected rows, as long as it is open which of them are kept.
    all: Vec<u128>,
    /// Rows that the run before rejected, too.
    pub(super) repeated: u64,
}

impl Rejections {
    /// Those of a run that is compared with `previous`.
    pub(super) async fn after(baseline: &dyn Baseline, previous: Option<RunId>, kept: Kept) -> Result<Self> {
        let earlier = match previous {
            Some(run) => baseline.rejections(run).await?,
            None => Vec::new(),
        };
        let hashes = if kept == Kept::Earlier { earlier.clone() } else { Vec::new() };
        let (found, all) = (vec![0; earlier.len()], Vec::new());
        Ok(Self { kept, found, earlier, hashes, all, repeated: 0 })
    }

    /// Takes a rejected row into account. Whether it is one that the run before rejected.
    pub(super) fn repeats(&mut self, rejection: &Rejection) -> bool {
        if self.kept == Kept::Earlier {
            return false;
        }
        let hash = of(rejection);
        keep(if self.kept == Kept::All { &mut self.hashes } else { &mut self.all }, hash);
        let first = self.earlier.partition_point(|known| *known < hash);
        let Some(found) = self.found.get_mut(first) else { return false };
        let next = first.saturating_add(*found as usize);
        let repeats = self.earlier.get(next) == Some(&hash);
        if repeats {
            *found = found.saturating_add(1);
            self.repeated = self.repeated.saturating_add(1);
        }
        repeats
    }

    /// The next run reads a rejected row again.
    pub(super) fn mark_overlap(&mut self, rejection: &Rejection) {
        if self.kept == Kept::Overlap {
            keep(&mut self.hashes, of(rejection));
        }
    }

    /// All rejected rows are kept, and not only those of the overlap.
    pub(super) fn keep_all(&mut self) {
        if self.kept == Kept::Overlap {
            (self.kept, self.hashes) = (Kept::All, std::mem::take(&mut self.all));
        }
    }

    /// The hashes that the next run is compared with.
    pub(super) fn into_hashes(self) -> Vec<u128> {
        self.hashes
    }
}

fn keep(hashes: &mut Vec<u128>, hash: u128) {
    if hashes.len() < MOST {
        hashes.push(hash);
    }
}

/// What makes two rejected rows the same: all but their place in the result.
fn of(rejection: &Rejection) -> u128 {
    let row = serde_json::to_string(&rejection.row).unwrap_or_default();
    let text = format!("{}\0{:?}\0{row}", rejection.code, rejection.column);
    hash::content(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use outflow_core::Code;

    use super::*;

    fn row(ordinal: u64, value: &str) -> Rejection {
        let row = serde_json::json!({ "id": null, "plan": value });
        Rejection {
            ordinal,
            code: Code::MissingField,
            column: Some("id".into()),
            reason: format!("row {ordinal}"),
            row: row.as_object().unwrap().clone(),
        }
    }

    fn after(earlier: &[Rejection], kept: Kept) -> Rejections {
        let mut earlier: Vec<_> = earlier.iter().map(of).collect();
        earlier.sort_unstable();
        let hashes = if kept == Kept::Earlier { earlier.clone() } else { Vec::new() };
        Rejections { kept, found: vec![0; earlier.len()], earlier, hashes, all: Vec::new(), repeated: 0 }
    }

    #[test]
    fn rows_are_compared_as_multisets_wherever_they_stand() {
        let mut seen = after(&[row(0, "a"), row(1, "a"), row(2, "b")], Kept::All);
        let repeats = ["a", "c", "a", "a", "b", "b"].map(|value| seen.repeats(&row(9, value)));
        assert_eq!(repeats, [true, false, true, false, true, false]);
        assert_eq!(seen.repeated, 3);
        assert_eq!(seen.into_hashes().len(), 6);
        let other = Rejection { code: Code::InvalidTime, ..row(0, "a") };
        assert!(!after(&[row(0, "a")], Kept::All).repeats(&other), "for another reason");
    }

    #[test]
    fn a_run_keeps_what_the_next_one_can_read_again() {
        let mut seen = after(&[row(0, "a")], Kept::Overlap);
        assert!(seen.repeats(&row(0, "a")) && !seen.repeats(&row(1, "b")));
        seen.mark_overlap(&row(0, "b"));
        assert_eq!(seen.into_hashes(), [of(&row(1, "b"))]);
        let mut all = after(&[], Kept::Overlap);
        assert!(!all.repeats(&row(0, "a")) && !all.repeats(&row(1, "b")));
        all.keep_all();
        assert_eq!(all.into_hashes(), [of(&row(0, "a")), of(&row(1, "b"))], "each can be read again");
        let mut with_options = after(&[row(0, "a")], Kept::Earlier);
        assert!(!with_options.repeats(&row(0, "a")), "it reports all that it reads");
        assert_eq!(with_options.into_hashes(), [of(&row(0, "a"))]);
    }
}
