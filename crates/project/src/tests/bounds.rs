//! The bounds of durations: each is named, and all that are exceeded are reported.

use outflow_core::Code;

use super::{load_text, problems};

const HUGE: &str = "213503982334601d";

/// A project with this duration in every place that takes one.
fn everywhere(duration: &str) -> String {
    format!(
        r#"version: 1
spool: {{ keep: {duration} }}
state: {{ keep: {duration} }}
limits: {{ audit_after: {duration} }}
alerts: {{ no_success_for: {duration} }}
sources:
  shop: {{ type: sqlite, databases: {{ main: {{ path: shop.db }} }}, destinations: [out, hook] }}
  wh:
    type: redshift
    databases:
      main: {{ host: h, database: d, iam: {{ cluster: c, region: eu-central-1, duration: {duration} }}, connect_timeout: {duration} }}
    destinations: [out]
destinations:
  out: {{ type: file, path: out }}
  hook: {{ type: webhook, url: "http://127.0.0.1:1/", timeout: 99999999999999999999999s }}
syncs:
  users:
    source: shop
    type: identify
    query: SELECT id AS userId FROM users
    schedule: {{ every: {duration} }}
    lookback: {duration}
    query_timeout: {duration}
"#
    )
}

#[test]
fn every_duration_that_is_too_long_is_refused_with_its_bound() {
    for duration in ["9999999d", HUGE, "18446744073709551615s"] {
        let errors = load_text(&everywhere(duration)).unwrap_err();
        let wrong: Vec<_> = errors.iter().filter(|e| e.code() == Code::InvalidValue).collect();
        assert_eq!(wrong.len(), 10, "{duration}: {errors:?}");
        for error in wrong {
            let said = format!("{} {}", error.message(), error.help_text().unwrap_or_default());
            let names_bound =
                ["3650d", "366d", "365d", "30d", "1h", "600"].iter().any(|bound| said.contains(bound));
            assert!(names_bound, "{said}");
        }
    }
}

#[test]
fn the_longest_durations_are_taken() {
    let longest = "version: 1
spool: { keep: 3650d }
state: { keep: 3650d }
limits: { audit_after: 30d }
alerts: { no_success_for: 366d }
sources:
  shop: { type: sqlite, databases: { main: { path: shop.db } }, destinations: [out] }
destinations:
  out: { type: file, path: out }
syncs:
  users:
    source: shop
    type: identify
    query: SELECT id AS userId FROM users
    schedule: { every: 366d }
    lookback: 3650d
    query_timeout: 30d
";
    assert_eq!(problems(longest), [""; 0]);
    assert!(load_text(longest).is_ok());
}
