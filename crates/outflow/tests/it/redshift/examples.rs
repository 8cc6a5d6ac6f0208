//! The six example queries of the reference page, as they are written there, and in the typed form
//! for timestamp columns.

use outflow_testkit::Postgres;
use outflow_testkit::redshift::Redshift;
use serde_json::{Value, json};

use super::{Login, Warehouse};

/// A number with all its digits, as it stands in the JSON.
fn number(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A name, a type, the query, and the fields of the one call that it makes.
fn examples() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    vec![
        (
            "people",
            "identify",
            "SELECT id AS userId, email_address AS email, fname, lname, msisdn AS phone\nFROM users\nWHERE last_updated >= {{last_sync_time}}",
            json!({ "type": "identify", "userId": "7", "traits": { "email": "ada@example.com", "fname": "Ada", "lname": "Lovelace", "phone": "+44 1" } }),
        ),
        (
            "events",
            "track",
            "SELECT id AS userId, event_name AS event, products, total_price AS value\nFROM events\nWHERE timestamp > {{last_sync_time}}",
            json!({ "type": "track", "userId": "7", "event": "Order Completed", "properties": { "products": [{ "sku": "a1", "n": 2 }], "value": number("19.90") } }),
        ),
        (
            "groups",
            "group",
            "SELECT companyId AS groupId, objectTypeId, companyname, employees, personId AS userId\nFROM companies\nWHERE last_updated >= {{last_sync_time}}",
            json!({ "type": "group", "groupId": "c9", "objectTypeId": "2", "userId": "7", "traits": { "companyname": "Analytical Engines", "employees": 12 } }),
        ),
        (
            "pages",
            "page",
            "SELECT id AS userId, metatitle as name, url, time_on_page\nFROM pages\nWHERE timestamp > {{last_sync_time}}",
            json!({ "type": "page", "userId": "7", "name": "Pricing", "properties": { "url": "https://example.com/pricing", "time_on_page": 12.5 } }),
        ),
        (
            "screens",
            "screen",
            "SELECT id AS userId, screen_name as name, session_started\nFROM screens\nWHERE timestamp > {{last_sync_time}}",
            json!({ "type": "screen", "userId": "7", "name": "Home", "properties": { "session_started": true } }),
        ),
        (
            "aliases",
            "alias",
            "SELECT id AS userId, old_id as previousId\nFROM user_resolution\nWHERE timestamp >= {{last_sync_time}}",
            json!({ "type": "alias", "userId": "7", "previousId": "anon-1" }),
        ),
    ]
}

