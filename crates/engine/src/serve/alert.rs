//! The alert rules: which alerts fire, given facts, and which of them are new or have ended. Pure.
//!
//! What always holds: an alert is sent when it begins and when it ends, and never in between. After
//! a restart nothing is known of destinations yet, so an alert about one stays until the
//! destination has accepted something or no run waits for it. A value around a threshold keeps its
//! alert until it is clearly below the threshold.

use std::time::Duration;

use outflow_core::ports::spool::Room;
use outflow_core::ports::watch::{AlertRecord, Standing};
use outflow_core::{Code, Timestamp};

use crate::schedule::Slots;

/// The thresholds of the rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// This number of runs of a sync failed in a row.
    pub failed_runs: u64,
    /// More than this share of a run's rows was rejected, in percent.
    pub rejected_percent: u64,
    /// More than this share of a sync's slots of the last 24 hours was skipped, in percent.
    pub skipped_percent: u64,
    /// No run of a scheduled sync succeeded for this long, and through two of its slots.
    pub no_success_for: Duration,
    /// The disk has less than this above its reserve, in bytes.
    pub disk_above_reserve: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            failed_runs: 3,
            rejected_percent: 5,
            skipped_percent: 20,
            no_success_for: Duration::from_secs(6 * 3600),
            disk_above_reserve: 1 << 30,
        }
    }
}

/// The share of skipped slots needs at least this number of slots.
pub const LEAST_SLOTS: u64 = 5;
/// Skipped slots are counted over this time.
pub const WINDOW: Duration = Duration::from_secs(24 * 3600);

/// The facts about a sync.
#[derive(Clone, Debug)]
pub struct SyncFacts {
    /// Its runs.
    pub standing: Standing,
    /// When it is due.
    pub slots: Slots,
}

/// The facts about a destination.
#[derive(Clone, Debug)]
pub struct DestinationFacts {
    /// Its name.
    pub name: String,
    /// Why it is paused, if it is.
    pub paused: Option<(Code, String)>,
    /// Whether it has accepted something since the process began.
    pub proven: bool,
}

/// Runs that wait for a destination.
#[derive(Clone, Debug)]
pub struct QueueFacts {
    /// The sync.
    pub sync: String,
    /// The destination.
    pub destination: String,
    /// Whether it is degraded.
    pub degraded: bool,
}

/// A task that is down or has failed lately.
#[derive(Clone, Debug)]
pub struct TaskFacts {
    /// What it does.
    pub task: String,
    /// Why it failed.
    pub code: Code,
    /// Whether it stays down.
    pub down: bool,
}

/// The facts that the rules use.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The current time.
    pub now: Timestamp,
    /// When the supervisor started.
    pub serving_since: Timestamp,
    /// The project's enabled syncs.
    pub syncs: Vec<SyncFacts>,
    /// The project's destinations.
    pub destinations: Vec<DestinationFacts>,
    /// The delivery queues with runs.
    pub queues: Vec<QueueFacts>,
    /// The skipped destinations: sync and destination.
    pub skipped: Vec<(String, String)>,
    /// The spool's disk, if it could be measured.
    pub room: Option<Room>,
    /// The tasks that are down or have failed lately.
    pub tasks: Vec<TaskFacts>,
}

/// A condition that holds now.
struct Trouble {
    kind: &'static str,
    subject: String,
    code: Option<Code>,
    message: String,
}

