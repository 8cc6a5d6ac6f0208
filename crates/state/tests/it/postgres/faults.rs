//! Servers that stop and connections that break: a write counts wholly or not at all, and once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use outflow_core::ports::state::{RunFilter, State, StateStore as _};
use outflow_core::{BoxFuture, Code, Date, Error, RunId};
use outflow_testkit::{ChaosProxy, Fault, Postgres};

use super::{claim, settle_next, store};
use crate::made::{at, delivering, extraction, new_run, progress};

/// Ends the session at the statement whose number the plan has, counted over all tables.
const KILLER: &str = "
    CREATE TABLE killer.plan (at bigint);
    INSERT INTO killer.plan VALUES (0);
    CREATE SEQUENCE killer.statements;
    CREATE FUNCTION killer.strike() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('killer.statements') = (SELECT at FROM killer.plan) THEN
            PERFORM pg_terminate_backend(pg_backend_pid());
            PERFORM pg_sleep(5);
        END IF;
        RETURN NULL;
    END $$;
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'killer' AND tablename <> 'plan' LOOP
            EXECUTE format('CREATE TRIGGER strike_before BEFORE INSERT OR UPDATE OR DELETE ON killer.%I
                            FOR EACH STATEMENT EXECUTE FUNCTION killer.strike()', name);
            EXECUTE format('CREATE TRIGGER strike_after AFTER INSERT OR UPDATE OR DELETE ON killer.%I
                            FOR EACH STATEMENT EXECUTE FUNCTION killer.strike()', name);
        END LOOP;
    END $$;
    CREATE CONSTRAINT TRIGGER strike_at_commit AFTER UPDATE ON killer.claims
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION killer.strike();";

/// Makes each COMMIT take so long that its connection can be broken meanwhile.
const SLOW_COMMIT: &str = "
    CREATE FUNCTION slow.wait() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(0.6); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER slow_commit AFTER UPDATE ON slow.claims
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow.wait();";

#[tokio::test(flavor = "multi_thread")]
async fn a_write_counts_once_whatever_breaks() {
    let server = Postgres::start();
    killed_at_each_statement(&server).await;
    commit_without_an_answer(&server).await;
    outages(&server).await;
    broken_reads(&server).await;
    silence(&server).await;
    deadlocks(&server).await;
    restarts(&server).await;
}

/// The server ends the session at each statement of a settlement and of a commit, and within COMMIT
/// itself.
async fn killed_at_each_statement(server: &Postgres) {
    let state = claim(server.port(), "killer").await;
    server.sql(KILLER);
    let kill_at = |n: u64| {
        server.sql(&format!("UPDATE killer.plan SET at = {n}; ALTER SEQUENCE killer.statements RESTART"));
    };
    let struck = |n: u64| {
        let count: u64 = server.sql("SELECT last_value FROM killer.statements").parse().unwrap();
        count >= n
    };
    let mut strikes = 0;
    for n in 1.. {
        kill_at(0);
        let run = delivering(&*state, "users", 20).await;
        kill_at(n);
        settle_next(&*state, run, 10).await.unwrap();
        let was_struck = struck(n);
        kill_at(0);
        check_settled(&*state, run, 10, 1).await;
        if !was_struck {
            break;
        }
        strikes += 1;
    }
    println!("settle: killed at {strikes} statements, counted once each time");
    assert!(strikes >= 14, "{strikes}");
    let mut strikes = 0;
    for n in 1.. {
        kill_at(0);
        let run = state.create_run(&new_run("events")).await.unwrap().id;
        state.begin_extraction(run, at(2), "0").await.unwrap();
        kill_at(n);
        state.commit_extraction(run, &extraction(5, None)).await.unwrap();
        let was_struck = struck(n);
        kill_at(0);
        assert_eq!(state.segments(run).await.unwrap(), extraction(5, None).segments);
        assert_eq!(state.deliveries(run).await.unwrap().len(), 2);
        if !was_struck {
            break;
        }
        strikes += 1;
    }
    println!("commit: killed at {strikes} statements, counted once each time");
    assert!(strikes >= 14, "{strikes}");
    let runs = state.runs(&RunFilter::default()).await.unwrap();
    let numbers: Vec<u64> = runs.iter().rev().map(|run| run.id.0).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "no number is left out");
}

/// The connection breaks while the server commits: the write counts, and is not repeated.
async fn commit_without_an_answer(server: &Postgres) {
    let proxy = ChaosProxy::start(server.port());
    let state = claim(proxy.port(), "slow").await;
    let run = delivering(&*state, "users", 20).await;
    let records = state.deliveries(run).await.unwrap();
    let next: Vec<_> = records.into_iter().map(|mut record| progress(run, &mut record, 10)).collect();
    server.sql(SLOW_COMMIT);
    for round in 1..=2 {
        let create = tokio::spawn({
            let state = Arc::clone(&state);
            async move { state.create_run(&new_run("events")).await }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        proxy.reset_all();
        let created = create.await.unwrap().unwrap();
        let runs = state.runs(&RunFilter::newest(Some("events"), 0)).await.unwrap();
        assert_eq!((runs.len(), &runs[0]), (round, &created), "one run for each call");
    }
    let settle = tokio::spawn({
        let (state, next) = (Arc::clone(&state), next.clone());
        async move { state.settle(&next).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    proxy.reset_all();
    settle.await.unwrap().unwrap();
    check_settled(&*state, run, 10, 1).await;
    state.settle(&next).await.unwrap();
    check_settled(&*state, run, 10, 1).await;

    // Without a server to ask, whether it counts stays open, and the error says so.
    let impatient = store(proxy.port(), "slow").patience(Duration::from_millis(300));
    drop(state);
    let state = impatient.claim(None).await.unwrap();
    let create = tokio::spawn({
        let state = Arc::clone(&state);
        async move { state.create_run(&new_run("open")).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    proxy.set(Fault::Refuse);
    proxy.reset_all();
    let open = create.await.unwrap().unwrap_err();
    assert_eq!(open.code(), Code::StateIo);
    assert!(open.message().contains("whether that counts is open"), "{open}");
    let away = state.create_run(&new_run("away")).await.unwrap_err();
    assert_eq!(away.code(), Code::StateIo);
    assert!(away.help_text().unwrap().contains("nothing of it counts"), "{away}");
    proxy.set(Fault::None);
    state.create_run(&new_run("back")).await.unwrap();
}

/// A caller that waits for the server is consulted, and then the write counts once.
async fn outages(server: &Postgres) {
    let proxy = ChaosProxy::start(server.port());
    let asked = Arc::new(AtomicU64::new(0));
    let again = {
        let asked = Arc::clone(&asked);
        move |error: &Error| -> BoxFuture<'static, bool> {
            assert_eq!(error.code(), Code::StateIo);
            let asked = Arc::clone(&asked);
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                asked.fetch_add(1, Ordering::Relaxed) < 1000
            })
        }
    };
    let store = store(proxy.port(), "outages").patience(Duration::from_millis(100)).without_room(again);
    let state = store.claim(None).await.unwrap();
    proxy.set(Fault::Refuse);
    proxy.reset_all();
    let create = tokio::spawn({
        let state = Arc::clone(&state);
        async move { state.create_run(&new_run("users")).await }
    });
    while asked.load(Ordering::Relaxed) < 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    proxy.set(Fault::None);
    assert_eq!(create.await.unwrap().unwrap().id, RunId(1));
}

/// A read is repeated on a fresh connection.
async fn broken_reads(server: &Postgres) {
    let proxy = ChaosProxy::start(server.port());
    let state = claim(proxy.port(), "reads").await;
    let run = delivering(&*state, "users", 20).await;
    for cut in (0..6000).step_by(500) {
        proxy.set(Fault::None);
        proxy.reset_all();
        proxy.set(Fault::ResetAfter(cut));
        let read = tokio::spawn({
            let state = Arc::clone(&state);
            async move { state.run(run).await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        proxy.set(Fault::None);
        assert_eq!(read.await.unwrap().unwrap().unwrap().id, run);
    }
}

/// A server that takes connections and says nothing is given up after the patience, not waited for.
async fn silence(server: &Postgres) {
    let proxy = ChaosProxy::start(server.port());
    proxy.set(Fault::Silence);
    let silent = store(proxy.port(), "silence").claim(None).await.err().unwrap();
    assert_eq!(silent.code(), Code::StateUnavailable);
    assert!(silent.message().contains("no answer in time"), "{silent}");
}

/// What the server undoes because of other sessions is repeated.
async fn deadlocks(server: &Postgres) {
    let state = claim(server.port(), "deadlock").await;
    server.sql(
        "CREATE SEQUENCE deadlock.tries;
         CREATE FUNCTION deadlock.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('deadlock.tries') <= 3 THEN RAISE 'undone' USING ERRCODE = '40P01'; END IF;
             RETURN NULL;
         END $$;
         CREATE TRIGGER fail AFTER INSERT ON deadlock.runs EXECUTE FUNCTION deadlock.fail();",
    );
    assert_eq!(state.create_run(&new_run("users")).await.unwrap().id, RunId(1));
    assert_eq!(server.sql("SELECT last_value FROM deadlock.tries"), "4");
}

/// The server is killed and stopped in the middle of work, and work goes on.
async fn restarts(server: &Postgres) {
    let state = claim(server.port(), "restarts").await;
    let run = delivering(&*state, "users", 20_000).await;
    let work = tokio::spawn({
        let state = Arc::clone(&state);
        async move {
            let mut done = 0;
            for _ in 0..300 {
                settle_next(&*state, run, 10).await.unwrap();
                done += 1;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            done
        }
    });
    for round in 0..3 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        if round == 1 {
            server.restart();
        } else {
            server.kill();
            server.start_again();
        }
    }
    let done = work.await.unwrap();
    check_settled(&*state, run, 10, done).await;
    let refused = store(server.port(), "restarts").claim(None).await.err().unwrap();
    assert_eq!(refused.code(), Code::StateHeld, "the claim was taken again");
}

/// Both deliveries of the run have `times` settlements of `calls` calls.
async fn check_settled(state: &dyn State, run: RunId, calls: u64, times: u64) {
    for record in state.deliveries(run).await.unwrap() {
        assert_eq!(record.sequence, times);
        assert_eq!(record.settled.count(), calls * times);
        assert_eq!(record.counts.delivered, (calls - 1) * times);
        assert_eq!(record.counts.dead_letters, times);
        assert_eq!(record.counts.requests, times);
        assert!(record.counts.closed());
        let letters = state.dead_letters(run, &record.destination, 0, 1 + times).await.unwrap();
        assert_eq!(letters.len() as u64, times);
    }
    let used = state.usage(Date::MIN, Date::MAX).await.unwrap();
    let runs = state.runs(&RunFilter::newest(Some("users"), 0)).await.unwrap();
    let settled: u64 = {
        let mut sum = 0;
        for run in &runs {
            let counts = state.deliveries(run.id).await.unwrap();
            sum += counts.iter().map(|d| d.counts.delivered + d.counts.dead_letters).sum::<u64>();
        }
        sum
    };
    let used: u64 = used.iter().filter(|u| u.sync == "users").map(|u| u.delivered + u.dead_letters).sum();
    assert_eq!(used, settled, "usage counts what deliveries count");
}
