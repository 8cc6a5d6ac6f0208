//! Random histories of events against an oracle: as many ids as events, whichever runs send them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use outflow_core::run::{RunKind, RunOptions};
use outflow_core::{Answer, CallType, Clock, SyncSpec, Timestamp};
use outflow_testkit::{Report, Rng, seed, slice_or_whole};

use super::{id, with_key};
use crate::incremental::world::{Columns, Form, Shape, Shared, Unit, World};
use crate::parts::{House, Scripted, users_to};

fn house(a: &Arc<Scripted>, world: &Shared) -> House {
    let mut house = House::new(&[a]);
    house.engine.clock = Arc::new(world.clone()) as Arc<dyn Clock>;
    house
}

/// How a run may begin, besides where the one before left off.
fn options(rng: &mut Rng) -> RunOptions {
    let kind = match rng.below(3) {
        0 => RunKind::Full,
        1 => RunKind::Since { at: Timestamp::from_second(1_700_000_000 + rng.below(60) as i64).unwrap() },
        _ => RunKind::Incremental,
    };
    let limit = (rng.below(2) == 0).then(|| 1 + rng.below(5));
    RunOptions { limit, ..RunOptions::of(kind) }
}

/// Returns how many events were sent more than once.
async fn happens(seed: u64) -> usize {
    let mut rng = Rng::new(seed);
    let unit = [Unit::Seconds, Unit::Millis, Unit::Timestamp][rng.below(3) as usize];
    let shape = Shape {
        people: false,
        timed: true,
        cursor: rng.below(3) == 0,
        unit,
        at_least: rng.below(2) == 0,
        lookback: 1 + rng.below(30) as i64,
        whole_clock: rng.below(2) == 0,
        form: Form::Plain,
        columns: Columns::AsWritten,
    };
    let a = Scripted::new("a", |_, _| Answer::Delivered);
    let world = Shared::new(World::new(shape, rng.next_u64()));
    let spec = SyncSpec {
        call_type: CallType::Track,
        query: shape.query(),
        lookback: Duration::from_secs(shape.lookback.unsigned_abs()),
        cursor: shape.cursor.then(|| "stamp".to_owned()),
        guards: outflow_core::Guards { max_rejected_percent: Some(100), ..Default::default() },
        ..users_to(&["a"])
    };
    let spec = with_key("shop-1", spec);
    let mut at = house(&a, &world);
    for _ in 0..8 + rng.below(8) {
        (0..1 + rng.below(8)).for_each(|_| world.lock().step(1_000_000));
        match rng.below(8) {
            0..4 => drop(at.run(&spec, &world).await.unwrap()),
            4..7 => drop(at.run_with(&spec, &world, options(&mut rng)).await.unwrap()),
            // The state is lost.
            _ => at = house(&a, &world),
        }
    }
    world.lock().settle();
    at.run_with(&spec, &world, RunOptions::of(RunKind::Full)).await.unwrap();
    judge(seed, &shape, &world, &a)
}

fn judge(seed: u64, shape: &Shape, world: &Shared, a: &Scripted) -> usize {
    let mut events: BTreeMap<String, usize> = BTreeMap::new();
    let rows = world.lock().snapshot.clone();
    for version in rows.iter().filter(|version| version.good) {
        let at = Timestamp::from_microsecond(shape.moment(version.stamp)).unwrap();
        *events.entry(format!("{} {} {at}", version.key, version.value)).or_default() += 1;
    }
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let calls = a.taken.lock().unwrap();
    for call in calls.iter() {
        let at: Timestamp = call["timestamp"].as_str().unwrap().parse().unwrap();
        let (user, event) = (call["userId"].as_str().unwrap(), call["event"].as_str().unwrap());
        ids.entry(format!("{user} {event} {at}")).or_default().insert(id(call));
    }
    let found: BTreeMap<String, usize> = ids.iter().map(|(event, ids)| (event.clone(), ids.len())).collect();
    assert_eq!(found, events, "seed {seed}, {shape:?}");
    let all: BTreeSet<&String> = ids.values().flatten().collect();
    assert_eq!(all.len(), events.values().sum::<usize>(), "seed {seed}: two events have one id");
    calls.len() - all.len()
}

#[test]
fn there_are_as_many_ids_as_events_whichever_runs_send_them() {
    let (seed, histories, mut again) = (seed(), slice_or_whole(10, 1_000), 0);
    println!("seed {seed}");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for history in 0..histories {
        again += runtime.block_on(happens(seed.wrapping_add(history)));
    }
    assert!(again as u64 > histories, "only {again} events were sent again, seed {seed}");
    Report::new(
        "ids::histories::there_are_as_many_ids_as_events_whichever_runs_send_them",
        "runs with a limit, since a time, full ones and lost states among incremental ones",
        histories,
    )
    .with("events sent again, under the same id", again as u64)
    .with("events under two ids", 0)
    .with("ids with two events", 0)
    .print();
}
