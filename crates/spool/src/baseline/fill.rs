//! Comparing a run that fills a gap: which of its calls the destination has got, or gets from the
//! sync's next run.
//!
//! Everything is sorted and walked in step, as for any comparison: memory does not grow with the
//! number of calls but for one or two bits each. A file that is missing or damaged counts as empty,
//! so that a call is rather sent again than left out.

use outflow_core::ports::baseline::{Compared, FillSpec, OVERTAKEN};
use outflow_core::{Positions, Result};

use super::hashes::{Earlier, HashFile};
use super::numbers::{Group, Numbers};
use super::repeats::{RepeatSorter, see};
use super::sorter::{Entry, Numbered, Peeked, Sorted, Sorter, check_position};
use crate::output::Output;

/// What a run that fills a gap collects besides its calls.
pub(super) struct Fill {
    spec: FillSpec,
    before: Option<HashFile>,
    /// Its own calls by key.
    keyed: Sorter,
    fed: u64,
    /// What the destination has got: by key, or by content.
    given: Sorter,
    given_count: u64,
    /// What the ids of calls say.
    pub(super) numbered: Numbers,
}

impl Fill {
    pub(super) fn new(spec: FillSpec, before: Option<HashFile>, numbers: bool, sorted: usize) -> Self {
        let (keyed, given) = (Sorter::new("keyed.spill", sorted), Sorter::new("given.spill", sorted));
        let numbered = Numbers::new(numbers && !spec.by_key, sorted);
        Self { spec, before, keyed, fed: 0, given, given_count: 0, numbered }
    }

    /// Whether only the last content of each key counts.
    pub(super) fn by_key(&self) -> bool {
        self.spec.by_key
    }

    /// Adds calls of the run, in position order.
    pub(super) fn keyed(&mut self, calls: &[(u64, u128)], output: &mut Output) -> Result<()> {
        for (key, content) in calls {
            self.keyed.push(by_key(*key, self.fed, *content), output)?;
            self.fed += 1;
        }
        Ok(())
    }

    /// Adds calls that the destination has got, in the order in which it got them.
    pub(super) fn given(&mut self, calls: &[(u64, u128)], output: &mut Output) -> Result<()> {
        for (key, content) in calls {
            let entry = match self.spec.by_key {
                true => by_key(*key, self.given_count, *content),
                false => Entry::new(*content, self.given_count),
            };
            self.given.push(entry, output)?;
            self.given_count += 1;
        }
        Ok(())
    }

    /// Which of the `count` calls, sorted in `fed`, are left out. `next` is what the next run reads
    /// and `previous` what it is compared with; `retained` gets what of the latter was found again,
    /// `repeats` all calls.
    pub(super) fn compare(
        self,
        count: u64,
        mut fed: Sorted,
        next: Sorted,
        (previous, retained, repeats): (Option<&HashFile>, &mut Numbered, &mut Option<RepeatSorter>),
        output: &mut Output,
    ) -> Result<Compared> {
        let whole = |file: Option<&HashFile>| file.and_then(|(path, run)| Earlier::open_whole(path, *run));
        let (mut kept, mut before) = (whole(previous), whole(self.before.as_ref()));
        let earlier_missing = previous.is_some() && kept.is_none();
        let before_missing = self.before.is_some() && before.is_none();
        let (mut next, mut given) = (Peeked::new(next)?, Peeked::new(self.given.finish(output)?)?);
        let mut numbered = self.numbered.finish(output)?;
        let mut same = Positions::none_of(count);
        let mut had_before = Positions::none_of(count);
        let (mut current, mut shared, mut group, mut was_before) = (None, 0_u64, Group::default(), false);
        while let Some(entry) = fed.next()? {
            check_position(entry.position, count)?;
            see(repeats, entry, output)?;
            let hash = entry.hash();
            if current != Some(hash) {
                group.end(&mut same);
                current = Some(hash);
                shared = kept.as_mut().map_or(0, |kept| kept.take_all(hash));
                let next = next.take_all(hash)?;
                let had = before.as_mut().map_or(0, |before| before.take_all(hash));
                was_before = had > 0;
                let mut counted = next.saturating_sub(shared);
                if !self.spec.by_key {
                    counted = counted.saturating_add(had).saturating_add(given.take_all(hash)?);
                }
                group = match &mut numbered {
                    Some(numbered) => numbered.group(hash, had, shared..next, counted)?,
                    None => Group::counted(counted),
                };
            }
            if shared > 0 {
                shared -= 1;
                retained.push(hash, output)?;
            }
            if group.leaves_out(entry.position) {
                same.insert(entry.position);
            }
            if was_before && self.spec.by_key {
                had_before.insert(entry.position);
            }
        }
        group.end(&mut same);
        if self.spec.by_key {
            leave_out_by_key(self.keyed.finish(output)?, given, count, &had_before, &mut same)?;
        }
        Ok(Compared { same, earlier_missing, before_missing, ..Compared::default() })
    }
}

