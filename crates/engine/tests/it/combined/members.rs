//! The syncs of a history: each with a table of its own, of people or of events.

use std::time::Duration;

use outflow_core::ports::warehouse::Visibility;
use outflow_core::sync::Schedule;
use outflow_core::{CallType, EventIds, Guards, SyncKey, SyncSpec};
use outflow_testkit::Rng;

use crate::incremental::world::{Columns, Form, Shape, Shared, Unit, World};
use crate::parts::users_to;

/// Which member has the first table of events.
pub(super) const EVENTS: usize = 1;

/// A sync and its table.
pub(super) struct Member {
    pub(super) world: Shared,
    pub(super) spec: SyncSpec,
}

/// People, events, and one of either.
pub(super) fn some(rng: &mut Rng) -> Vec<Member> {
    let other = rng.below(2) == 0;
    let names = [("people", true), ("events", false), ("other", other)];
    names.into_iter().map(|(name, people)| Member::new(name, people, rng)).collect()
}

/// The same sync in this project.
pub(super) fn keyed(project: &str, spec: SyncSpec) -> SyncSpec {
    let key = Some(SyncKey::new(project, &spec.name));
    let event_key = spec.ids.event_key.clone();
    SyncSpec { ids: EventIds { key, event_key, form: EventIds::FORM }, ..spec }
}

fn shape(people: bool, rng: &mut Rng) -> Shape {
    let form = match (people, rng.below(8)) {
        (true, 0..3) => Form::History,
        (_, 3) => Form::All,
        (false, 0) => Form::Happened,
        (false, 1 | 2) => Form::TwoStamps,
        (false, 4 | 5) => Form::Keyed,
        _ => Form::Plain,
    };
    let cursor = form == Form::Plain && rng.below(3) == 0;
    let unit = match rng.below(if cursor { 4 } else { 3 }) {
        0 => Unit::Seconds,
        1 => Unit::Millis,
        2 => Unit::Timestamp,
        _ => Unit::Counter,
    };
    let timed =
        !people && matches!(form, Form::Plain | Form::All) && unit != Unit::Counter && rng.below(3) > 0;
    let most = if rng.below(2) == 0 { 60 } else { 240 };
    let lookback = 1 + rng.below(most) as i64;
    let (at_least, whole_clock) = (rng.below(2) == 0, rng.below(2) == 0);
    let columns = Columns::AsWritten;
    Shape { people, timed, cursor, unit, at_least, lookback, whole_clock, form, columns }
}

impl Member {
    fn new(name: &str, people: bool, rng: &mut Rng) -> Self {
        let shape = shape(people, rng);
        let mut world = World::new(shape, rng.next_u64());
        world.rich = true;
        world.values = match name {
            "people" => ["p1", "p2", "p3"],
            "events" => ["e1", "e2", "e3"],
            _ => ["o1", "o2", "o3"],
        };
        world.sight = [Visibility::None, Visibility::Some, Visibility::All][rng.below(3) as usize];
        world.longest_seen = [60, 600, 3_600][rng.below(3) as usize];
        if rng.below(5) == 0 {
            world.idles();
        }
        let event_key = if shape.form == Form::Keyed { vec!["n".to_owned()] } else { Vec::new() };
        let spec = SyncSpec {
            name: name.to_owned(),
            call_type: if people { CallType::Identify } else { CallType::Track },
            query: shape.query(),
            lookback: Duration::from_secs(shape.lookback.unsigned_abs()),
            lookback_max: Duration::from_secs(world.longest_seen.unsigned_abs()),
            schedule: Schedule::Every { every: Duration::from_secs(60), start: None },
            cursor: shape.cursor.then(|| "stamp".to_owned()),
            ids: EventIds { event_key, ..EventIds::default() },
            // Results of rejected rows alone, and other columns, are a part of it.
            guards: Guards { max_rejected_percent: Some(100), ..Guards::default() },
            ..users_to(&["a", "b"])
        };
        Self { world: Shared::new(world), spec: keyed("shop-1", spec) }
    }

    /// What its values begin with.
    pub(super) fn letter(&self) -> char {
        self.spec.name.chars().next().unwrap()
    }

    /// The same sync to other destinations.
    pub(super) fn spec_to(&self, destinations: &[&str]) -> SyncSpec {
        let connections = users_to(destinations).connections;
        SyncSpec { connections, ..self.spec.clone() }
    }

    /// Another lookback, never below what writers rely on, or another order of columns.
    pub(super) fn edit(&mut self, rng: &mut Rng) {
        let mut world = self.world.lock();
        if rng.below(2) == 0 {
            let more = [0, 1, 30, 7_200][rng.below(4) as usize];
            self.spec.lookback = Duration::from_secs(world.shape.lookback.unsigned_abs() + more);
            return;
        }
        world.shape.columns =
            [Columns::AsWritten, Columns::Reversed, Columns::OneMore][rng.below(3) as usize];
        self.spec.query = world.shape.query();
    }
}
