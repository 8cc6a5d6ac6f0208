//! What every store must do for alerts, audits and metrics: checks of the suite in `conformance`.

use outflow_core::ports::state::State;
use outflow_core::ports::watch::{AlertRecord, Audit, ClockRecord, Pending, Standing};
use outflow_core::{Code, DeliveryState, RunId, RunState, Timestamp, Uptime};

use crate::made::{self, at, delivering, ending, extraction, new_run};

fn alert(subject: &str) -> AlertRecord {
    AlertRecord {
        kind: "failing".into(),
        subject: subject.into(),
        code: Some(Code::ConnectionRefused),
        message: "it does not work".into(),
        since: at(1),
        recovered_at: None,
        reported: false,
    }
}

pub async fn alerts(state: &dyn State) {
    assert_eq!(state.alerts().await.unwrap(), []);
    let (a, b) = (alert("a"), AlertRecord { code: None, ..alert("b") });
    state.put_alerts(&[b.clone(), a.clone()]).await.unwrap();
    assert_eq!(state.alerts().await.unwrap(), [a.clone(), b.clone()]);
    assert!(a.is_news());
    state.alert_reported(&a).await.unwrap();
    let told = AlertRecord { reported: true, ..a };
    assert_eq!(state.alerts().await.unwrap(), [told.clone(), b.clone()]);
    assert!(!told.is_news());
    let ended = AlertRecord { recovered_at: Some(at(9)), ..told };
    assert!(ended.is_news());
    // One that no receiver has is deleted in the same way.
    let silent = AlertRecord { recovered_at: Some(at(9)), ..b };
    assert!(!silent.is_news());
    state.put_alerts(&[ended.clone(), silent.clone()]).await.unwrap();
    assert_eq!(state.alerts().await.unwrap(), [ended.clone(), silent.clone()]);
    state.alert_reported(&silent).await.unwrap();
    assert_eq!(state.alerts().await.unwrap(), std::slice::from_ref(&ended));
    state.alert_reported(&ended).await.unwrap();
    assert_eq!(state.alerts().await.unwrap(), []);
}

pub async fn alerts_that_change(state: &dyn State) {
    let old = alert("a");
    let new = AlertRecord { since: at(2), ..old.clone() };
    state.put_alerts(std::slice::from_ref(&new)).await.unwrap();
    state.alert_reported(&old).await.unwrap();
    assert_eq!(state.alerts().await.unwrap(), std::slice::from_ref(&new));
    // Its end was reported, but it fires again.
    let ended = AlertRecord { reported: true, recovered_at: Some(at(9)), ..new.clone() };
    let again = AlertRecord { reported: true, ..new };
    state.put_alerts(std::slice::from_ref(&again)).await.unwrap();
    state.alert_reported(&ended).await.unwrap();
    assert_eq!(state.alerts().await.unwrap(), [again]);
    // It ends while its beginning is being reported.
    let over = AlertRecord { kind: "other".into(), recovered_at: Some(at(9)), ..alert("a") };
    state.put_alerts(std::slice::from_ref(&over)).await.unwrap();
    state.alert_reported(&AlertRecord { recovered_at: None, ..over.clone() }).await.unwrap();
    assert_eq!(state.alerts().await.unwrap()[1], AlertRecord { reported: true, ..over });
}

