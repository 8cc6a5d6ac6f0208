//! The chain of the audit log: the hash of each entry covers the hash of the one before.
//!
//! What always holds: the hash is SHA-256 over a canonical form in which every field has a length,
//! so that no two different entries have one form. The chain begins with a hash of the
//! installation's id, so the log of one installation does not fit another.

use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::Actor;
use crate::ports::state::{AuditEntry, AuditHead, AuditRecord, AuditResult};

/// The action of the entry that says which entries retention removed.
pub const EXPIRE: &str = "audit.expire";
/// Its subject.
pub const SUBJECT: &str = "audit";

/// The hash before entry 1 of an installation.
pub fn origin(installation: u128) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"outflow audit log 1\0");
    hash.update(installation.to_be_bytes());
    hash.finalize().into()
}

/// The head of a log without entries.
pub fn empty(installation: u128) -> AuditHead {
    let origin = origin(installation);
    AuditHead { first: 1, anchor: origin, last: 0, last_hash: origin }
}

/// The hash of an entry with this number, behind the entry with the hash `previous`.
pub fn link(previous: &[u8; 32], number: u64, entry: &AuditEntry) -> [u8; 32] {
    let AuditEntry { at, actor, action, subject, before, after, result } = entry;
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(number.to_be_bytes());
    hash.update(at.as_microsecond().to_be_bytes());
    let fields = [
        Some(actor.kind.name()),
        Some(actor.name.as_str()),
        actor.request_id.as_deref(),
        actor.address.as_deref(),
        Some(action.as_str()),
        Some(subject.as_str()),
        before.as_deref(),
        after.as_deref(),
        Some(result.name()),
        result.code().map(|code| code.as_str()),
    ];
    for field in fields {
        match field {
            None => hash.update([0]),
            Some(text) => {
                hash.update([1]);
                hash.update((text.len() as u64).to_be_bytes());
                hash.update(text);
            }
        }
    }
    hash.finalize().into()
}

/// The next record of a log with this head, and the head after it. Times are kept in microseconds.
pub fn append(head: &AuditHead, entry: &AuditEntry) -> (AuditRecord, AuditHead) {
    let number = head.last.saturating_add(1);
    let hash = link(&head.last_hash, number, entry);
    let record = AuditRecord { number, entry: entry.clone(), previous: head.last_hash, hash };
    (record, AuditHead { last: number, last_hash: hash, ..*head })
}

/// What retention writes when it removes the entries up to this one, and the head without them.
/// The entry keeps the anchor, so that the chain itself vouches for where it begins.
pub fn expiry(head: &AuditHead, up_to: &AuditRecord, now: Timestamp) -> (AuditEntry, AuditHead) {
    let first = up_to.number.saturating_add(1);
    let after = json!({ "removed_from": head.first, "first": first, "anchor": hex(&up_to.hash) });
    let entry = AuditEntry {
        at: now,
        actor: Actor::outflow(),
        action: EXPIRE.to_owned(),
        subject: SUBJECT.to_owned(),
        before: None,
        after: Some(after.to_string()),
        result: AuditResult::Done,
    };
    (entry, AuditHead { first, anchor: up_to.hash, ..*head })
}

/// Checks a log entry by entry, from its first one on.
pub struct Verifier {
    head: AuditHead,
    installation: u128,
    next: u64,
    previous: [u8; 32],
    /// What the last entry about retention says of the beginning.
    said: Option<String>,
    problems: Vec<String>,
}

impl Verifier {
    /// A check of the log that has this head.
    pub fn new(head: AuditHead, installation: u128) -> Self {
        Self { head, installation, next: head.first, previous: head.anchor, said: None, problems: Vec::new() }
    }

    /// Takes the next entry that the log has. Numbers rise.
    pub fn take(&mut self, record: &AuditRecord) {
        let AuditRecord { number, entry, previous, hash } = record;
        if *number < self.next {
            self.problems.push(format!("entry {number} is there once more, or before the log begins"));
            return;
        }
        if *number > self.next {
            let until = number.saturating_sub(1);
            self.problems.push(match until == self.next {
                true => format!("entry {until} is missing"),
                false => format!("entries {} to {until} are missing", self.next),
            });
        } else if *previous != self.previous {
            self.problems.push(format!("entry {number} does not follow the entry before it"));
        }
        if link(previous, *number, entry) != *hash {
            self.problems.push(format!("entry {number} is not what was written"));
        }
        if entry.action == EXPIRE {
            self.said.clone_from(&entry.after);
        }
        self.previous = *hash;
        self.next = number.saturating_add(1);
    }

    /// Everything that is wrong, in sentences, once the last entry was taken.
    pub fn end(mut self) -> Vec<String> {
        let Self { head, next, previous, .. } = self;
        let last = next.saturating_sub(1);
        if head.last > last {
            let message = match head.last.saturating_sub(last) {
                1 => format!("the last entry, {}, is missing", head.last),
                missing => format!("the last {missing} entries are missing: {next} to {}", head.last),
            };
            self.problems.push(message);
        } else if head.last < last {
            self.problems.push(format!("the log has {last} entries, its head says {}", head.last));
        } else if head.last_hash != previous {
            self.problems.push(format!("entry {last} does not have the hash that the head says"));
        }
        let begins_as_said = match head.first {
            1 => head.anchor == origin(self.installation),
            first => self.said.as_deref().is_some_and(|said| says(said, first, &head.anchor)),
        };
        if !begins_as_said {
            self.problems.push(format!("entries before {} were removed without an entry", head.first));
        }
        self.problems
    }
}

