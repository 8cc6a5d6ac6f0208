//! Fills a state with a long history, for `bench/state.py`:
//! `fill_state STATE RUNS DEAD_LETTERS ENTRIES DRAFTS`.
//!
//! STATE is a folder or a `postgres://` URL whose state has one run. That run is multiplied, with
//! its deliveries: runs of 50 syncs over 90 days, in every state and of every kind. Then come dead
//! letters, audits, usage, gaps, entries of the audit log, alerts and drafts.

use std::fmt::Write as _;
use std::path::Path;

use outflow_core::ports::state::{
    AuditEntry, AuditResult, DefinitionChange, DefinitionContent, DefinitionId, DefinitionKind,
    DefinitionStatus, Owner, State,
};
use outflow_core::ports::watch::AlertRecord;
use outflow_core::{Actor, Clock as _, Code, Result, SystemClock, Timestamp};
use outflow_state::Location;
use tokio_postgres::NoTls;

/// How much of everything.
struct Sizes {
    runs: u64,
    letters: u64,
    entries: u64,
    drafts: u64,
}

const SYNCS: u64 = 50;
const DAYS: u64 = 90;
/// Entries that are written at a time.
const BATCH: u64 = 1_000;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().unwrap_or_else(|| panic!("write {what}"));
    let place = next("the folder or the URL of a state");
    let mut number = |what: &str| next(what).parse().unwrap_or_else(|_| panic!("{what} is a number"));
    let sizes = Sizes {
        runs: number("how many runs"),
        letters: number("how many dead letters"),
        entries: number("how many entries of the audit log"),
        drafts: number("how many drafts"),
    };
    let location = Location::parse(&place).expect("a folder or a URL");
    match &location {
        Location::Folder(folder) => fill_sqlite(folder, &sizes),
        Location::Postgres(_) => fill_postgres(&place, &sizes).await,
    }
    let state = outflow_state::open(&location).claim(None).await.expect("nothing else uses the state");
    through_the_port(&*state, &sizes).await.expect("the state can be written to");
}

fn fill_sqlite(folder: &Path, sizes: &Sizes) {
    let state = rusqlite::Connection::open(folder.join("state.db")).expect("there is a state");
    outflow_state::register_functions(&state).expect("SQLite takes functions");
    let of = |table: &str| -> Vec<String> {
        let mut names = state.prepare("SELECT name FROM pragma_table_info(?1)").expect("a table");
        names.query_map([table], |row| row.get(0)).expect("names").map(|name| name.expect("a name")).collect()
    };
    let sql = statements(sizes, "randomblob(16)", &of("runs"), &of("deliveries"));
    state.execute_batch(&format!("BEGIN; {sql} COMMIT;")).expect("the statements are right");
}

async fn fill_postgres(url: &str, sizes: &Sizes) {
    let (url, schema) = url.split_once("?schema=").map_or((url, "outflow"), |(url, schema)| (url, schema));
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server answers");
    tokio::spawn(connection);
    client.batch_execute(&format!("SET search_path TO {schema}")).await.expect("a schema");
    let mut columns = Vec::new();
    for table in ["runs", "deliveries"] {
        let sql = "SELECT column_name FROM information_schema.columns
                   WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position";
        let rows = client.query(sql, &[&schema, &table]).await.expect("columns");
        columns.push(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>());
    }
    let sql = statements(sizes, "decode(md5(i::text), 'hex')", &columns[0], &columns[1]);
    let last = "UPDATE installation SET last_run = (SELECT max(id) FROM runs);";
    client.batch_execute(&format!("BEGIN; {sql} {last} COMMIT;")).await.expect("the statements");
    // As the server does by itself, a minute later.
    client.batch_execute("VACUUM (ANALYZE)").await.expect("the server takes a moment");
}

