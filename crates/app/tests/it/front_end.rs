//! A second front end: what a program needs to run a sync with Outflow.

use std::fs;
use std::path::Path;

use outflow_app::{App, Caller, RejectedRequest, RunName, RunRequest, Selection};
use rusqlite::Connection;

const PROJECT: &str = "version: 1
sources:
  shop: { type: sqlite, databases: { main: { path: ./shop.db } }, destinations: [archive] }
destinations:
  archive: { type: file, path: ./out }
syncs:
  people: { source: shop, type: identify, query: 'SELECT id AS userId, email FROM people' }
";

fn project(dir: &Path) {
    fs::write(dir.join("outflow.yaml"), PROJECT).unwrap();
    let shop = Connection::open(dir.join("shop.db")).unwrap();
    shop.execute_batch(
        "CREATE TABLE people (id INTEGER, email TEXT);
         INSERT INTO people VALUES (1, 'a@example.com'), (2, 'b@example.com'), (NULL, NULL);",
    )
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_lines_make_a_front_end() {
    let dir = tempfile::tempdir().unwrap();
    project(dir.path());
    let app = App::new(dir.path().to_owned(), None);
    assert!(app.validate(false).await.valid);

    let request = RunRequest::new(Selection::Named(vec!["people".to_owned()]));
    let outcomes = app.run(&request, &Caller::silent()).await.unwrap();
    let document = serde_json::to_value(&outcomes[0]).unwrap();
    assert_eq!(
        (&document["run"], &document["sync"], &document["state"]),
        (&1.into(), &"people".into(), &"succeeded_with_rejected".into())
    );
    assert_eq!(document["rows"]["calls"], 2);
    assert_eq!(document["destinations"]["archive"]["delivered"], 2);

    let mut rejected =
        app.rejected(&RejectedRequest { run: RunName::Latest, ..Default::default() }).await.unwrap();
    assert_eq!((rejected.summary.rejected, rejected.next().await.unwrap().len()), (1, 1));
    assert!(rejected.next().await.unwrap().is_empty());
    let mut runs = app.runs(&Default::default()).await.unwrap();
    let runs = serde_json::to_value(runs.next().await.unwrap()).unwrap();
    assert_eq!(runs[0]["rows"], document["rows"]);
    assert!(app.verify(RunName::Latest).await.unwrap().differences.is_empty());
    let status = serde_json::to_value(app.status().await.unwrap()).unwrap();
    assert_eq!(
        (&status["serving"], &status["syncs"][0]["last"]["run"]),
        (&serde_json::Value::Null, &1.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_a_fact_and_names_no_command() {
    let dir = tempfile::tempdir().unwrap();
    project(dir.path());
    let app = App::new(dir.path().to_owned(), None);
    app.run(&RunRequest::new(Selection::Enabled), &Caller::silent()).await.unwrap();
    let errors = app.verify(RunName::parse(Some("9"))).await.unwrap_err();
    let document = serde_json::to_value(&errors.0[0]).unwrap();
    let expected =
        serde_json::json!({ "code": "C011", "message": "there is no run 9", "next": ["list_runs"] });
    assert_eq!(document, expected);
}
