//! What holds in the end of each history, whatever happened in it.

use std::collections::{BTreeMap, BTreeSet};

use outflow_core::ports::destination::Destination;
use serde_json::Value;

use super::History;
use super::members::Member;
use crate::incremental::world::{Form, Version};
use crate::parts::Scripted;

fn id(call: &Value) -> String {
    call["messageId"].as_str().unwrap().to_owned()
}

/// The calls of this type, with repeats of an id.
fn calls(destination: &Scripted, member: &Member) -> Vec<Value> {
    let calls = destination.taken.lock().unwrap();
    let sync = |call: &&Value| of(call, member);
    calls.iter().filter(sync).cloned().collect()
}

/// Whether the sync made this call. Values of each table begin with its letter.
fn of(call: &Value, member: &Member) -> bool {
    let said = call["event"].as_str().or(call["traits"]["plan"].as_str()).unwrap_or_default();
    said.starts_with(member.letter())
}

impl History {
    /// What the history is about, for whoever reads of its failure.
    pub(super) fn about(&self) -> String {
        let shapes: Vec<_> = self.members.iter().map(|m| format!("{:?}", m.world.lock().shape)).collect();
        shapes.join("; ")
    }

    /// Before any further full run: each promised row has reached each destination, and of each
    /// person the last value.
    pub(super) fn nothing_is_lost(&mut self) {
        for member in &self.members {
            let world = member.world.lock();
            let rows: Vec<&Version> = world.versions.iter().filter(|v| v.is_there() && v.good).collect();
            self.seen.too_late += rows.iter().filter(|row| !row.promised).count() as u64;
            for destination in [&self.a, &self.b] {
                let (sent, shape) = (calls(destination, member), world.shape);
                let about =
                    format!("{} at {}, {shape:?}", member.spec.name, Destination::name(&**destination));
                if shape.people {
                    judge_people(&rows, shape.form, &sent, &about);
                    continue;
                }
                let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
                for call in &sent {
                    ids.entry(shape.said(call)).or_default().insert(id(call));
                }
                let mut owed: BTreeMap<String, usize> = BTreeMap::new();
                for row in rows.iter().filter(|row| row.promised) {
                    *owed.entry(shape.told(row)).or_default() += 1;
                }
                for (event, n) in owed {
                    let found = ids.get(&event).map_or(0, BTreeSet::len);
                    assert!(found >= n, "{about}: {event:?} arrived under {found} ids, there are {n}");
                }
            }
        }
    }

    /// Each event has one id, in all runs of a project, and no two events share one.
    pub(super) fn each_event_has_one_id(&mut self) {
        let mut events: BTreeMap<String, String> = BTreeMap::new();
        for member in &self.members {
            let world = member.world.lock();
            let shape = world.shape;
            for (project, destinations) in [("first", &[&self.a, &self.b][..]), ("second", &[&self.c][..])] {
                let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
                let sent: Vec<Value> = destinations.iter().flat_map(|d| calls(d, member)).collect();
                for call in &sent {
                    let event = match shape.people {
                        true => call["userId"].to_string(),
                        false => shape.said(call),
                    };
                    let whole = format!("{project} {} {event}", member.spec.name);
                    let before = events.insert(id(call), whole.clone());
                    assert!(before.is_none_or(|before| before == whole), "one id of two events: {call}");
                    if !self.renewed.contains(&id(call)) {
                        ids.entry(event).or_default().insert(id(call));
                    }
                }
                if shape.people {
                    continue;
                }
                let told: BTreeSet<String> = world
                    .versions
                    .iter()
                    .filter(|v| v.good && shape.distinguishes(v))
                    .map(|v| shape.told(v))
                    .collect();
                for (event, ids) in ids.iter().filter(|(event, _)| told.contains(*event)) {
                    let most = match shape.form {
                        Form::Keyed => 1,
                        _ => world.most.get(event).copied().unwrap_or_default(),
                    };
                    let about = format!("{project} {}, {shape:?}", member.spec.name);
                    assert!(ids.len() <= most, "{about}: {event:?} has {} ids, there were {most}", ids.len());
                    self.seen.events += ids.len() as u64;
                }
                let distinct: BTreeSet<String> = sent.iter().map(id).collect();
                self.seen.repeated += sent.len().saturating_sub(distinct.len()) as u64;
            }
        }
    }
}

/// The last value of each person is right, also at a service that drops calls with an id that it
/// knows.
fn judge_people(rows: &[&Version], form: Form, sent: &[Value], about: &str) {
    let mut last: BTreeMap<u64, &Version> = BTreeMap::new();
    for row in rows {
        let is_later = |known: &&Version| (known.stamp, known.number) < (row.stamp, row.number);
        if last.get(&row.key).is_none_or(|known| form != Form::History || is_later(known)) {
            last.insert(row.key, row);
        }
    }
    for deduplicates in [false, true] {
        let mut known = BTreeSet::new();
        let mut values: BTreeMap<u64, String> = BTreeMap::new();
        for call in sent {
            if known.insert(id(call)) || !deduplicates {
                let key = call["userId"].as_str().unwrap().parse().unwrap();
                values.insert(key, call["traits"]["plan"].as_str().unwrap().to_owned());
            }
        }
        for row in last.values().filter(|row| row.promised) {
            let found = values.get(&row.key).map(String::as_str);
            assert_eq!(found, Some(row.value), "{about}: person {} (deduplicates: {deduplicates})", row.key);
        }
    }
}