/// What multiplies the only run, in the SQL of both stores.
fn statements(sizes: &Sizes, key: &str, of_runs: &[String], of_deliveries: &[String]) -> String {
    let Sizes { runs, letters, .. } = sizes;
    let now = SystemClock.now().as_microsecond();
    let (span, begin) = (DAYS as i64 * 86_400_000_000, now - DAYS as i64 * 86_400_000_000);
    let series = |n: u64| {
        format!(
            "WITH RECURSIVE n (i) AS (SELECT CAST(2 AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i < {n})"
        )
    };
    let sync = format!("'s' || CASE WHEN i % {SYNCS} < 10 THEN '0' ELSE '' END || (i % {SYNCS})");
    let at = format!("{begin} + i * ({span} / {runs})");
    // The last run of each sync waits for a person: nothing that `serve` would go on with.
    let unfinished = runs.saturating_sub(SYNCS);
    let state = format!(
        "CASE WHEN i > {unfinished} THEN 'awaiting_approval' WHEN i % 10007 = 0 THEN 'lost' WHEN i % 1009 = 0 THEN 'failed'
         WHEN i % 7 = 0 THEN 'skipped' WHEN i % 5 = 0 THEN 'partial' ELSE 'succeeded' END"
    );
    let kind = "CASE WHEN i % 5003 = 0 THEN 'full' ELSE 'incremental' END";
    let spec = format!("replace(spec, '\"kind\":\"incremental\"', '\"kind\":\"' || {kind} || '\"')");
    let value = |column: &String| match column.as_str() {
        "id" => "i".to_owned(),
        "key" => key.to_owned(),
        "sync" => sync.clone(),
        "state" => state.clone(),
        "kind" => kind.to_owned(),
        "spec" => spec.clone(),
        "trigger" => "'schedule'".to_owned(),
        "due_at" | "started_at" | "extracted_at" => at.clone(),
        // Calls without segments would be lost.
        "calls" => format!("CASE WHEN i > {unfinished} THEN 0 ELSE calls END"),
        "rows_read" => format!("rows_read - CASE WHEN i > {unfinished} THEN calls ELSE 0 END"),
        "ended_at" => format!("CASE WHEN i > {unfinished} THEN NULL ELSE {at} + 1000000 END"),
        "reason_code" => format!("CASE WHEN i % 1009 = 0 THEN '{}' END", Code::ConnectionRefused),
        "reason" => "CASE WHEN i % 1009 = 0 THEN 'the server is away' END".to_owned(),
        other => other.to_owned(),
    };
    let values: Vec<String> = of_runs.iter().map(value).collect();
    let mut sql = format!(
        "{} INSERT INTO runs ({}) SELECT {} FROM runs, n WHERE id = 1;",
        series(*runs),
        of_runs.join(", "),
        values.join(", ")
    );
    let of_delivery = |column: &String| match column.as_str() {
        "run" => "i".to_owned(),
        "state" => format!("CASE WHEN i > {unfinished} THEN 'delivering' ELSE 'succeeded' END"),
        "calls" | "pending" | "delivered" | "dead_letters" | "filtered" | "cancelled" | "discarded" => {
            "0".to_owned()
        }
        other => other.to_owned(),
    };
    let values: Vec<String> = of_deliveries.iter().map(of_delivery).collect();
    let _ = write!(
        sql,
        "{} INSERT INTO deliveries ({}) SELECT {} FROM deliveries, n WHERE run = 1;
         UPDATE deliveries SET state = 'partial', calls = {letters}, dead_letters = {letters}, delivered = 0
             WHERE run = 2;
         {} INSERT INTO dead_letters
             (run, destination, position, ordinal, message_id, code, status, reason, at, replayed_by)
             SELECT 2, (SELECT destination FROM deliveries WHERE run = 2), i - 2, i - 2, 'id-' || i,
             CASE WHEN i % 50021 = 0 THEN 'D002' ELSE 'D001' END, 400, 'no such user ' || i, {begin}, NULL FROM n;
         {} INSERT INTO audits (run, at, differences) SELECT i, {at}, '[]' FROM n WHERE i <= {unfinished};
         {} INSERT INTO gaps (sync, destination, start, first, last, opened_by, cause, calls, opened_at, closed_at)
             SELECT {sync}, 'files', '0', i, i, i, 'away', 10, {at}, CASE WHEN i > 20 THEN {now} END FROM n;",
        series(*runs),
        of_deliveries.join(", "),
        values.join(", "),
        series(letters + 1),
        series(*runs),
        series(2_000),
    );
    for day in 0..DAYS {
        let date = Timestamp::from_microsecond(now - day as i64 * 86_400_000_000).expect("a time of now");
        let date = date.to_string()[..10].to_owned();
        let _ = write!(
            sql,
            "{} INSERT INTO usage (day, sync, destination, call_type, delivered, dead_letters)
             SELECT '{date}', {sync}, 'files', 'identify', 100, 1 FROM n WHERE true ON CONFLICT DO NOTHING;",
            series(SYNCS + 1)
        );
    }
    sql
}

/// What needs hashes and versions is written as Outflow writes it.
async fn through_the_port(state: &dyn State, sizes: &Sizes) -> Result<()> {
    let now = SystemClock.now();
    let entry = |n: u64, action: &str, subject: String| AuditEntry {
        at: now,
        actor: Actor::local(if n.is_multiple_of(50_021) { "grace" } else { "ada" }),
        action: action.to_owned(),
        subject,
        before: None,
        after: Some("{}".to_owned()),
        result: AuditResult::Done,
    };
    let mut written = 0;
    while written < sizes.entries {
        let batch = written..sizes.entries.min(written + BATCH);
        written = batch.end;
        let entries: Vec<_> =
            batch.map(|n| entry(n, "sync.run", format!("sync/s{:02}", n % SYNCS))).collect();
        state.record(&entries).await?;
    }
    let alert = |n: u64| AlertRecord {
        kind: "failing".to_owned(),
        subject: format!("s{n:02}"),
        code: Some(Code::ConnectionRefused),
        message: "it does not work".to_owned(),
        since: now,
        recovered_at: None,
        reported: true,
    };
    state.put_alerts(&(0..SYNCS).map(alert).collect::<Vec<_>>()).await?;
    for version in 0..5_u64 {
        let change = |n: u64| DefinitionChange {
            id: DefinitionId::new(DefinitionKind::Sync, format!("draft_{n}")),
            expected: Some(version),
            content: Some(DefinitionContent {
                owner: Owner::Server,
                status: DefinitionStatus::Draft,
                value: format!("{{\"description\":\"draft {version}\",\"type\":\"identify\"}}"),
            }),
            place: None,
        };
        let made = (0..sizes.drafts)
            .map(|n| (change(n), entry(1, "sync.update", format!("sync/draft_{n}"))))
            .collect::<Vec<_>>();
        state.put_definitions(&made).await?;
    }
    Ok(())
}
