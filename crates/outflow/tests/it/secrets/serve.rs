//! What `outflow serve` tells of itself: its log in both forms and at all levels, metrics, alerts
//! by webhook and by e-mail. Everything that can go wrong does, with canaries in it.

use std::time::Duration;

use outflow_testkit::mail::Manners;
use outflow_testkit::{MailServer, Receiver, Reply, free_port};

use super::{HEADER, PASSWORD, ROW, WRITE_KEY, contains, database};
use crate::support::{Project, pipelines, sync, yaml};
use crate::watch::get;

const KEY: &str = "whsec_Y2FuYXJ5LXNpZ25pbmcta2V5LTkwZjNiMmE3ZDE=";
const ADDRESS: &str = "canary-address-2d7f90";
const MAIL_PASSWORD: &str = "canary-mail-password-b1c2";
const PATIENCE: Duration = Duration::from_secs(60);

/// Four syncs of which one fails, one has its rows rejected, one is held, and one goes to a
/// destination that refuses the key; five receivers of which two are reachable.
fn project(
    calls: &Receiver,
    hook: &Receiver,
    alarm: &Receiver,
    echo: &Receiver,
    mails: [u16; 2],
    metrics: u16,
) -> Project {
    let database = database("quiet_serve");
    database.sql(&format!(
        "DROP TABLE IF EXISTS users; CREATE TABLE users (id text, note text);
         INSERT INTO users VALUES ('1', '{ROW}'), ('{ROW}', '{ROW}'), (NULL, '{ROW}')"
    ));
    let daily = |query: &str, more: &str| sync("identify", query) + "schedule: { every: 1d }\n" + more;
    let syncs = [
        ("users", daily("SELECT id AS \"userId\", note FROM users", "destinations: [journeys]\n")),
        ("broken", daily("SELECT note::int AS \"userId\" FROM users", "destinations: [journeys]\n")),
        ("held", daily("SELECT note AS \"userId\" FROM users", "guards: { max_rows: 0 }\n")),
        ("hooked", daily("SELECT note AS \"userId\" FROM users", "destinations: [hook]\n")),
    ];
    let syncs = syncs.each_ref().map(|(name, settings)| (*name, settings.as_str()));
    let refused = format!(
        r#"type: webhook, url: "{}/in", headers: {{ Authorization: "Bearer ${{env:HEADER}}" }}"#,
        hook.url()
    );
    let text = yaml(&database, &[("journeys", &pipelines(calls)), ("hook", &refused)], &syncs);
    let webhook =
        |url: &str| format!("{{ webhook: {{ url: \"{url}/${{env:ADDRESS}}\", secret: \"${{env:KEY}}\" }} }}");
    let mail = |port: u16, more: &str| {
        format!(
            "{{ email: {{ server: 127.0.0.1, port: {port}, {more}, from: a@example.com, to: [b@example.com] }} }}"
        )
    };
    let receivers = [
        webhook(&alarm.url()),
        webhook(&echo.url()),
        webhook(&format!("http://127.0.0.1:{}", free_port())),
        mail(mails[0], "tls: none"),
        mail(mails[1], "user: me, password: \"${env:MAIL_PASSWORD}\""),
    ];
    let more = format!(
        "alerts: {{ failed_runs: 1, to: [ {} ] }}\nmetrics: {{ listen: \"127.0.0.1:{metrics}\" }}\nlimits: {{ audit_after: 0s }}\n",
        receivers.join(", ")
    );
    Project::new(&(text.replace(r#"user: "postgres""#, r#"user: "keeper""#) + &more))
}

#[test]
fn nothing_that_serve_tells_of_itself_has_a_secret_or_a_row_value() {
    for format in ["text", "json"] {
        quiet(format);
    }
}

fn quiet(format: &str) {
    let [calls, hook, alarm, echo] = [(); 4].map(|()| Receiver::start_blocking());
    // Both repeat what the request brought.
    let repeat = |request: &outflow_testkit::Request| {
        let body = String::from_utf8_lossy(&request.body);
        format!("{body} {} {}", request.path, request.header("authorization").unwrap_or_default())
    };
    calls.rule(move |request, _| {
        contains(&request.body, &format!("\"userId\":\"{ROW}\""))
            .then(|| Reply::status(400).body(repeat(request)))
    });
    hook.rule(move |request, _| Some(Reply::status(401).body(repeat(request))));
    echo.rule(move |request, _| Some(Reply::status(500).body(repeat(request))));
    let mail = MailServer::start(Manners::default());
    let unsafe_mail = MailServer::start(Manners::default());
    let metrics = free_port();
    let project = project(&calls, &hook, &alarm, &echo, [mail.port(), unsafe_mail.port()], metrics);
    let program = |args: &[&str]| {
        let program = project.program(args).env("PG_PASSWORD", PASSWORD).env("WRITE_KEY", WRITE_KEY);
        program
            .env("HEADER", HEADER)
            .env("KEY", KEY)
            .env("ADDRESS", ADDRESS)
            .env("MAIL_PASSWORD", MAIL_PASSWORD)
            .env("OUTFLOW_LOG", "trace")
    };
    let running = program(&["serve", "-v", "--log-format", format]).spawn();
    // One alert for each sync; they arrive in any order.
    alarm.wait_for_calls_blocking(4, PATIENCE);
    let mails = mail.wait_for(4, PATIENCE);
    let mut told = Vec::new();
    for (path, status) in [("/metrics", "200"), ("/healthz", "200"), ("/nothing", "404")] {
        told.push((path, get(metrics, path, status)));
    }
    for args in [&["alerts"][..], &["alerts", "--output", "json"], &["alerts", "test", "-v"]] {
        let exit = program(args).run();
        told.push(("a command", exit.stdout + &exit.stderr));
    }
    let good = std::fs::read_to_string(project.path().join("outflow.yaml")).unwrap();
    project.write("outflow.yaml", &good.replace("failed_runs: 1", "failed_runs: \"${env:KEY}\""));
    running.signal("HUP");
    let asked = program(&["run", "held"]).run();
    told.push(("run", asked.stdout + &asked.stderr));
    running.signal("TERM");
    let exit = running.wait();
    exit.assert_code(0);
    assert!(
        [
            "run failed",
            "reload refused",
            "alert not reported",
            "run awaits approval",
            "stopped",
            "request sent"
        ]
        .iter()
        .all(|event| exit.stderr.contains(event)),
        "{exit:?}"
    );
    told.push(("the log", exit.stderr + &exit.stdout));
    for request in alarm.requests() {
        told.push((
            "a webhook's body",
            format!("{} {:?}", String::from_utf8_lossy(&request.body), request.headers),
        ));
    }
    told.extend(mails.into_iter().map(|mail| ("a mail", format!("{mail:?}"))));
    for canary in [PASSWORD, WRITE_KEY, HEADER, KEY, &KEY["whsec_".len()..], ADDRESS, MAIL_PASSWORD, ROW] {
        for (what, text) in &told {
            assert!(!text.contains(canary), "{canary} stands in {what} ({format}): {text}");
        }
    }
    // The canaries did fly.
    let kinds: Vec<_> = alarm.calls().iter().map(|c| c["data"]["alert"].to_string()).collect();
    for kind in ["sync_failing", "rows_rejected", "run_awaiting_approval", "destination_paused"] {
        assert!(kinds.contains(&format!("{kind:?}")), "{kinds:?}");
    }
    assert!(calls.requests().iter().any(|r| contains(&r.body, ROW)));
    assert_eq!(hook.requests()[0].header("authorization"), Some(&*format!("Bearer {HEADER}")));
    assert_eq!(alarm.requests()[0].path, format!("/{ADDRESS}"));
}
