//! Each rule at its limit, restarts, and what must not be reported.

use super::*;
use outflow_core::RunId;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
}

const MINUTE: Duration = Duration::from_secs(60);

/// The last success was that many minutes ago.
fn quiet(minutes: u32) -> Option<Quiet> {
    Some(Quiet::for_test(at(0), MINUTE * minutes))
}

/// One sync with a schedule of a minute, one destination, all well.
fn well() -> Facts {
    let standing = Standing {
        sync: "users".into(),
        first_started: Some(at(-1000)),
        last_success: Some(at(0)),
        slots: 100,
        last_rows: Some((RunId(7), 1000, 0)),
        ..Standing::default()
    };
    Facts {
        now: at(1),
        serving: MINUTE * 1001,
        clock: None,
        skews: Vec::new(),
        syncs: vec![SyncFacts { standing, slots: Slots::Every { every: 60, start: None }, quiet: quiet(1) }],
        destinations: vec![DestinationFacts { name: "journeys".into(), paused: None, proven: true }],
        queues: vec![QueueFacts { sync: "users".into(), destination: "journeys".into(), degraded: false }],
        left_out: Default::default(),
        unfillable: Default::default(),
        full: Vec::new(),
        removed: Vec::new(),
        missing: Vec::new(),
        room: Some(Room { free: 100 << 30, reserve: 1 << 30 }),
        tasks: Vec::new(),
    }
}

/// A clock that has jumped by that many seconds.
fn jumped(seconds: i64) -> ClockRecord {
    ClockRecord {
        wall: at(1),
        uptime: None,
        jumped_us: seconds * 1_000_000,
        jumped_at: Some(at(1)),
        measured: true,
        stood_us: 0,
    }
}

/// It is now, and the process started then.
fn when(facts: &mut Facts, now: Timestamp, started: Timestamp) {
    let since = |then: Timestamp| Duration::try_from(now.duration_since(then)).unwrap();
    (facts.now, facts.serving) = (now, since(started));
    let success = facts.syncs[0].standing.last_success.unwrap();
    facts.syncs[0].quiet = Some(Quiet::for_test(success, since(success)));
}

fn missing(run: u64) -> MissingDocument {
    MissingDocument {
        sync: "users".into(),
        destination: "journeys".into(),
        run: RunId(run),
        calls: 50,
        last_sync_time: Some("0".into()),
        cause: outflow_core::ports::state::GapCause::Lost,
        since: at(0),
        filled_by: None,
        reason: None,
    }
}

/// The state, in short: what `changes` does to it, and what is reported.
#[derive(Default)]
struct Board(Vec<AlertRecord>);

impl Board {
    /// What is reported for these facts: `+kind subject` and `-kind subject`. It counts as
    /// delivered at once.
    fn see(&mut self, facts: &Facts) -> Vec<String> {
        self.keep(facts);
        let news: Vec<String> = self
            .0
            .iter()
            .filter(|a| a.is_news())
            .map(|a| format!("{}{} {}", if a.recovered_at.is_some() { "-" } else { "+" }, a.kind, a.subject))
            .collect();
        self.0.retain(|a| a.recovered_at.is_none());
        self.0.iter_mut().for_each(|a| a.reported = true);
        news
    }

    /// Takes the changes without a report.
    fn keep(&mut self, facts: &Facts) {
        for new in changes(&Rules::default(), facts, &self.0) {
            self.0.retain(|a| (&a.kind, &a.subject) != (&new.kind, &new.subject));
            self.0.push(new);
        }
    }
}

/// The same in a process that has started just now and has sent nothing yet.
fn restarted(facts: &Facts) -> Facts {
    let mut facts = Facts { serving: Duration::ZERO, ..facts.clone() };
    for destination in &mut facts.destinations {
        destination.proven = false;
    }
    facts
}

/// Makes a sound installation unsound.
type Trouble = fn(&mut Facts);

