//! A row that is stamped before a run and committed after it, on a real PostgreSQL: with and
//! without the right to see that its transaction was open.

use std::sync::LazyLock;

use outflow_testkit::{Database, Postgres, Receiver};

use crate::support::{Project, pipelines, sync, yaml};

static SERVER: LazyLock<Postgres> =
    LazyLock::new(|| Postgres::options().with_setting("max_prepared_transactions", "5").start());

/// A transaction that has stamped a row and commits it when the table `go` has a row.
struct Open(std::thread::JoinHandle<()>);

impl Open {
    fn begin(database: &Database<'_>) -> Self {
        let name = database.name().to_owned();
        let script = "SET application_name = 'loader'; BEGIN; INSERT INTO events VALUES ('late', now());
             DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM go) LOOP PERFORM pg_sleep(0.05); END LOOP; END $$; COMMIT";
        let begun = format!(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = '{name}' AND application_name = 'loader' AND query LIKE 'DO%'"
        );
        let thread = std::thread::spawn(move || drop(SERVER.sql_in(&name, script)));
        while SERVER.sql(&begun).trim() != "1" {}
        Self(thread)
    }

    fn commit(self, database: &Database<'_>) {
        database.sql("INSERT INTO go VALUES (1)");
        self.0.join().unwrap();
    }
}

struct World {
    database: Database<'static>,
    project: Project,
    receiver: Receiver,
}

impl World {
    fn new(name: &str, settings: &str) -> Self {
        let database = SERVER.database(name);
        database.sql(
            "CREATE TABLE events (id text, ts timestamptz); CREATE TABLE go (n int); INSERT INTO events VALUES ('early', now())",
        );
        let receiver = Receiver::start_blocking();
        let query = "SELECT id AS \"userId\", 'Loaded' AS event, ts AS \"timestamp\" FROM events
             WHERE ts >= {{last_sync_time | timestamp}}";
        let sync = format!("{}{settings}", sync("track", query));
        let project = Project::new(
            &yaml(&database, &[("journeys", &pipelines(&receiver))], &[("events", &sync)])
                .replace("${env:PG_PASSWORD}", "${file:./password}")
                .replace(&format!("user: \"{}\"", SERVER.user()), "user: scramuser"),
        );
        project.write("password", Postgres::USER_PASSWORD);
        let world = Self { database, project, receiver };
        assert_eq!(world.run(), 1);
        world
    }

    /// A run; how many calls it made.
    fn run(&self) -> u64 {
        self.project.json(&["run"], 0)["rows"]["calls"].as_u64().unwrap()
    }

    /// A run while the transaction is open, some seconds after it began, and one when it has
    /// committed; how often the late row arrived.
    fn late(self, open: Open) -> usize {
        // Starts are rounded down to a second.
        self.database.sql("SELECT pg_sleep(2.5)");
        assert_eq!(self.run(), 0);
        open.commit(&self.database);
        self.run();
        assert_eq!(self.run(), 0);
        self.project.assert_closed();
        self.receiver.calls().iter().filter(|call| call["userId"] == "late").count()
    }
}

fn grant(is_granted: bool) {
    let word = if is_granted { "GRANT pg_read_all_stats TO" } else { "REVOKE pg_read_all_stats FROM" };
    SERVER.sql(&format!("{word} scramuser"));
}

#[test]
fn a_row_that_is_committed_late_arrives_once_where_its_transaction_is_seen_or_the_lookback_covers_it() {
    let arrives = |name: &str, settings: &str, is_granted: bool| {
        grant(is_granted);
        let world = World::new(name, settings);
        let open = Open::begin(&world.database);
        world.late(open)
    };
    assert_eq!(arrives("late_default", "", false), 1, "within five minutes");
    assert_eq!(arrives("late_seen", "lookback: 0s\n", true), 1, "a run saw that it was open");
    assert_eq!(arrives("late_unseen", "lookback: 0s\n", false), 0, "no run could know of it");
}

#[test]
fn a_row_of_a_prepared_transaction_arrives_once() {
    let world = World::new("late_prepared", "lookback: 0s\n");
    world.database.sql("BEGIN; INSERT INTO events VALUES ('late', now()); PREPARE TRANSACTION 'load'");
    world.database.sql("SELECT pg_sleep(2.5)");
    assert_eq!([world.run(), world.run()], [0, 0]);
    world.database.sql("COMMIT PREPARED 'load'");
    assert_eq!([world.run(), world.run()], [1, 0]);
}
