//! What fills a gap is read beside the slots of its sync.

use std::sync::atomic::Ordering;
use std::time::Duration;

use outflow_core::{RunId, RunState};

use super::EVENTS;
use super::left_out::{Left, behind, calls};
use crate::incremental::world::{Hold, Shape, World};

/// The rows of a gap are read for as long as three slots. A slot does not wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn slots_come_on_time_while_what_fills_a_gap_is_being_read() {
    for people in [true, false] {
        let shape = Shape { people, timed: !people, ..EVENTS };
        let (mut left, house) = Left::new(World::quiet(shape));
        let mut served = behind(&mut left, house).await;
        // Events are read again if their segments are gone.
        served.house.engine.sweep(Duration::ZERO).await.unwrap();
        let hold = Hold::default();
        left.world.lock().hold = Some(hold.clone());
        left.open(&served, true);
        hold.begun.notified().await;
        for n in 6..=8 {
            left.put(n);
            left.slot(&mut served).await;
            assert_eq!(calls(&left.a).last().unwrap(), &format!("{n} login"), "people: {people}");
        }
        let runs = Left::runs(&served.house).await;
        assert_eq!(runs[5].state, RunState::Extracting, "it is still being read");
        assert!(runs.iter().all(|run| run.state != RunState::Skipped), "{runs:?}");
        assert!(calls(&left.b).len() == 2, "nothing newer comes before what is missing");
        hold.ended.notify_one();
        served.settled().await;
        left.put(9);
        left.slot(&mut served).await;
        served.settled().await;
        let last: Vec<_> = (1..=9).map(|n| format!("{n} login")).collect();
        let mut found = calls(&left.b);
        found.sort();
        assert_eq!(found, last, "people: {people}");
        served.end().await;
    }
}

/// A state that comes back while its gap is being read is not taken for one that has arrived.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_comes_back_while_its_gap_is_being_read_arrives() {
    let (mut left, house) = Left::new(World::quiet(Shape { people: true, lookback: 60, ..EVENTS }));
    let value = |left: &Left, n: u64, value: &'static str| {
        let mut world = left.world.lock();
        world.at(n as f64 * 60.0);
        world.put(1, value);
    };
    value(&left, 1, "A");
    let mut served = left.serve(house);
    assert_eq!(served.delivered("b").await, RunId(1));
    // The state B waits for `b`, and is lost there.
    left.open(&served, false);
    value(&left, 2, "B");
    left.slot(&mut served).await;
    let house = served.end().await;
    std::fs::remove_dir_all(house.dir.path().join("spool/2")).unwrap();
    let hold = Hold::default();
    left.world.lock().hold = Some(hold.clone());
    left.b_open.store(true, Ordering::SeqCst);
    let mut served = left.serve(house.reopened(&[&left.a, &left.b]));
    hold.begun.notified().await;
    // While what fills the gap is being read, it is C for a moment, and B again.
    value(&left, 3, "C");
    left.slot(&mut served).await;
    value(&left, 4, "B");
    left.slot(&mut served).await;
    hold.ended.notify_one();
    served.settled().await;
    for n in 5..=6 {
        left.world.lock().at(n as f64 * 60.0);
        left.slot(&mut served).await;
        served.settled().await;
    }
    assert_eq!(
        (calls(&left.a).last().unwrap(), calls(&left.b).last().unwrap()),
        (&"1 B".to_owned(), &"1 B".to_owned())
    );
    served.end().await;
}