#[test]
fn every_trouble_is_told_once_over_restarts_and_so_is_its_end() {
    let troubles: [(&str, Trouble); 18] = [
        ("sync_failing users", |f| f.syncs[0].standing.failed = 3),
        ("rows_rejected users", |f| f.syncs[0].standing.last_rows = Some((RunId(8), 1000, 51))),
        ("backlog_full users", |f| f.full = vec![("users".into(), "too much waits for journeys".into())]),
        ("slots_skipped users", |f| f.syncs[0].standing.skipped = 21),
        ("no_success users", |f| (f.now, f.syncs[0].quiet) = (at(361), quiet(361))),
        ("clock_jumped local clock", |f| f.clock = Some(jumped(61))),
        ("clock_jumped local clock", |f| f.clock = Some(jumped(-61))),
        ("clocks_differ shop.main", |f| f.skews = vec![("shop.main".into(), 61_000_000)]),
        ("clocks_differ shop.main", |f| f.skews = vec![("shop.main".into(), -61_000_000)]),
        ("destination_paused journeys", |f| {
            f.destinations[0].paused = Some((Code::DestinationAuthFailed, "no".into()))
        }),
        ("destination_degraded users to journeys", |f| f.queues[0].degraded = true),
        ("disk_low disk", |f| f.room = Some(Room { free: (2 << 30) - 1, reserve: 1 << 30 })),
        ("run_lost users to journeys", |f| f.missing = vec![missing(5), missing(6)]),
        ("run_awaiting_approval users", |f| f.syncs[0].standing.awaiting_approval = Some((RunId(5), None))),
        ("audit_failed users", |f| f.syncs[0].standing.wrong = Some(RunId(5))),
        ("transaction_open users", |f| f.syncs[0].standing.open_since = Some(at(-40_000))),
        ("state_restored users", |f| f.syncs[0].standing.restored = true),
        ("task_failed audit", |f| {
            f.tasks = vec![TaskFacts { task: "audit".into(), code: Code::TaskFailed, down: true }]
        }),
    ];
    for (what, make) in troubles {
        let (mut board, well) = (Board::default(), well());
        let mut ill = well.clone();
        make(&mut ill);
        assert_eq!(board.see(&well), [""; 0], "{what}");
        assert_eq!(board.see(&ill), [format!("+{what}")]);
        assert_eq!(board.see(&ill), [""; 0], "{what}");
        assert_eq!(board.see(&restarted(&ill)), [""; 0], "{what}");
        assert_eq!(board.see(&well), [format!("-{what}")]);
        assert_eq!(board.see(&well), [""; 0], "{what}");
        assert_eq!(board.see(&restarted(&well)), [""; 0], "{what}");
    }
}

#[test]
fn limits_are_met_and_not_passed_without_an_alert() {
    let mut facts = well();
    facts.syncs[0].standing.failed = 2;
    facts.syncs[0].standing.last_rows = Some((RunId(8), 1000, 50));
    facts.syncs[0].standing.skipped = 20;
    when(&mut facts, at(360), at(-1000));
    facts.room = Some(Room { free: 2 << 30, reserve: 1 << 30 });
    assert_eq!(Board::default().see(&facts), [""; 0]);
    // Four slots are too few to speak of a part of them.
    (facts.syncs[0].standing.slots, facts.syncs[0].standing.skipped) = (4, 4);
    assert_eq!(Board::default().see(&facts), [""; 0]);
}

#[test]
fn what_goes_up_and_down_around_a_limit_is_told_once() {
    let mut board = Board::default();
    let mut facts = well();
    let mut rejected = |board: &mut Board, n| {
        facts.syncs[0].standing.last_rows = Some((RunId(8), 1000, n));
        board.see(&facts)
    };
    assert_eq!(rejected(&mut board, 60), ["+rows_rejected users"]);
    for n in [49, 60, 46, 51] {
        assert_eq!(rejected(&mut board, n), [""; 0], "{n}");
    }
    assert_eq!(rejected(&mut board, 45), ["-rows_rejected users"]);
}

#[test]
fn what_nobody_was_told_of_ends_in_silence() {
    let (mut board, well) = (Board::default(), well());
    let mut ill = well.clone();
    ill.syncs[0].standing.failed = 3;
    board.keep(&ill);
    assert_eq!(board.see(&well), [""; 0]);
    assert_eq!(board.see(&ill), ["+sync_failing users"]);
}

#[test]
fn what_comes_back_while_its_end_is_being_told_begins_anew() {
    let (mut board, well) = (Board::default(), well());
    let mut ill = well.clone();
    ill.syncs[0].standing.failed = 3;
    // No receiver has it yet: it is the same one.
    [&ill, &well, &ill].into_iter().for_each(|facts| board.keep(facts));
    assert_eq!((board.0.len(), board.0[0].since, board.0[0].recovered_at), (1, at(1), None));
    assert_eq!(board.see(&ill), ["+sync_failing users"]);
    // The alert was reported, so its end may be reported at any moment.
    board.keep(&well);
    ill.now = at(2);
    assert_eq!(board.see(&ill), ["+sync_failing users"]);
    assert_eq!(board.0[0].since, at(2));
}

#[test]
fn what_ended_while_its_message_was_on_its_way_is_told_to_have_ended() {
    let (mut board, well) = (Board::default(), well());
    let mut ill = well.clone();
    ill.syncs[0].standing.failed = 3;
    board.keep(&ill);
    board.keep(&well);
    assert!(!board.0[0].is_news(), "{:?}", board.0);
    board.0[0].reported = true;
    assert_eq!(board.see(&well), ["-sync_failing users"]);
}

