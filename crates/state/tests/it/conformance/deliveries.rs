//! Progress at destinations. Checks of the suite.

use outflow_core::ports::state::{RowsRead, Settlement, State};
use outflow_core::{Code, Date, DeliveryCounts, DeliveryState, RunState, Timestamp};

use crate::conformance::refused;
use crate::made::{at, dead_letter, delivering, ending, extraction, moved, new_run, progress, settlement};

pub async fn settling(state: &dyn State) {
    let run = delivering(state, "users", 100).await;
    let mut record = state.deliveries(run).await.unwrap().remove(1);
    let (first, second) = (progress(run, &mut record, 10), progress(run, &mut record, 20));
    let filtered = Settlement {
        settled: vec![(50, 60)],
        added: DeliveryCounts { filtered: 10, ..DeliveryCounts::default() },
        state: DeliveryState::Stopped,
        reason: Some((Code::DestinationAuthFailed, "401".into())),
        ..settlement(run, &record)
    };
    outflow_core::rules::settle(&mut record, &filtered).unwrap();
    let dead = [first.dead.clone(), second.dead.clone()].concat();
    state.settle(&[first]).await.unwrap();
    state.settle(&[second, filtered]).await.unwrap();

    let deliveries = state.deliveries(run).await.unwrap();
    assert_eq!(deliveries[1], record);
    assert_eq!(deliveries[0].counts.pending, 100, "the other delivery is as it was");
    assert_eq!(state.dead_letters(run, "audit", 0, u64::MAX).await.unwrap(), dead);
    let (first, last) = (dead[0].position, dead[dead.len() - 1].position);
    assert_eq!(state.dead_letters(run, "audit", first, 5).await.unwrap(), dead);
    assert_eq!(state.dead_letters(run, "audit", first + 1, 5).await.unwrap(), dead[1..]);
    assert_eq!(state.dead_letters(run, "audit", last + 1, 5).await.unwrap(), []);
    assert_eq!(state.dead_letters(run, "audit", 0, 1).await.unwrap(), dead[..1]);
    assert_eq!(state.dead_letters(run, "journeys", 0, 10).await.unwrap(), []);

    let goes_on = Settlement { state: DeliveryState::Delivering, reason: None, ..settlement(run, &record) };
    outflow_core::rules::settle(&mut record, &goes_on).unwrap();
    assert_eq!((record.state, record.sequence), (DeliveryState::Delivering, 4));
    state.settle(&[goes_on]).await.unwrap();
    assert_eq!(state.deliveries(run).await.unwrap()[1], record);
}

pub async fn settling_twice(state: &dyn State) {
    let run = delivering(state, "users", 100).await;
    let mut record = state.deliveries(run).await.unwrap().remove(0);
    let first = progress(run, &mut record, 10);
    state.settle(std::slice::from_ref(&first)).await.unwrap();
    // Repeated alone, with the next one, and twice in one call.
    state.settle(std::slice::from_ref(&first)).await.unwrap();
    let second = progress(run, &mut record, 10);
    state.settle(&[first.clone(), second.clone()]).await.unwrap();
    state.settle(&[second.clone(), first.clone(), second.clone()]).await.unwrap();
    assert_eq!(state.deliveries(run).await.unwrap()[0], record);
    let dead = [first.dead, second.dead].concat();
    assert_eq!(state.dead_letters(run, "journeys", 0, 10).await.unwrap(), dead);
    let used = state.usage(Date::MIN, Date::MAX).await.unwrap();
    assert_eq!(used.iter().map(|u| (u.delivered, u.dead_letters)).collect::<Vec<_>>(), [(18, 2)]);
}