/// The alerts that are new or changed between those of `before` and those that fire now.
///
/// One that ends is kept with the time of its end, even if its begin was not acknowledged: a
/// message about it may be in flight. The notifier deletes it.
pub fn changes(rules: &Rules, facts: &Facts, before: &[AlertRecord]) -> Vec<AlertRecord> {
    let firing = firing(rules, facts, &|kind, subject| {
        before.iter().any(|a| a.recovered_at.is_none() && a.kind == kind && a.subject == subject)
    });
    let mut changes = Vec::new();
    for trouble in &firing {
        match before.iter().find(|a| a.kind == trouble.kind && a.subject == trouble.subject) {
            Some(known) if known.recovered_at.is_none() => {}
            // Receivers were not informed of its end.
            Some(known) if !known.reported => {
                changes.push(AlertRecord { recovered_at: None, ..known.clone() })
            }
            // A message about its end may be in flight: it begins again.
            _ => changes.push(AlertRecord {
                kind: trouble.kind.to_owned(),
                subject: trouble.subject.clone(),
                code: trouble.code,
                message: trouble.message.clone(),
                since: facts.now,
                recovered_at: None,
                reported: false,
            }),
        }
    }
    let over = before
        .iter()
        .filter(|a| a.recovered_at.is_none())
        .filter(|known| !firing.iter().any(|t| t.kind == known.kind && t.subject == known.subject));
    changes.extend(over.map(|known| AlertRecord { recovered_at: Some(facts.now), ..known.clone() }));
    changes
}

type Before<'a> = &'a dyn Fn(&str, &str) -> bool;

fn firing(rules: &Rules, facts: &Facts, before: Before<'_>) -> Vec<Trouble> {
    let mut found = Vec::new();
    for sync in &facts.syncs {
        of_runs(rules, sync, before, &mut found);
        found.extend(without_success(rules, facts, sync, before));
    }
    let waits = |name: &str| facts.queues.iter().any(|queue| queue.destination == name);
    for destination in &facts.destinations {
        let name = &destination.name;
        let stays = before("destination_paused", name) && !destination.proven && waits(name);
        if let Some((code, reason)) = &destination.paused {
            found.push(trouble(
                "destination_paused",
                name,
                Some(*code),
                format!("destination {name} is paused: {reason}"),
            ));
        } else if stays {
            found.push(trouble("destination_paused", name, None, format!("destination {name} is paused")));
        }
    }
    for queue in &facts.queues {
        let (sync, name) = (&queue.sync, &queue.destination);
        let subject = format!("{sync} to {name}");
        let is_paused = found.iter().any(|t| t.kind == "destination_paused" && t.subject == *name);
        let proven = facts.destinations.iter().any(|d| d.name == *name && d.proven);
        if !is_paused && (queue.degraded || before("destination_degraded", &subject) && !proven) {
            let message = format!("destination {name} is degraded: runs of {sync} wait for it");
            found.push(trouble("destination_degraded", &subject, None, message));
        }
    }
    for (sync, name) in &facts.skipped {
        let message = format!("runs of {sync} leave {name} out, as too much waited for it");
        found.push(trouble(
            "destination_skipped",
            &format!("{sync} to {name}"),
            Some(Code::DestinationSkipped),
            message,
        ));
    }
    found.extend(facts.room.and_then(|room| near_the_reserve(rules, room, before)));
    found.extend(facts.tasks.iter().map(task_failed));
    found
}

/// The text does not say whether the task is down: it would be outdated soon.
fn task_failed(facts: &TaskFacts) -> Trouble {
    let TaskFacts { task, code, .. } = facts;
    let message = format!("the {task} ended unexpectedly ({code}: {})", code.title());
    trouble("task_failed", task, Some(Code::TaskFailed), message)
}

/// The alert that the task is down that looks for alerts.
pub(super) fn watch_is_down(task: &str, now: Timestamp) -> AlertRecord {
    let message = format!("the {task} is down: no other alert begins or ends until a reload");
    AlertRecord {
        kind: "task_failed".to_owned(),
        subject: task.to_owned(),
        code: Some(Code::TaskFailed),
        message,
        since: now,
        recovered_at: None,
        reported: false,
    }
}

