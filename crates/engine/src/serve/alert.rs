//! The alert rules: which alerts fire, given facts, and which of them are new or have ended. Pure.
//!
//! What always holds: an alert is sent when it begins and when it ends, and never in between. After
//! a restart nothing is known of destinations yet, so an alert about one stays until the
//! destination has accepted something or no run waits for it. A value around a threshold keeps its
//! alert until it is clearly below the threshold.

use std::collections::BTreeSet;
use std::time::Duration;

use outflow_core::clock::earlier;
use outflow_core::ports::spool::Room;
use outflow_core::ports::watch::{AlertRecord, ClockRecord, Pending, Standing};
use outflow_core::{Code, Timestamp};

use crate::clock;
use crate::operations::local_clock;
use crate::report::MissingDocument;
use crate::schedule::Slots;
use crate::serve::quiet::Quiet;

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

/// The kind of alert for a destination that runs leave out.
pub const LEFT_OUT: &str = "destination_skipped";
/// The kind of alert for calls of lost runs that a destination has not got.
pub const RUN_LOST: &str = "run_lost";
/// The kind of alert for what a destination lacks and cannot be sent.
pub const UNFILLABLE: &str = "gap_query_failed";
/// The kind of alert for a sync that skips many slots.
pub const SLOTS_SKIPPED: &str = "slots_skipped";
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
    /// How long it has been without a success; `None`: it has no run.
    pub quiet: Option<Quiet>,
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
    /// How long the supervisor has been serving.
    pub serving: Duration,
    /// What is known of the local clock.
    pub clock: Option<ClockRecord>,
    /// How far the clocks of databases were ahead of the local one when they were last read, in
    /// microseconds, by `source.database`.
    pub skews: Vec<(String, i64)>,
    /// The project's enabled syncs.
    pub syncs: Vec<SyncFacts>,
    /// The project's destinations.
    pub destinations: Vec<DestinationFacts>,
    /// The delivery queues with runs.
    pub queues: Vec<QueueFacts>,
    /// The destinations that runs leave out: sync and destination.
    pub left_out: BTreeSet<(String, String)>,
    /// Those that lack what cannot be read any more, as its query does not run: the same.
    pub unfillable: BTreeSet<(String, String)>,
    /// The syncs whose slots are skipped, as too much waits for their destinations, and why.
    pub full: Vec<(String, String)>,
    /// Calls that wait for destinations that the project no longer has.
    pub removed: Vec<Pending>,
    /// What lost runs have left missing.
    pub missing: Vec<MissingDocument>,
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
        // What a person pauses is known: it stays no longer than the pause.
        let is_known = |a: &AlertRecord| a.code == Some(Code::DestinationPaused);
        let is_it = |a: &AlertRecord| a.kind == kind && a.subject == subject && !is_known(a);
        before.iter().any(|a| a.recovered_at.is_none() && is_it(a))
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
        let is_removed = facts.removed.iter().any(|r| r.destination == *name);
        if !is_paused
            && !is_removed
            && (queue.degraded || before("destination_degraded", &subject) && !proven)
        {
            let message = format!("destination {name} is degraded: runs of {sync} wait for it");
            found.push(trouble("destination_degraded", &subject, None, message));
        }
    }
    for (sync, why) in &facts.full {
        let message = format!("slots of {sync} are skipped: {why}");
        found.push(trouble("backlog_full", sync, Some(Code::BacklogFull), message));
    }
    for (sync, name) in &facts.left_out {
        let message = format!("runs of {sync} leave {name} out until it has caught up");
        found.push(trouble(LEFT_OUT, &format!("{sync} to {name}"), Some(Code::DestinationSkipped), message));
    }
    for (sync, name) in &facts.unfillable {
        let subject = format!("{sync} to {name}");
        found.push(trouble(UNFILLABLE, &subject, Some(Code::GapQueryFailed), unfillable(sync, name)));
    }
    let jumped = facts.clock.as_ref().and_then(local_clock::jumped);
    found.extend(
        jumped.map(|message| trouble("clock_jumped", "local clock", Some(Code::ClockJumped), message)),
    );
    found.extend(facts.skews.iter().filter_map(|(database, ahead)| differs(database, *ahead, before)));
    for Pending { sync, destination, calls } in &facts.removed {
        let message = format!(
            "{calls} calls of {sync} wait for {destination}, which the project no longer has: put it back, or give them up"
        );
        let subject = format!("{sync} to {destination}");
        found.push(trouble("destination_removed", &subject, Some(Code::DestinationRemoved), message));
    }
    found.extend(runs_lost(&facts.missing));
    found.extend(facts.room.and_then(|room| near_the_reserve(rules, room, before)));
    found.extend(facts.tasks.iter().map(task_failed));
    found
}

