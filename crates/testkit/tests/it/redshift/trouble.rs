//! Failures on demand, conditions of the cluster, cancelling.

use std::time::{Duration, Instant};

use outflow_testkit::Redshift;
use outflow_testkit::redshift::{Condition, Failure};

use super::client::{Client, text};
use super::{admin, options, shared};

together! {
    trouble:
    failures_of_queries,
    a_failure_strikes_at_execution_and_amid_rows,
    failures_of_logins,
    a_lasting_failure,
    waking,
    paused,
    restarting,
    slow_and_cut,
    cancel,
    statement_timeout,
}

/// A simulator of this test's own, since what is set is in force for all, and a session in it with
/// a table.
fn own() -> (Redshift, Client) {
    let redshift = options().start();
    let mut client = Client::admin(&redshift, "dev", &[]);
    client.rows(
        "DROP TABLE IF EXISTS trouble; CREATE TABLE trouble AS SELECT * FROM generate_series(1, 100000) AS n",
    );
    (redshift, client)
}

fn failures_of_queries() {
    let (redshift, mut client) = own();
    for (failure, code, message, detail) in [
        (Failure::DiskFull, "XX000", "Disk Full", "code:      1016"),
        (Failure::WlmAbort, "XX000", "Query aborted.", "context:   system requested abort"),
        (Failure::QmrAbort, "XX000", "cancelled by WLM abort action of Query Monitoring Rule", ""),
        (Failure::SerializableConflict, "XX000", "1023", "Serializable isolation violation on table - "),
        (
            Failure::ConcurrentConflict,
            "XX000",
            "could not complete because of conflict with concurrent transaction",
            "",
        ),
        (Failure::RebuiltTable, "XX000", "could not open relation with OID ", ""),
        (Failure::PermissionXX000, "XX000", "permission denied for schema ", ""),
        (
            Failure::EpochOverflow,
            "XX000",
            "Overflow or underflow for DATEPART/EXTRACT 'epoch'",
            "code:      8001",
        ),
        (
            Failure::CursorCap,
            "XX000",
            "exceeded the maximum size allowed for the total set of cursor data: 8000MB.",
            "",
        ),
        (Failure::Cancelled, "57014", "cancelled on user's request", ""),
    ] {
        redshift.fail_next(failure);
        assert_eq!(client.one("SELECT 1"), "1", "it strikes queries of tables");
        let error = client.query("SELECT n FROM trouble LIMIT 1").error().unwrap();
        assert_eq!(error[&b'C'], code);
        assert!(error[&b'M'].contains(message), "{error:?}");
        let given = error.get(&b'D').map_or("", String::as_str);
        assert!(given.contains(detail), "{given}");
        let lines = ["error:", "code:", "context:", "query:", "location:", "process:"];
        assert!(detail.is_empty() || lines.iter().all(|line| given.contains(line)), "{given}");
        assert_eq!(client.one("SELECT n FROM trouble LIMIT 1"), "1", "once");
    }
}

fn a_failure_strikes_at_execution_and_amid_rows() {
    let (redshift, mut client) = own();
    redshift.fail_next(Failure::WlmAbort);
    client.parse("", "SELECT n FROM trouble");
    client.describe(b'S', "");
    assert_eq!(client.sync().tags(), "1tTZ");
    client.bind("", "", 0);
    client.execute("", 0);
    assert_eq!(client.sync().tags(), "2EZ");

    client.rows("BEGIN");
    redshift.fail_next_after(3, Failure::SerializableConflict);
    let answer = client.query("SELECT n FROM trouble");
    assert_eq!((answer.tags().as_str(), answer.status()), ("TDDDEZ", b'E'));
    client.rows("ROLLBACK");
    redshift.fail_next_after(2, Failure::RebuiltTable);
    assert_eq!(client.run("SELECT n FROM trouble", 0).tags(), "12TDDEZ");

    for run in [
        |client: &mut Client, sql: &str| client.query(sql),
        |client: &mut Client, sql: &str| client.run(sql, 0),
    ] {
        redshift.fail_next_after(9, Failure::DiskFull);
        let answer = run(&mut client, "SELECT n FROM trouble LIMIT 1");
        assert_eq!(answer.refusal().unwrap().1, "Disk Full", "at the end where there are fewer rows");
        assert_eq!(client.one("SELECT n FROM trouble LIMIT 1"), "1");
    }

    redshift.fail_next_after(2, Failure::Terminated);
    let answer = client.query("SELECT n FROM trouble");
    assert_eq!(answer.tags(), "TDDE");
    assert_eq!(answer.refusal().unwrap().0, "57P01");
}