pub async fn wrong_progress(state: &dyn State) {
    let run = delivering(state, "users", 100).await;
    let before = state.deliveries(run).await.unwrap();
    let good = progress(run, &mut before[0].clone(), 10);
    let added = DeliveryCounts { delivered: 101, ..good.added };
    let more = Settlement { added, settled: vec![(0, 102)], ..good.clone() };
    let without_positions = Settlement { settled: vec![(0, 9)], ..good.clone() };
    let without_letter = Settlement { dead: Vec::new(), ..good.clone() };
    for wrong in [more, without_positions, without_letter] {
        let error = state.settle(&[wrong]).await.unwrap_err();
        assert_eq!(error.code(), Code::CountsDiffer, "{error}");
    }
    let elsewhere = Settlement { destination: "nowhere".into(), ..good.clone() };
    refused(state.settle(std::slice::from_ref(&elsewhere)).await);
    refused(state.settle(&[good, elsewhere]).await);
    assert_eq!(state.deliveries(run).await.unwrap(), before);
    assert_eq!(state.dead_letters(run, "journeys", 0, 10).await.unwrap(), []);
}

pub async fn usage(state: &dyn State) {
    let (run, other) = (delivering(state, "users", 100).await, delivering(state, "events", 100).await);
    let day = |text: &str| text.parse::<outflow_core::Date>().unwrap();
    let mut record = state.deliveries(run).await.unwrap().remove(0);
    // at(0) is 2026-09-21T14:13:20Z.
    for (calls, second) in [(10, 0), (20, 60), (5, 86_400)] {
        let settled = [Settlement { at: at(second), ..progress(run, &mut record, calls) }];
        state.settle(&settled).await.unwrap();
        state.settle(&settled).await.unwrap();
    }
    let record = state.deliveries(other).await.unwrap().remove(1);
    let added = DeliveryCounts { filtered: 100, ..DeliveryCounts::default() };
    let filtered = Settlement { settled: vec![(0, 100)], added, ..settlement(other, &record) };
    state.settle(&[filtered]).await.unwrap();
    let used = state.usage(day("2026-09-01"), day("2026-09-30")).await.unwrap();
    let told: Vec<_> = used.iter().map(|u| (u.day, u.delivered, u.dead_letters)).collect();
    assert_eq!(told, [(day("2026-09-21"), 28, 2), (day("2026-09-22"), 4, 1)], "only what was sent, and once");
    assert!(used.iter().all(|u| u.sync == "users" && u.destination == "journeys"), "{used:?}");
    assert_eq!(state.usage(day("2026-09-22"), day("2026-09-22")).await.unwrap(), used[1..]);
    assert_eq!(state.usage(day("2026-09-23"), day("2026-09-30")).await.unwrap(), []);
}

pub async fn rows_read(state: &dyn State) {
    let run = delivering(state, "users", 100).await;
    delivering(state, "users", 50).await;
    delivering(state, "events", 7).await;
    let begun = state.run(run).await.unwrap().unwrap().started_at;
    let later = at(40 * 86_400);
    let read = |sync| state.rows_read(begun, later, sync);
    let counts = |read: Vec<RowsRead>| -> Vec<_> {
        read.into_iter().map(|read| (read.sync, read.runs, read.rows)).collect()
    };
    // Each run reads ten rows more than it makes calls.
    let (users, events) = (("users".to_owned(), 2, 170), ("events".to_owned(), 1, 17));
    assert_eq!(counts(read(None).await.unwrap()), [events, users.clone()]);
    assert_eq!(counts(read(Some("users")).await.unwrap()), [users]);
    assert_eq!(state.rows_read(later, Timestamp::MAX, None).await.unwrap(), []);
    assert_eq!(state.rows_read(Timestamp::MIN, begun, None).await.unwrap(), []);
}

pub async fn large_numbers(state: &dyn State) {
    let run = delivering(state, "users", 5_000_000_000).await;
    let mut record = state.deliveries(run).await.unwrap().remove(0);
    let large = Settlement {
        settled: vec![(4_000_000_000, 5_000_000_000)],
        added: DeliveryCounts {
            bytes: u64::MAX,
            delivered: 999_999_999,
            dead_letters: 1,
            ..DeliveryCounts::default()
        },
        dead: vec![dead_letter(4_999_999_999)],
        ..settlement(run, &record)
    };
    outflow_core::rules::settle(&mut record, &large).unwrap();
    state.settle(&[large]).await.unwrap();
    assert_eq!(state.deliveries(run).await.unwrap()[0], record);
    assert_eq!(state.dead_letters(run, "journeys", 0, 9).await.unwrap(), [dead_letter(4_999_999_999)]);
}

