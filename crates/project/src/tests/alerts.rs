//! `alerts`, `metrics` and `limits.audit_after`.

use std::time::Duration;

use outflow_core::Code;
use outflow_engine::serve::alert::Rules;

use super::{SMALL, folder, load, load_text, origin, problems};
use crate::{Project, ReceiverConfig, schema};

fn with(more: &str) -> String {
    format!("{SMALL}{more}\n")
}

#[test]
fn what_may_be_said_is_understood_and_defaults_hold() {
    let plain = load_text(SMALL).unwrap();
    assert_eq!((plain.rules, plain.metrics, plain.receivers.len()), (Rules::default(), None, 0));
    assert_eq!(plain.limits.audit_after, Duration::from_secs(60));
    let text = with(
        r#"limits: { audit_after: 5m }
metrics: { listen: "127.0.0.1:9464" }
alerts:
  failed_runs: 1
  rejected_percent: 0
  skipped_percent: 100
  no_success_for: 90m
  disk_above_reserve: 500MB
  to:
    - webhook: { url: "http://127.0.0.1:1/${env:CIO_KEY}", secret: "${file:key}" }
    - email: { server: smtp.example.com, user: me, password: "${env:CIO_KEY}", from: a@example.com, to: [b@example.com, c@example.com] }
    - email: { server: 127.0.0.1, port: 2525, tls: none, from: a@example.com, to: [b@example.com] }"#,
    );
    let dir =
        folder(&[("outflow.yaml", &text), ("key", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")]);
    let project = load(dir.path()).unwrap();
    let rules = Rules {
        failed_runs: 1,
        rejected_percent: 0,
        skipped_percent: 100,
        no_success_for: Duration::from_secs(90 * 60),
        disk_above_reserve: 500_000_000,
    };
    assert_eq!((project.rules.clone(), project.limits.audit_after), (rules, Duration::from_secs(300)));
    assert_eq!(project.metrics.unwrap().to_string(), "127.0.0.1:9464");
    let who = |receiver: &ReceiverConfig| match receiver {
        ReceiverConfig::Webhook { url, .. } => url.expose().to_owned(),
        ReceiverConfig::Email { to, .. } => to.join(", "),
    };
    let who: Vec<_> = project.receivers.iter().map(who).collect();
    assert_eq!(who[1..], ["b@example.com, c@example.com", "b@example.com"]);
    assert!(who[0].contains("127.0.0.1"), "{}", who[0]);
    let debug = format!("{project:?}");
    assert!(!debug.contains("key-of-cio") && !debug.contains("whsec"), "{debug}");
}

#[test]
fn each_bad_value_is_told_alone_with_its_place_and_a_cure() {
    const HOOK: &str = r#"secret: "${file:key}""#;
    const MAIL: &str = "server: smtp.example.com, from: a@b.c, to: [d@e.f]";
    let to = |receiver: &str| format!("alerts: {{ to: [{receiver}] }}");
    let cases = [
        ("alerts: { failed_run: 1 }".to_owned(), "C003"),
        ("alerts: { failed_runs: 0 }".to_owned(), "C005"),
        ("alerts: { failed_runs: many }".to_owned(), "C005"),
        ("alerts: { rejected_percent: 101 }".to_owned(), "C005"),
        ("alerts: { skipped_percent: -1 }".to_owned(), "C005"),
        ("alerts: { no_success_for: 5s }".to_owned(), "C005"),
        ("alerts: { no_success_for: later }".to_owned(), "C005"),
        ("alerts: { disk_above_reserve: much }".to_owned(), "C005"),
        ("alerts: { to: ops@example.com }".to_owned(), "C005"),
        ("alerts: true".to_owned(), "C005"),
        (to("{}"), "C006"),
        (to("{ pager: { url: x } }"), "C003"),
        (to(&format!("{{ webhook: {{ url: \"http://a\", {HOOK} }}, email: {{ {MAIL} }} }}")), "C006"),
        (to(&format!("{{ webhook: {{ {HOOK} }} }}")), "C006"),
        (to("{ webhook: { url: \"http://a\" } }"), "C006"),
        (to("{ webhook: { url: \"http://a\", secret: whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX } }"), "C009"),
        (to("{ webhook: { url: \"http://a\", secret: \"${env:CIO_KEY}\" } }"), "C005"),
        (to("{ webhook: { url: \"http://a\", secret: \"${env:EMPTY}\" } }"), "C008"),
        (to("{ webhook: { url: \"http://a\", secret: \"${secret:x}\" } }"), "C008"),
        (to(&format!("{{ webhook: {{ url: \"ftp://a\", {HOOK} }} }}")), "C005"),
        (to(&format!("{{ webhook: {{ url: \"http://u:p@a\", {HOOK} }} }}")), "C005"),
        (to(&format!("{{ webhook: {{ url: \"http://a:0\", {HOOK} }} }}")), "C005"),
        (to(&format!("{{ email: {{ {MAIL}, tls: ssl }} }}")), "C005"),
        (to(&format!("{{ email: {{ {MAIL}, port: 0 }} }}")), "C005"),
        (to(&format!("{{ email: {{ {MAIL}, user: me }} }}")), "C006"),
        (to(&format!("{{ email: {{ {MAIL}, user: me, password: pass }} }}")), "C009"),
        (
            to(&format!("{{ email: {{ {MAIL}, user: me, password: \"${{env:CIO_KEY}}\", tls: none }} }}")),
            "C012",
        ),
        (to(&format!("{{ email: {{ {MAIL}, ca: nowhere.pem }} }}")), "C005"),
        (to("{ email: { server: \"smtp.example.com:25\", from: a@b.c, to: [d@e.f] } }"), "C005"),
        (to("{ email: { server: smtp.example.com, from: ops, to: [d@e.f] } }"), "C005"),
        (
            to("{ email: { server: smtp.example.com, from: a@b.c, to: [\"d@e.f\\r\\nRCPT TO:<x@y.z>\"] } }"),
            "C005",
        ),
        (to("{ email: { server: smtp.example.com, from: a@b.c, to: [] } }"), "C006"),
        (to("{ email: { server: smtp.example.com, from: a@b.c, to: d@e.f } }"), "C005"),
        ("metrics: { listen: 9464 }".to_owned(), "C005"),
        ("metrics: { listen: localhost }".to_owned(), "C005"),
        ("metrics: { listen: \":9464\" }".to_owned(), "C005"),
        ("metrics: {}".to_owned(), "C006"),
        ("metrics: { port: 9464, listen: \"127.0.0.1:1\" }".to_owned(), "C003"),
        ("limits: { audit_after: -1m }".to_owned(), "C005"),
        ("limits: { audit_after: 60 }".to_owned(), "C005"),
        ("limits: { audit: 1m }".to_owned(), "C003"),
    ];
    let mut wrong = Vec::new();
    for (line, code) in cases {
        let text = with(&line);
        let dir = folder(&[("outflow.yaml", &text), ("key", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")]);
        let errors = load(dir.path()).err().unwrap_or_default();
        let told: Vec<String> =
            errors.iter().map(|e| format!("{} {}", e.code(), e.place().unwrap_or_default())).collect();
        if told.len() != 1 || !told[0].starts_with(&format!("{code} outflow.yaml:8:")) {
            wrong.push(format!("{line} wants {code}: {told:?}"));
        }
        wrong.extend(errors.iter().filter(|e| e.help_text().is_none()).map(|e| format!("no cure: {e:?}")));
        assert!(!format!("{errors:?}").contains("key-of-cio"), "{line}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn all_problems_are_told_at_once() {
    let text = with(
        r#"limits: { audit_after: soon }
metrics: { listen: nowhere }
alerts:
  failed_runs: 0
  rejected: 5
  to:
    - webhook: { url: "ftp://a", secret: "${env:CIO_KEY}" }
    - email: { server: a b, tls: none, user: me, from: nobody, to: [x, y] }"#,
    );
    let told = problems(&text);
    let lines: Vec<_> = told.iter().map(|p| p.rsplit_once(':').unwrap().0).collect();
    let expected = [
        "C005 outflow.yaml:8",
        "C005 outflow.yaml:9",
        "C005 outflow.yaml:11",
        "C003 outflow.yaml:12",
        "C005 outflow.yaml:14",
        "C005 outflow.yaml:14",
        "C006 outflow.yaml:15",
        "C005 outflow.yaml:15",
        "C005 outflow.yaml:15",
        "C005 outflow.yaml:15",
        "C005 outflow.yaml:15",
    ];
    let (mut lines, mut expected) = (lines, expected.to_vec());
    lines.sort_unstable();
    expected.sort_unstable();
    assert_eq!(lines, expected, "{told:?}");
}

#[test]
fn what_needs_no_secrets_asks_for_none_of_alerts() {
    let text =
        with(r#"alerts: { to: [ { webhook: { url: "${env:NOT_SET}", secret: "${env:NOT_SET}" } } ] }"#);
    let dir = folder(&[("outflow.yaml", &text)]);
    assert!(Project::load_partly(&origin(dir.path())).unwrap().receivers.is_empty());
    assert!(
        Project::load(&origin(dir.path())).unwrap_err().iter().all(|e| e.code() == Code::SecretUnresolved)
    );
    let schema = schema().to_string();
    assert!(["audit_after", "no_success_for", "webhook", "listen"].iter().all(|key| schema.contains(key)));
}