fn failures_of_logins() {
    let (redshift, _) = own();
    let login = |failure| {
        redshift.fail_next(failure);
        let error = Client::login(&redshift, redshift.user(), redshift.password(), "dev", &[]).err().unwrap();
        (error[&b'C'].clone(), error[&b'M'].clone())
    };
    assert_eq!(login(Failure::BadPassword).0, "28000");
    assert_eq!(
        login(Failure::ConnectionLimit).1,
        "connection limit \"500\" exceeded for non-bootstrap users"
    );
    assert!(Client::login(&redshift, redshift.user(), redshift.password(), "dev", &[]).is_ok());
}

fn a_lasting_failure() {
    let (redshift, mut client) = own();
    redshift.set(Condition::Fail(Failure::DiskFull));
    for _ in 0..2 {
        assert_eq!(client.refused("SELECT n FROM trouble").1, "Disk Full");
    }
    redshift.set(Condition::Normal);
    assert_eq!(client.one("SELECT count(*) FROM trouble"), "100000");
}

fn waking() {
    let (redshift, mut client) = own();
    redshift.set(Condition::Waking);
    let error = client.query("SELECT 1").error().unwrap();
    assert_eq!((error[&b'C'].as_str(), error[&b'M'].as_str()), ("57014", "Query cancelled."));
    assert_eq!(error[&b'R'], "NFTSetupSessionStateOnRestore");
    assert_eq!(client.one("SELECT 1"), "1");

    let pause = Duration::from_millis(300);
    let begun = Instant::now();
    redshift.set(Condition::WakingSlow(pause));
    Client::admin(&redshift, "dev", &[]);
    assert!(begun.elapsed() >= pause);
}

fn paused() {
    let (redshift, mut client) = own();
    redshift.set(Condition::Paused);
    assert_eq!(client.answer().refusal().unwrap().0, "57P01");
    let mut waiting = Client::connect(redshift.port());
    waiting.packet(&[4, 210, 22, 47]);
    while redshift.connections() < 2 {
        std::thread::yield_now();
    }
    // No answer comes as long as it is paused; the end comes when it no longer is.
    redshift.set(Condition::Normal);
    assert!(waiting.bytes(1).is_err());
}

fn restarting() {
    let (redshift, mut client) = own();
    client.send(b'Q', &text("SELECT a.n FROM trouble a, trouble b"));
    while client.next().unwrap().0 != b'D' {}
    redshift.set(Condition::Restarting);
    let answer = client.answer();
    assert_eq!(answer.refusal().unwrap().0, "57P01");
    assert!(Client::connect(redshift.port()).bytes(1).is_err());
    redshift.set(Condition::Normal);
    assert_eq!(Client::admin(&redshift, "dev", &[]).one("SELECT 1"), "1");
}

fn slow_and_cut() {
    let (redshift, mut client) = own();
    let pause = Duration::from_millis(20);
    redshift.set(Condition::Slow(pause));
    let begun = Instant::now();
    assert_eq!(client.query("SELECT 1").tags(), "TDCZ");
    assert!(begun.elapsed() >= pause * 4);

    redshift.set(Condition::CutAt(2_000));
    let mut client = Client::admin(&redshift, "dev", &[]);
    let answer = client.query("SELECT n FROM trouble");
    assert!(!answer.tags().contains('Z') && answer.tags().contains('D'), "{}", answer.tags());
}

fn cancel() {
    let mut client = admin();
    client.send(b'Q', &text("SELECT simulator_sleep(600)"));
    let key = client.key;
    // A request may overtake its statement, so it is repeated until one has struck.
    let answer = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.answer());
        while !waiting.is_finished() {
            let mut canceller = Client::connect(shared().port());
            canceller.packet(&[&[4, 210, 22, 46], &key[..]].concat());
            assert!(canceller.bytes(1).is_err(), "it is closed without an answer");
        }
        waiting.join().unwrap()
    });
    is_cancelled(answer.refusal().unwrap());
    assert_eq!(client.one("SELECT 1"), "1");
}

fn is_cancelled((code, message): (String, String)) {
    assert_eq!(code, "57014");
    let id =
        message.strip_prefix("Query (").and_then(|rest| rest.strip_suffix(") cancelled on user's request"));
    assert!(id.is_some_and(|id| id.parse::<u64>().is_ok()), "{message}");
}

fn statement_timeout() {
    let mut client = admin();
    client.rows("SET statement_timeout TO 50");
    is_cancelled(client.refused("SELECT simulator_sleep(600)"));
}