#[test]
fn a_restart_neither_repeats_an_alert_nor_takes_silence_for_health() {
    let mut board = Board::default();
    let mut ill = well();
    ill.destinations[0].paused = Some((Code::DestinationAuthFailed, "no".into()));
    ill.queues[0].degraded = true;
    // A paused destination is degraded, too; there is one alert.
    assert_eq!(board.see(&ill), ["+destination_paused journeys"]);
    // The new process has sent nothing to the destination yet.
    let mut unknown = well();
    unknown.destinations[0].proven = false;
    assert_eq!(board.see(&unknown), [""; 0]);
    assert_eq!(board.see(&well()), ["-destination_paused journeys"]);
    // Degraded without being paused.
    let mut degraded = well();
    degraded.queues[0].degraded = true;
    assert_eq!(board.see(&degraded), ["+destination_degraded users to journeys"]);
    assert_eq!(board.see(&unknown), [""; 0]);
    // Nothing waits any more.
    unknown.queues.clear();
    assert_eq!(board.see(&unknown), ["-destination_degraded users to journeys"]);
}

#[test]
fn a_skipped_destination_is_reported_also_when_it_takes_calls_again() {
    let (mut board, mut ill) = (Board::default(), well());
    ill.left_out = [("users".into(), "journeys".into())].into();
    assert_eq!(board.see(&ill), ["+destination_skipped users to journeys"]);
    assert_eq!(board.see(&restarted(&ill)), [""; 0]);
    assert_eq!(board.see(&well()), ["-destination_skipped users to journeys"]);
}

#[test]
fn without_success_counts_from_the_start_of_the_process_and_two_slots_at_least() {
    let mut facts = well();
    when(&mut facts, at(1000), at(900));
    assert_eq!(Board::default().see(&facts), [""; 0], "it was off for a night");
    when(&mut facts, at(900 + 361), at(900));
    let mut board = Board::default();
    assert_eq!(board.see(&facts), ["+no_success users"]);
    // A restart is no success.
    when(&mut facts, at(1300), at(1299));
    assert_eq!(board.see(&facts), [""; 0]);
    // A daily sync has until its second slot: midnights here.
    let midnight = -480;
    facts.syncs[0].slots = Slots::Every { every: 24 * 3600, start: None };
    facts.syncs[0].standing.last_success = Some(at(midnight + 30));
    when(&mut facts, at(midnight + 2 * 1440), at(-1000));
    assert_eq!(Board::default().see(&facts), [""; 0]);
    when(&mut facts, at(midnight + 2 * 1440 + 1), at(-1000));
    assert_eq!(Board::default().see(&facts), ["+no_success users"]);
    // A sync that runs only on request is never missed.
    facts.syncs[0].slots = Slots::Manual;
    assert_eq!(Board::default().see(&facts), [""; 0]);
}

#[test]
fn a_weekend_without_slots_is_no_time_without_success() {
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    let mut facts = well();
    let started = time("2026-01-01T00:00:00Z");
    facts.syncs[0].slots = Slots::Cron(crate::schedule::Cron::parse("0 9 * * 1-5", "UTC").unwrap());
    // 20 November 2026 is a Friday.
    facts.syncs[0].standing.last_success = Some(time("2026-11-20T09:01:00Z"));
    when(&mut facts, time("2026-11-24T09:00:00Z"), started);
    assert_eq!(Board::default().see(&facts), [""; 0]);
    when(&mut facts, time("2026-11-24T09:00:01Z"), started);
    assert_eq!(Board::default().see(&facts), ["+no_success users"]);
}

#[test]
fn an_alert_about_success_stays_while_the_last_success_lies_ahead() {
    let (mut board, mut ill) = (Board::default(), well());
    when(&mut ill, at(361), at(-1000));
    assert_eq!(board.see(&ill), ["+no_success users"]);
    // The next process sees a success that a wrong clock recorded: that is no success now.
    ill.syncs[0].quiet = Some(Quiet::ahead_for_test(at(90_000)));
    ill.serving = Duration::ZERO;
    assert_eq!(board.see(&ill), [""; 0]);
    when(&mut ill, at(362), at(361));
    ill.syncs[0].quiet = Some(Quiet::for_test(at(361), MINUTE));
    assert_eq!(board.see(&ill), ["-no_success users"]);
}

#[test]
fn clocks_within_a_minute_are_in_no_trouble_and_a_jump_that_was_not_measured_is_none() {
    let mut facts = well();
    facts.skews = vec![("shop.main".into(), 60_000_000), ("shop.b".into(), -60_000_000)];
    facts.clock = Some(jumped(60));
    assert_eq!(Board::default().see(&facts), [""; 0]);
    facts.clock = Some(ClockRecord { measured: false, ..jumped(90_000) });
    assert_eq!(Board::default().see(&facts), [""; 0], "the machine may have been off");
}

#[test]
fn a_sync_that_left_the_project_is_in_no_trouble_any_more() {
    let mut board = Board::default();
    let mut ill = well();
    ill.syncs[0].standing.failed = 3;
    board.see(&ill);
    ill.syncs.clear();
    assert_eq!(board.see(&ill), ["-sync_failing users"]);
}