/// Whether an entry about retention says that the log begins there.
fn says(said: &str, first: u64, anchor: &[u8; 32]) -> bool {
    let said: serde_json::Value = serde_json::from_str(said).unwrap_or_default();
    said["first"] == json!(first) && said["anchor"] == json!(hex(anchor))
}

/// A hash as people and documents write it.
pub fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    fn entry(n: i64) -> AuditEntry {
        AuditEntry {
            at: Timestamp::from_second(n).unwrap(),
            actor: Actor::local("ada"),
            action: "sync.pause".to_owned(),
            subject: format!("sync/{n}"),
            before: None,
            after: Some("{}".to_owned()),
            result: AuditResult::Done,
        }
    }

    fn log(entries: i64) -> (Vec<AuditRecord>, AuditHead) {
        let (mut records, mut head) = (Vec::new(), empty(7));
        for n in 1..=entries {
            let (record, next) = append(&head, &entry(n));
            (records, head) = ([records, vec![record]].concat(), next);
        }
        (records, head)
    }

    fn problems(records: &[AuditRecord], head: AuditHead) -> Vec<String> {
        let mut verifier = Verifier::new(head, 7);
        records.iter().for_each(|record| verifier.take(record));
        verifier.end()
    }

    #[test]
    fn every_field_and_its_place_is_part_of_the_hash() {
        let base = entry(1);
        let with = |change: &dyn Fn(&mut AuditEntry)| {
            let mut changed = base.clone();
            change(&mut changed);
            link(&[0; 32], 1, &changed)
        };
        let hashes = [
            with(&|_| {}),
            with(&|e| e.at = Timestamp::from_second(2).unwrap()),
            with(&|e| e.actor.kind = crate::ActorKind::Token),
            with(&|e| e.actor.name = "bob".into()),
            with(&|e| e.actor.request_id = Some("x".into())),
            with(&|e| e.actor.address = Some("x".into())),
            with(&|e| e.action = "sync.resume".into()),
            with(&|e| e.subject = "sync/2".into()),
            with(&|e| e.before = Some("{}".into())),
            with(&|e| e.before = e.after.take()),
            with(&|e| e.after = Some(String::new())),
            with(&|e| e.result = AuditResult::Begun),
            with(&|e| e.result = AuditResult::Refused(Code::Interrupted)),
            with(&|e| e.result = AuditResult::Failed(Code::Interrupted)),
            with(&|e| (e.action, e.subject) = ("sync.pauses".into(), "ync/1".into())),
            link(&[1; 32], 1, &base),
            link(&[0; 32], 2, &base),
        ];
        let different: std::collections::BTreeSet<_> = hashes.iter().collect();
        assert_eq!(different.len(), hashes.len());
    }

    #[test]
    fn a_log_as_it_was_written_has_no_problem() {
        for entries in [0, 1, 5] {
            let (records, head) = log(entries);
            assert_eq!(problems(&records, head), Vec::<String>::new());
        }
        let (mut records, head) = log(5);
        let (said, cut) = expiry(&head, &records[2], Timestamp::from_second(9).unwrap());
        let (record, head) = append(&cut, &said);
        records.push(record);
        assert_eq!(problems(&records[3..], head), Vec::<String>::new());
        // Without the entry that says so.
        let (more, cut) = log(5);
        let (_, cut) = expiry(&cut, &more[2], Timestamp::from_second(9).unwrap());
        assert_eq!(problems(&more[3..], cut), ["entries before 4 were removed without an entry"]);
    }

    #[test]
    fn what_was_changed_removed_swapped_or_cut_off_is_named() {
        let (records, head) = log(5);
        let found = |change: &dyn Fn(&mut Vec<AuditRecord>)| {
            let mut records = records.clone();
            change(&mut records);
            problems(&records, head)
        };
        assert_eq!(found(&|r| r[2].entry.subject = "sync/9".into()), ["entry 3 is not what was written"]);
        assert_eq!(found(&|r| drop(r.remove(2))), ["entry 3 is missing"]);
        assert_eq!(found(&|r| drop(r.drain(1..3))), ["entries 2 to 3 are missing"]);
        assert_eq!(found(&|r| drop(r.remove(0))), ["entry 1 is missing"]);
        assert_eq!(found(&|r| drop(r.pop())), ["the last entry, 5, is missing"]);
        assert_eq!(found(&|r| r.truncate(2)), ["the last 3 entries are missing: 3 to 5"]);
        assert_eq!(found(&|r| r.clear()), ["the last 5 entries are missing: 1 to 5"]);
        let swapped = found(&|r| {
            let (a, b) = (r[1].entry.clone(), r[2].entry.clone());
            (r[1].entry, r[2].entry) = (b, a);
        });
        assert_eq!(swapped, ["entry 2 is not what was written", "entry 3 is not what was written"]);
        // With hashes that fit the changed entry, the next one does not follow.
        let rehashed = found(&|r| {
            r[2].entry.subject = "sync/9".into();
            r[2].hash = link(&r[2].previous, 3, &r[2].entry);
        });
        assert_eq!(rehashed, ["entry 4 does not follow the entry before it"]);
        let last = found(&|r| {
            r[4].entry.subject = "sync/9".into();
            r[4].hash = link(&r[4].previous, 5, &r[4].entry);
        });
        assert_eq!(last, ["entry 5 does not have the hash that the head says"]);
        let (shorter, _) = log(4);
        let more = problems(&records, AuditHead { last: 4, last_hash: shorter[3].hash, ..head });
        assert_eq!(more, ["the log has 5 entries, its head says 4"]);
        let other: Vec<String> = {
            let mut verifier = Verifier::new(head, 8);
            records.iter().for_each(|record| verifier.take(record));
            verifier.end()
        };
        assert_eq!(other, ["entries before 1 were removed without an entry"]);
    }
}