pub async fn concluding(state: &dyn State) {
    let run = delivering(state, "users", 100).await;
    assert_eq!(state.conclude(run, at(70)).await.unwrap(), None);
    for (place, end) in [(0, DeliveryState::Succeeded), (1, DeliveryState::Partial)] {
        let record = state.deliveries(run).await.unwrap().remove(place);
        state.settle(&[ending(run, &record, end)]).await.unwrap();
        let concluded = state.conclude(run, at(80)).await.unwrap();
        assert_eq!(concluded, (place == 1).then_some(RunState::Partial));
    }
    let record = state.run(run).await.unwrap().unwrap();
    assert_eq!((record.state, record.ended_at), (RunState::Partial, Some(at(80))));
    assert_eq!(state.conclude(run, at(90)).await.unwrap(), None, "a run ends once");
}

pub async fn skipped(state: &dyn State) {
    let mut new = new_run("users");
    new.spec.skipped = vec!["audit".into()];
    let run = state.create_run(&new).await.unwrap().id;
    state.begin_extraction(run, at(2), "0").await.unwrap();
    state.commit_extraction(run, &extraction(100, Some(moved(run)))).await.unwrap();
    assert_eq!(state.run(run).await.unwrap().unwrap().spec, new.spec);
    let [journeys, audit]: [_; 2] = state.deliveries(run).await.unwrap().try_into().unwrap();
    assert_eq!((journeys.state, journeys.counts.pending), (DeliveryState::Delivering, 100));
    assert_eq!((audit.state, audit.counts.calls), (DeliveryState::Succeeded, 100));
    assert_eq!((audit.counts.cancelled, audit.counts.pending, audit.settled.count()), (100, 0, 0));
    assert_eq!((journeys.reason, audit.reason.unwrap().0), (None, Code::DestinationSkipped));
}

pub async fn settling_several(state: &dyn State) {
    let run = delivering(state, "users", 100).await;
    let mut records = state.deliveries(run).await.unwrap();
    let before = records.clone();
    let both: Vec<_> = records.iter_mut().map(|record| progress(run, record, 10)).collect();
    let mut wrong = both.clone();
    wrong[1].settled.clear();
    assert_eq!(state.settle(&wrong).await.unwrap_err().code(), Code::CountsDiffer);
    assert_eq!(state.deliveries(run).await.unwrap(), before, "all or none count");
    assert_eq!(state.usage(Date::MIN, Date::MAX).await.unwrap(), []);
    state.settle(&both).await.unwrap();
    assert_eq!(state.deliveries(run).await.unwrap(), records);
    state.settle(&[]).await.unwrap();
}

pub async fn settling_out_of_turn(state: &dyn State) {
    let run = delivering(state, "users", 100).await;
    let mut record = state.deliveries(run).await.unwrap().remove(0);
    let before = record.clone();
    let (first, second) = (progress(run, &mut record, 10), progress(run, &mut record, 10));
    assert_eq!(state.settle(std::slice::from_ref(&second)).await.unwrap_err().code(), Code::CountsDiffer);
    assert_eq!(state.deliveries(run).await.unwrap()[0], before);
    state.settle(&[first, second]).await.unwrap();
    assert_eq!(state.deliveries(run).await.unwrap()[0], record);
}

pub async fn reading_meanwhile(state: &dyn State) {
    let run = delivering(state, "users", 1_000).await;
    let mut record = state.deliveries(run).await.unwrap().remove(0);
    let writing = async {
        for _ in 0..100 {
            state.settle(&[progress(run, &mut record, 10)]).await.unwrap();
        }
    };
    let reading = async {
        let mut before = 0;
        loop {
            let record = state.deliveries(run).await.unwrap().remove(0);
            assert!(record.counts.closed() && record.sequence >= before, "{record:?}");
            assert_eq!(record.settled.count(), record.sequence * 10);
            before = record.sequence;
            if before == 100 {
                return;
            }
        }
    };
    tokio::join!(writing, reading);
}
