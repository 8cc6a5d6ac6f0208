//! What servers and services say may quote a row: errors that a function raises, in each of their
//! fields and with any SQLSTATE, errors of SQLite, answers of destinations and of receivers of
//! alerts. It may stand in the state and on the user's own terminal, and in nothing that `serve`
//! tells of itself: log, metrics, alerts, mails.

use std::time::Duration;

use outflow_testkit::mail::Manners;
use outflow_testkit::{MailServer, Receiver, Reply, free_port};

use super::{PASSWORD, ROW, WRITE_KEY, contains, database};
use crate::support::{Project, pipelines};
use crate::watch::get;

const KEY: &str = "whsec_Y2FuYXJ5LXNpZ25pbmcta2V5LTkwZjNiMmE3ZDE=";
const PATIENCE: Duration = Duration::from_secs(60);
/// One of each class that the product looks at, and of those that functions use.
const STATES: [&str; 9] = ["P0001", "22012", "22P02", "38000", "XX000", "42501", "42703", "42601", "57014"];

/// A function that raises all that it is given, in every field that an error has.
const RAISE: &str = "
    CREATE OR REPLACE FUNCTION say(state text, words text) RETURNS text STABLE LANGUAGE plpgsql AS $$
    BEGIN
        RAISE WARNING 'noticed %', words;
        RAISE EXCEPTION 'code: 123456 bad value for \"%\" here', words USING ERRCODE = state,
            DETAIL = words, HINT = words, COLUMN = words, CONSTRAINT = words, DATATYPE = words,
            TABLE = words, SCHEMA = words;
    END $$";

fn project(calls: &Receiver, hook: &Receiver, alarms: [&Receiver; 2], mail: u16, metrics: u16) -> Project {
    let database = database("quiet_foreign");
    database.sql(&format!(
        "DROP TABLE IF EXISTS users; CREATE TABLE users (note text); INSERT INTO users VALUES ('{ROW}')"
    ));
    database.sql(RAISE);
    let (host, port) = (database.server().host(), database.server().port());
    let mut syncs = String::new();
    let mut sync = |name: &str, source: &str, query: &str, destination: &str| {
        syncs += &format!(
            "  {name}: {{ source: {source}, type: identify, destinations: [{destination}], \
             schedule: {{ every: 1d }}, query: {query:?} }}\n"
        );
    };
    for state in STATES {
        let query = format!("SELECT say('{state}', note) AS \"userId\" FROM users");
        sync(&format!("raises-{state}"), "shop.main", &query, "journeys");
    }
    sync("lite", "file.main", "SELECT json_extract('{}', note) AS userId FROM users", "journeys");
    sync("refused", "shop.main", "SELECT note AS \"userId\" FROM users", "journeys");
    sync("paused", "shop.main", "SELECT note AS \"userId\" FROM users", "hook");
    let [alarm, echo] = alarms.map(|receiver| {
        format!("{{ webhook: {{ url: \"{}\", secret: \"${{env:KEY}}\" }} }}", receiver.url())
    });
    let project = Project::new(&format!(
        r#"version: 1
sources:
  shop:
    type: postgres
    databases:
      main: {{ host: "{host}", port: {port}, database: quiet_foreign, user: keeper, password: "${{env:PG_PASSWORD}}", ssl: disable }}
    destinations: [journeys, hook]
  file:
    type: sqlite
    databases: {{ main: {{ path: ./shop.db }} }}
    destinations: [journeys]
destinations:
  journeys: {{ {} }}
  hook: {{ type: webhook, url: "{}/in" }}
alerts:
  failed_runs: 1
  to:
    - {alarm}
    - {echo}
    - email: {{ server: 127.0.0.1, port: {mail}, tls: none, from: a@example.com, to: [b@example.com] }}
metrics: {{ listen: "127.0.0.1:{metrics}" }}
syncs:
{syncs}"#,
        pipelines(calls),
        hook.url(),
    ));
    let shop = rusqlite::Connection::open(project.path().join("shop.db")).unwrap();
    shop.execute_batch(&format!("CREATE TABLE users (note); INSERT INTO users VALUES ('{ROW}')")).unwrap();
    project
}

#[test]
fn what_servers_and_services_say_stays_in_the_state_and_on_the_users_terminal() {
    for format in ["text", "json"] {
        said(format);
    }
}

fn said(format: &str) {
    let [calls, hook, alarm, echo] = [(); 4].map(|()| Receiver::start_blocking());
    calls.always(Reply::status(400).header("x-said", ROW).body(format!("no such user {ROW}")));
    hook.always(Reply::status(401).header("www-authenticate", ROW).body(format!("who is {ROW}")));
    echo.always(Reply::status(400).header("x-said", ROW).body(format!("no {ROW}")));
    let mail = MailServer::start(Manners::default());
    let metrics = free_port();
    let project = project(&calls, &hook, [&alarm, &echo], mail.port(), metrics);
    let program = |args: &[&str]| {
        let program = project.program(args).env("PG_PASSWORD", PASSWORD).env("WRITE_KEY", WRITE_KEY);
        program.env("KEY", KEY).env("OUTFLOW_LOG", "trace")
    };
    let running = program(&["serve", "-v", "--log-format", format]).spawn();
    // Each sync that raises, SQLite's, and the paused destination.
    let alerts = STATES.len() + 2;
    alarm.wait_for_calls_blocking(alerts, PATIENCE);
    let mails = mail.wait_for(alerts, PATIENCE);
    let mut told = vec![("metrics", get(metrics, "/metrics", "200"))];
    let alerts = program(&["alerts", "--output", "json"]).run();
    told.push(("alerts", alerts.stdout + &alerts.stderr));
    // A person asks for a run, and the error comes back through the control socket.
    let asked = program(&["run", "raises-P0001", "--full"]).run();
    asked.assert_code(5);
    running.signal("TERM");
    let exit = running.wait();
    exit.assert_code(0);
    told.push(("the log", exit.stderr + &exit.stdout));
    for request in alarm.requests() {
        told.push(("a webhook", format!("{} {:?}", String::from_utf8_lossy(&request.body), request.headers)));
    }
    told.extend(mails.into_iter().map(|mail| ("a mail", format!("{mail:?}"))));
    for (what, text) in &told {
        for canary in [ROW, "123456"] {
            assert!(!text.contains(canary), "{canary} stands in {what} ({format}): {text}");
        }
    }
    // The log has the code, our words, the SQLSTATE.
    let log = &told.iter().find(|(what, _)| *what == "the log").unwrap().1;
    for words in ["run failed", "SQLSTATE P0001", "SQLSTATE 38000", "alert not reported"] {
        assert!(log.contains(words), "{words}: {log}");
    }
    // The canaries did fly: the user's own terminal has them, and so has the state.
    let runs = program(&["runs", "--output", "json"]).run();
    for words in ["bad value for", "bad JSON path", "who is"] {
        assert!(runs.stdout.contains(words), "{words}: {runs:?}");
    }
    let letters = program(&["dead-letters", "refused"]).run();
    assert!(letters.stdout.contains(&format!("no such user {ROW}")), "{letters:?}");
    let again = program(&["run", "raises-XX000", "--full"]).run();
    assert!(again.stderr.contains(&format!("bad value for \"{ROW}\" here")), "{again:?}");
    assert!(echo.requests().iter().all(|r| !contains(&r.body, ROW)));
}