pub async fn standings(state: &dyn State) {
    let of = async |since| state.standings(at(since), Timestamp::MAX).await.unwrap();
    assert_eq!(of(0).await, []);
    let reason = (Code::ConnectionRefused, "no".to_owned());
    let fail =
        async |run| state.end_run(run, RunState::Failed, at(2), Some(reason.clone()), None).await.unwrap();
    let lost = delivering(state, "users", 5).await;
    state.lose_run(lost, at(70), &(Code::RunLost, "lost".into())).await.unwrap();
    fail(state.create_run(&new_run("users")).await.unwrap().id).await;
    fail(state.create_run(&new_run("users")).await.unwrap().id).await;
    state.skip_run(&new_run("users"), None, &(Code::RunInProgress, "busy".into())).await.unwrap();
    let held = made::held(state, "alone", 5).await;
    let all = of(0).await;
    assert_eq!(all.iter().map(|s| s.sync.as_str()).collect::<Vec<_>>(), ["alone", "users"]);
    let (alone, users) = (&all[0], &all[1]);
    assert_eq!(alone.awaiting_approval, Some((held, Some((Code::TooManyRows, "too many".into())))));
    assert_eq!((alone.slots, alone.skipped, alone.failed), (1, 0, 0));
    assert_eq!((users.failed, users.reason), (2, Some(reason.0)));
    assert_eq!((users.slots, users.skipped), (4, 1));
    assert_eq!((users.last_rows, users.last_success), (Some((lost, 15, 7)), None));
    assert_eq!(users.first_started, Some(at(1)));
    let open_since = |standing: &Standing| standing.open_since.map(Timestamp::as_second);
    assert_eq!((open_since(users), open_since(alone)), (Some(1_789_900_000), None));
    state.approve(held, at(4)).await.unwrap();
    assert_eq!(of(0).await[0].awaiting_approval, None);
    // The window begins after all of them.
    let later = &of(2).await[1];
    assert_eq!((later.slots, later.skipped), (0, 0));
    let earlier = &state.standings(at(0), at(0)).await.unwrap()[1];
    assert_eq!((earlier.slots, earlier.skipped), (0, 0), "all of them lie ahead");
    // A run that succeeds ends the row of failures.
    let good = state.create_run(&new_run("users")).await.unwrap().id;
    state.begin_extraction(good, at(5), "0").await.unwrap();
    state.commit_extraction(good, &extraction(0, None)).await.unwrap();
    let users = &of(0).await[1];
    assert_eq!((users.failed, users.reason), (0, None));
    assert_eq!((users.last_success, users.last_rows), (Some(at(60)), Some((good, 10, 7))));
}

pub async fn local_clock(state: &dyn State) {
    assert_eq!(state.clock().await.unwrap(), None);
    let first = ClockRecord {
        wall: at(5),
        uptime: None,
        jumped_us: 0,
        jumped_at: None,
        measured: false,
        stood_us: 0,
    };
    let later = ClockRecord {
        wall: at(9),
        uptime: Some(Uptime { boot: "a boot".into(), us: i64::MAX }),
        jumped_us: i64::MIN,
        jumped_at: Some(at(8)),
        measured: true,
        stood_us: 3,
    };
    for record in [&first, &later, &later] {
        state.set_clock(record).await.unwrap();
        assert_eq!(state.clock().await.unwrap().as_ref(), Some(record));
    }
}

pub async fn audits(state: &dyn State) {
    let run = delivering(state, "users", 5).await;
    assert_eq!(state.next_audit(at(1_000)).await.unwrap(), None, "it is not at its end");
    for delivery in state.deliveries(run).await.unwrap() {
        let settlement = ending(run, &delivery, DeliveryState::Partial);
        state.settle(&[settlement]).await.unwrap();
    }
    state.conclude(run, at(80)).await.unwrap().unwrap();
    assert_eq!(state.next_audit(at(80)).await.unwrap(), None, "it has ended just now");
    assert_eq!(state.next_audit(at(81)).await.unwrap(), Some(run));
    assert_eq!(state.audit(run).await.unwrap(), None);
    let audit = Audit { at: at(90), differences: vec!["calls: 1 against 2".into()] };
    state.set_audit(run, &audit).await.unwrap();
    assert_eq!(state.audit(run).await.unwrap(), Some(audit));
    assert_eq!(state.next_audit(at(1_000)).await.unwrap(), None);
    assert_eq!(state.standings(at(0), Timestamp::MAX).await.unwrap()[0].wrong, Some(run));
    state.set_audit(run, &Audit { at: at(91), differences: Vec::new() }).await.unwrap();
    assert_eq!(state.standings(at(0), Timestamp::MAX).await.unwrap()[0].wrong, None);
    // What is forgotten takes its audit with it.
    delivering(state, "users", 5).await;
    state.forget_segments(run).await.unwrap();
    state.forget_runs(&[run]).await.unwrap();
    assert_eq!(state.audit(run).await.unwrap(), None);
}

pub async fn pending(state: &dyn State) {
    let run = delivering(state, "users", 5).await;
    let wait =
        |destination: &str, calls| Pending { sync: "users".into(), destination: destination.into(), calls };
    assert_eq!(state.pending().await.unwrap(), [wait("audit", 5), wait("journeys", 5)]);
    let newest = state.create_run(&new_run("users")).await.unwrap().id;
    let recent: Vec<RunId> = state.runs_since("users", at(1)).await.unwrap().iter().map(|r| r.id).collect();
    assert_eq!(recent, [newest, run]);
    assert_eq!(state.runs_since("users", at(2)).await.unwrap(), []);
    assert_eq!(state.runs_since("nobody", at(0)).await.unwrap(), []);
}