/// The tables of the examples; the columns that say when a row changed are of this type, and hold
/// these values.
fn tables(stamp: &str, value: &str) -> String {
    format!(
        "CREATE TABLE users (id INTEGER, email_address VARCHAR(100), fname VARCHAR, lname VARCHAR, msisdn VARCHAR(20), last_updated {stamp}) DISTKEY(id) SORTKEY(last_updated);
         INSERT INTO users VALUES (7, 'ada@example.com', 'Ada', 'Lovelace', '+44 1', {value});
         CREATE TABLE events (id INTEGER, event_name VARCHAR, products SUPER, total_price DECIMAL(10,2), \"timestamp\" {stamp});
         INSERT INTO events SELECT 7, 'Order Completed', JSON_PARSE('[{{\"sku\":\"a1\",\"n\":2}}]'), 19.90, {value};
         CREATE TABLE companies (companyId VARCHAR, objectTypeId INTEGER, companyname VARCHAR, employees INTEGER, personId INTEGER, last_updated {stamp});
         INSERT INTO companies VALUES ('c9', 2, 'Analytical Engines', 12, 7, {value});
         CREATE TABLE pages (id INTEGER, metatitle VARCHAR, url VARCHAR, time_on_page FLOAT8, \"timestamp\" {stamp});
         INSERT INTO pages VALUES (7, 'Pricing', 'https://example.com/pricing', 12.5, {value});
         CREATE TABLE screens (id INTEGER, screen_name VARCHAR, session_started BOOLEAN, \"timestamp\" {stamp});
         INSERT INTO screens VALUES (7, 'Home', true, {value});
         CREATE TABLE user_resolution (id INTEGER, old_id VARCHAR, \"timestamp\" {stamp});
         INSERT INTO user_resolution VALUES (7, 'anon-1', {value});"
    )
}

/// Every field that is expected is there, and no other but those that each call has.
fn assert_call(call: &Value, expected: &Value) {
    let mut call = call.as_object().unwrap().clone();
    call.remove("messageId").expect("a message id");
    call.remove("timestamp").expect("a timestamp");
    assert_eq!(Value::Object(call), *expected);
}

fn try_examples(redshift: &Redshift, name: &str, stamp: &str, value: &str, form: &str) {
    let database = redshift.database(name);
    database.sql(&tables(stamp, value));
    let queries: Vec<(String, String, String)> = examples()
        .into_iter()
        .map(|(name, kind, query, _)| (name.into(), kind.into(), query.replace("{{last_sync_time}}", form)))
        .collect();
    let syncs: Vec<_> = queries.iter().map(|(n, k, q)| (n.as_str(), k.as_str(), q.as_str())).collect();
    let warehouse = Warehouse::new(redshift, name, &Login::default(), &syncs);
    for (name, _, _, expected) in examples() {
        let calls = warehouse.calls(name);
        assert_eq!(calls.len(), 1, "{name}: {calls:?}");
        assert_call(&calls[0], &expected);
    }
    // And for real: each run delivers its one call; the next reads nothing or the same again, and
    // sends nothing.
    let run = warehouse.program(&["run", "--output", "json"]).run();
    run.assert_code(0);
    assert_eq!(warehouse.receiver.arrivals().len(), 6);
    warehouse.program(&["run"]).run().assert_code(0);
    assert_eq!(warehouse.receiver.arrivals().len(), 6, "nothing is sent twice");
    warehouse.project.assert_closed();
}

#[test]
fn the_examples_run_as_they_are_written_on_columns_of_unix_seconds() {
    try_examples(super::shared(), "examples_epoch", "BIGINT", "1790000000", "{{last_sync_time}}");
}

#[test]
fn the_examples_run_in_the_typed_form_on_timestamp_columns() {
    let value = "'2026-09-21 14:13:20.5'::timestamp";
    try_examples(
        super::shared(),
        "examples_timestamp",
        "TIMESTAMP",
        value,
        "{{ last_sync_time | timestamp }}",
    );
    let value = "'2026-09-21 14:13:20.5+00'::timestamptz";
    try_examples(
        super::shared(),
        "examples_timestamptz",
        "TIMESTAMPTZ",
        value,
        "{{last_sync_time|timestamp}}",
    );
}

#[test]
fn the_examples_mean_the_same_where_quoted_names_keep_their_case() {
    let redshift = Redshift::options().over(Postgres::shared()).case_sensitive_identifiers(true).start();
    try_examples(&redshift, "examples_case", "BIGINT", "1790000000", "{{last_sync_time}}");
    try_examples(
        &redshift,
        "examples_case_typed",
        "TIMESTAMP",
        "'2026-09-21 14:13:20'::timestamp",
        "{{last_sync_time | timestamp}}",
    );
}

#[test]
fn quoted_aliases_keep_their_case_whether_the_cluster_folds_them_or_not() {
    let query = "SELECT 7 AS \"userId\", 'pro' AS \"planTier\", 1 AS lowerCase";
    for case_sensitive in [false, true] {
        let redshift =
            Redshift::options().over(Postgres::shared()).case_sensitive_identifiers(case_sensitive).start();
        redshift.database("aliases");
        let warehouse =
            Warehouse::new(&redshift, "aliases", &Login::default(), &[("people", "identify", query)]);
        let traits = warehouse.calls("people")[0]["traits"].clone();
        assert_eq!(traits, json!({ "planTier": "pro", "lowerCase": 1 }), "case sensitive: {case_sensitive}");
    }
}