/// The alerts that follow from the runs of a sync.
fn of_runs(rules: &Rules, sync: &SyncFacts, before: Before<'_>, found: &mut Vec<Trouble>) {
    let Standing {
        sync: name,
        failed,
        reason,
        last_rows,
        slots,
        skipped,
        lost,
        awaiting_approval,
        wrong,
        ..
    } = &sync.standing;
    if *failed >= rules.failed_runs {
        let code = reason.as_ref().map(|r| r.0);
        let why = reason.as_ref().map_or_else(String::new, |r| format!(": {}", r.1));
        found.push(trouble(
            "sync_failing",
            name,
            code,
            format!("{failed} runs of {name} in a row failed{why}"),
        ));
    }
    if let Some((run, read, rejected)) = *last_rows
        && exceeds(rejected, read, limit("rows_rejected", name, rules.rejected_percent, before))
    {
        let message = format!("run {run} of {name} rejected {rejected} of {read} rows");
        found.push(trouble("rows_rejected", name, Some(Code::TooManyRejected), message));
    }
    if *slots >= LEAST_SLOTS
        && exceeds(*skipped, *slots, limit("slots_skipped", name, rules.skipped_percent, before))
    {
        let message = format!("{skipped} of the {slots} slots of {name} in the last 24 hours were skipped");
        found.push(trouble("slots_skipped", name, Some(Code::ManySlotsSkipped), message));
    }
    if let Some(run) = lost {
        let message = format!("run {run} of {name} is lost; the next run reads its time again");
        found.push(trouble("run_lost", name, Some(Code::RunLost), message));
    }
    if let Some((run, reason)) = awaiting_approval {
        let code = reason.as_ref().map_or(Code::AwaitingApproval, |r| r.0);
        let why = reason.as_ref().map_or_else(String::new, |r| format!(": {}", r.1));
        found.push(trouble(
            "run_awaiting_approval",
            name,
            Some(code),
            format!("run {run} of {name} awaits approval{why}"),
        ));
    }
    if let Some(run) = wrong {
        let message = format!("the numbers of run {run} of {name} do not add up");
        found.push(trouble("audit_failed", name, Some(Code::CountsDiffer), message));
    }
}

/// No success for the rule's time, and two slots have passed since the last one. Counted from the
/// start of the process if that is later.
fn without_success(rules: &Rules, facts: &Facts, sync: &SyncFacts, before: Before<'_>) -> Option<Trouble> {
    let Standing { sync: name, first_started, last_success, .. } = &sync.standing;
    let base = last_success.or(*first_started)?;
    let fired = before("no_success", name);
    let counted_from = if fired { base } else { base.max(facts.serving_since) };
    let second_slot = sync.slots.after(sync.slots.after(counted_from)?)?;
    let quiet = Duration::try_from(facts.now.duration_since(counted_from)).unwrap_or_default();
    if quiet <= rules.no_success_for || facts.now <= second_slot {
        return None;
    }
    let message = match last_success {
        Some(at) => format!("no run of {name} has succeeded since {at:.0}"),
        None => format!("no run of {name} has succeeded yet"),
    };
    Some(trouble("no_success", name, None, message))
}

fn near_the_reserve(rules: &Rules, room: Room, before: Before<'_>) -> Option<Trouble> {
    let above = room.free.saturating_sub(room.reserve);
    let limit = rules.disk_above_reserve;
    let limit = if before("disk_low", "disk") { limit.saturating_add(limit / 10) } else { limit };
    let message = format!("the spool's disk has {above} bytes left above its reserve of {}", room.reserve);
    (above < limit).then(|| trouble("disk_low", "disk", Some(Code::DiskReserveReached), message))
}

/// Percent; a tenth less while the alert fires.
fn limit(kind: &str, subject: &str, percent: u64, before: Before<'_>) -> u64 {
    if before(kind, subject) { percent * 9 } else { percent * 10 }
}

/// Whether `part` is more than this number of thousandths of `whole`.
fn exceeds(part: u64, whole: u64, thousandths: u64) -> bool {
    u128::from(part) * 1000 > u128::from(whole) * u128::from(thousandths)
}

fn trouble(kind: &'static str, subject: &str, code: Option<Code>, message: String) -> Trouble {
    Trouble { kind, subject: subject.to_owned(), code, message }
}

#[cfg(test)]
mod tests;