/// Sorts by key, the last of a key first. The low half of the content stands in for it: it is only
/// compared within its key.
fn by_key(key: u64, number: u64, content: u128) -> Entry {
    Entry::new(u128::from(key) << 64 | u128::from(!number), content as u64)
}

/// Adds the calls of each key whose last one is what the destination got last. At first `same` has
/// those that the next run sends.
fn leave_out_by_key(
    mut keyed: Sorted,
    mut given: Peeked,
    count: u64,
    had_before: &Positions,
    same: &mut Positions,
) -> Result<()> {
    let key_of = |entry: Entry| (entry.hash() >> 64) as u64;
    let (mut current, mut got_last, mut leaves_out) = (None, None, None);
    while let Some(entry) = keyed.next()? {
        let (key, position) = (key_of(entry), !(entry.hash() as u64));
        check_position(position, count)?;
        if current != Some(key) {
            (current, leaves_out) = (Some(key), None);
            while given.peek().is_some_and(|entry| key_of(entry) < key) {
                given.take()?;
            }
            got_last = given.peek().filter(|entry| key_of(*entry) == key).map(|entry| entry.position);
        }
        if same.contains(position) {
            continue;
        }
        let is_same = || match got_last {
            Some(content) => content == entry.position || content == OVERTAKEN as u64,
            None => had_before.contains(position),
        };
        if *leaves_out.get_or_insert_with(is_same) {
            same.insert(position);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::sync::Arc;

    use outflow_core::RunId;
    use outflow_core::call::{MessageId, id_bits, id_of_bits, nth_message_id};
    use outflow_core::ports::baseline::{Baseline as _, ComparisonSpec, RetainedHashes};
    use outflow_testkit::{Rng, seed};

    use super::*;
    use crate::baseline::DiskBaseline;
    use crate::disk::RealDisk;

    /// Contents 0, 1, 2, … as hashes; a content's key is its remainder by 3.
    fn hash(content: u64) -> u128 {
        outflow_core::hash::content(&content.to_le_bytes())
    }

    fn key(content: u64) -> u64 {
        content % 3
    }

    fn count(of: &[u64], content: u64) -> usize {
        of.iter().filter(|c| **c == content).count()
    }

    /// What is left out, slowly and obviously.
    fn expected(by_key: bool, calls: &[u64], [next, kept, before, given]: [&[u64]; 4]) -> Vec<bool> {
        let by_next = |c| count(next, c).saturating_sub(count(kept, c));
        let nth = |at: usize| count(&calls[..at], calls[at]);
        let leaves_out = |at: usize| {
            let c = calls[at];
            if !by_key {
                return nth(at) < by_next(c) + count(before, c) + count(given, c);
            }
            let is_next = |at: usize| nth(at) < by_next(calls[at]);
            let of_key = (0..calls.len()).rev().filter(|at| key(calls[*at]) == key(c));
            let last = of_key.filter(|at| !is_next(*at)).map(|at| calls[at]).next();
            let got = given.iter().rev().find(|g| key(**g) == key(c));
            is_next(at)
                || last.is_some_and(|last| match got {
                    Some(got) => *got == last,
                    None => before.contains(&last),
                })
        };
        (0..calls.len()).map(leaves_out).collect()
    }

    async fn keep(baseline: &DiskBaseline, run: u64, contents: &[u64]) {
        let spec = ComparisonSpec::new(RunId(run), None, RetainedHashes::All);
        let mut comparison = baseline.begin(spec).await.unwrap();
        contents.iter().for_each(|c| comparison.feed(key(*c), hash(*c)));
        comparison.finish().await.unwrap();
    }

    async fn case(dir: &Path, rng: &mut Rng, sorted: usize) {
        let baseline = DiskBaseline::on(Arc::new(RealDisk), dir, 0, sorted);
        let mut some = |most: u64| -> Vec<u64> { (0..rng.below(most)).map(|_| rng.below(7)).collect() };
        let [calls, next, kept, before, given] = [some(40), some(20), some(10), some(10), some(20)];
        let by_key = rng.below(2) == 0;
        keep(&baseline, 1, &kept).await;
        keep(&baseline, 2, &before).await;
        let fill = Some(FillSpec { before: Some(RunId(2)), by_key });
        let spec = ComparisonSpec::new(RunId(3), Some(RunId(1)), RetainedHashes::Shared);
        let mut comparison = baseline.begin(ComparisonSpec { fill, ..spec }).await.unwrap();
        calls.iter().for_each(|c| comparison.feed(key(*c), hash(*c)));
        next.iter().for_each(|c| comparison.mark_overlap(hash(*c)));
        given.iter().for_each(|c| comparison.mark_given(key(*c), hash(*c)));
        let compared = comparison.finish().await.unwrap();
        let found: Vec<_> = (0..calls.len()).map(|at| compared.same.contains(at as u64)).collect();
        let sets = [&next[..], &kept, &before, &given];
        assert_eq!(found, expected(by_key, &calls, sets), "{by_key} {calls:?} {sets:?}");
        // What a later run is compared with: what of the run before was found again.
        let spec = ComparisonSpec::new(RunId(4), Some(RunId(3)), RetainedHashes::All);
        let mut comparison = baseline.begin(spec).await.unwrap();
        (0..7).flat_map(|c| [c; 50]).for_each(|c| comparison.feed(key(c), hash(c)));
        let shared = comparison.finish().await.unwrap();
        for c in 0..7 {
            let same = (c * 50..c * 50 + 50).filter(|at| shared.same.contains(*at)).count();
            assert_eq!(same, count(&calls, c).min(count(&kept, c)), "{c} of {calls:?} and {kept:?}");
        }
    }

    #[tokio::test]
    async fn what_is_left_out_is_what_a_slow_model_leaves_out() {
        let seed = seed();
        println!("seed {seed}");
        let mut rng = Rng::new(seed);
        for n in 0..200 {
            let dir = tempfile::tempdir().unwrap();
            case(dir.path(), &mut rng, if n % 2 == 0 { 5 } else { 1_000 }).await;
        }
    }

    /// The id of the first call of a content.
    fn first_id(content: u64) -> MessageId {
        id_of_bits(hash(content + 1_000))
    }

    /// Which numbers of each content are sent, if the destination had the lowest ones of `before`,
    /// got those of `given`, and the next run sends those that follow `kept`.
    async fn numbered(dir: &Path, rng: &mut Rng, sorted: usize) {
        let baseline = DiskBaseline::on(Arc::new(RealDisk), dir, 0, sorted);
        let mut some = |most: u64| -> Vec<u64> { (0..rng.below(most)).map(|_| rng.below(5)).collect() };
        let [calls, next, kept, before, given] = [some(30), some(12), some(8), some(6), some(12)];
        let numbers: Vec<u64> = given.iter().map(|_| rng.below(6)).collect();
        keep(&baseline, 1, &kept).await;
        keep(&baseline, 2, &before).await;
        let fill = Some(FillSpec { before: Some(RunId(2)), by_key: false });
        let spec = ComparisonSpec::new(RunId(3), Some(RunId(1)), RetainedHashes::Shared);
        let mut comparison = baseline.begin(ComparisonSpec { fill, numbers: true, ..spec }).await.unwrap();
        for c in &calls {
            comparison.feed(key(*c), hash(*c));
            comparison.feed_first_id(id_bits(&first_id(*c)), hash(*c));
        }
        next.iter().for_each(|c| comparison.mark_overlap(hash(*c)));
        for (c, number) in given.iter().zip(&numbers) {
            comparison.mark_given_id(id_bits(&nth_message_id(&first_id(*c), *number)), hash(*c));
        }
        let same = comparison.finish().await.unwrap().same;
        for c in 0..5 {
            let positions = (0..calls.len()).filter(|at| calls[*at] == c);
            let found: Vec<bool> = positions.map(|at| same.contains(at as u64)).collect();
            let got: BTreeSet<usize> =
                given.iter().zip(&numbers).filter(|(g, _)| **g == c).map(|(_, n)| *n as usize).collect();
            let by_next = count(&kept, c)..count(&next, c);
            let is_known = |n: &usize| *n < count(&before, c) || by_next.contains(n) || got.contains(n);
            let mut expected: Vec<bool> = (0..found.len()).map(|n| is_known(&n)).collect();
            // Of ids that no call has, each may be any call.
            for _ in got.iter().filter(|n| **n >= found.len()) {
                if let Some(open) = expected.iter_mut().find(|left_out| !**left_out) {
                    *open = true;
                }
            }
            assert_eq!(found, expected, "{c}: {calls:?}, {next:?} {kept:?} {before:?} {given:?} {numbers:?}");
        }
    }

    #[tokio::test]
    async fn of_equal_calls_those_are_sent_whose_ids_the_destination_lacks() {
        let seed = seed();
        println!("seed {seed}");
        let mut rng = Rng::new(seed);
        for n in 0..200 {
            let dir = tempfile::tempdir().unwrap();
            numbered(dir.path(), &mut rng, if n % 2 == 0 { 5 } else { 1_000 }).await;
        }
    }

    #[tokio::test]
    async fn a_damaged_file_counts_as_empty_and_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        let baseline = DiskBaseline::on(Arc::new(RealDisk), dir.path(), 0, 1_000);
        keep(&baseline, 1, &[1, 2]).await;
        keep(&baseline, 2, &[3]).await;
        let path = dir.path().join("2/hashes.bin");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[40] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let fill = Some(FillSpec { before: Some(RunId(2)), by_key: false });
        let spec = ComparisonSpec::new(RunId(3), Some(RunId(9)), RetainedHashes::Shared);
        let mut comparison = baseline.begin(ComparisonSpec { fill, ..spec }).await.unwrap();
        comparison.feed(0, hash(3));
        let compared = comparison.finish().await.unwrap();
        assert_eq!(compared.same.count(), 0);
        assert!(compared.before_missing && compared.earlier_missing);
    }
}