/// What the alert says of what a destination lacks and cannot be sent.
pub fn unfillable(sync: &str, destination: &str) -> String {
    format!(
        "what {destination} lacks of {sync} was read with an earlier query, which does not run any more: it gets nothing newer first"
    )
}

/// What the alert says of skipped slots, by the numbers of this moment: they change while it fires.
pub fn slots_skipped(Standing { sync, slots, skipped, .. }: &Standing) -> String {
    format!("{skipped} of the {slots} slots of {sync} in the last 24 hours were skipped")
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
    let Standing { sync: name, failed, reason, last_rows, slots, skipped, awaiting_approval, wrong, .. } =
        &sync.standing;
    if *failed >= rules.failed_runs {
        let why = reason.map_or_else(String::new, |code| format!(": {}", code.title()));
        found.push(trouble(
            "sync_failing",
            name,
            *reason,
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
        && exceeds(*skipped, *slots, limit(SLOTS_SKIPPED, name, rules.skipped_percent, before))
    {
        let message = slots_skipped(&sync.standing);
        found.push(trouble(SLOTS_SKIPPED, name, Some(Code::ManySlotsSkipped), message));
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
    if sync.standing.restored {
        let message = format!("the state was restored: the next run of {name} sends all that it reads");
        found.push(trouble("state_restored", name, Some(Code::StateRestored), message));
    }
    if let Some(since) = sync.standing.open_since {
        let message = format!(
            "a transaction in the database of {name} has been open since {since:.0}, longer than runs read back: rows that it commits later may be missed"
        );
        found.push(trouble("transaction_open", name, Some(Code::TransactionOpen), message));
    }
    if let Some(run) = wrong {
        let message = format!("the numbers of run {run} of {name} do not add up");
        found.push(trouble("audit_failed", name, Some(Code::CountsDiffer), message));
    }
}

/// One alert for each sync and destination, until what is missing has been read again.
fn runs_lost(missing: &[MissingDocument]) -> Vec<Trouble> {
    let mut found: Vec<Trouble> = Vec::new();
    for gap in missing {
        let subject = format!("{} to {}", gap.sync, gap.destination);
        match found.iter_mut().find(|trouble| trouble.subject == subject) {
            Some(trouble) => trouble.message += &format!("; {}", gap.sentence()),
            None => found.push(trouble(RUN_LOST, &subject, Some(Code::RunLost), gap.sentence())),
        }
    }
    found
}

/// No success for the rule's time, and two slots have passed since the last one. Counted from the
/// start of the process if that is later. An alert that fires stays while the last success is one
/// that a wrong clock recorded: it says nothing.
fn without_success(rules: &Rules, facts: &Facts, sync: &SyncFacts, before: Before<'_>) -> Option<Trouble> {
    let Standing { sync: name, last_success, .. } = &sync.standing;
    let quiet = sync.quiet?;
    let fired = before("no_success", name);
    let time = if fired { quiet.age } else { quiet.age.min(facts.serving) };
    let second_slot = sync.slots.after(sync.slots.after(earlier(facts.now, time))?)?;
    let is_short = time <= rules.no_success_for || facts.now <= second_slot;
    if is_short && !(fired && quiet.at_least) {
        return None;
    }
    let message = match last_success {
        Some(at) => format!("no run of {name} has succeeded since {at:.0}"),
        None => format!("no run of {name} has succeeded yet"),
    };
    Some(trouble("no_success", name, None, message))
}

/// Clocks that differ by more than time servers allow.
fn differs(database: &str, ahead_us: i64, before: Before<'_>) -> Option<Trouble> {
    let bound = clock::BOUND.as_micros() as i64;
    let bound = if before("clocks_differ", database) { bound * 9 / 10 } else { bound };
    let way = if ahead_us > 0 { "ahead of" } else { "behind" };
    let span = clock::span(ahead_us);
    let message = format!(
        "the clock of the database {database} is {span} {way} this machine's: queries go by the database's clock, schedules by this machine's"
    );
    (ahead_us.saturating_abs() > bound)
        .then(|| trouble("clocks_differ", database, Some(Code::ClockSkew), message))
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
