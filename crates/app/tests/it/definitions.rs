//! Definitions of the server beside those of the files.

use std::fs;
use std::path::Path;

use outflow_app::{
    App, Caller, DefinitionEdit, DefinitionId, DefinitionKind, DefinitionRequest, DefinitionStatus,
    DraftProblem, Errors, Owner, PlanRequest, RunRequest, Selection,
};
use outflow_core::ports::state::DefinitionFilter;
use outflow_core::{Code, Error};
use rusqlite::Connection;
use serde_json::{Value, json};

const PROJECT: &str = "version: 1
sources:
  shop: { type: sqlite, databases: { main: { path: ./shop.db } }, destinations: [archive] }
destinations:
  archive: { type: file, path: ./out }
syncs:
  people: { source: shop, type: identify, query: 'SELECT id AS userId, email FROM people' }
";

struct World {
    dir: tempfile::TempDir,
    app: App,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("outflow.yaml"), PROJECT).unwrap();
        let shop = Connection::open(dir.path().join("shop.db")).unwrap();
        shop.execute_batch(
            "CREATE TABLE people (id INTEGER, email TEXT); INSERT INTO people VALUES (1, 'a')",
        )
        .unwrap();
        let app = App::new(dir.path().to_owned(), None);
        Self { dir, app }
    }

    async fn edit(
        &self,
        id: &DefinitionId,
        expected: Option<u64>,
        edit: DefinitionEdit,
    ) -> Result<u64, Errors> {
        let request = DefinitionRequest { id: id.clone(), edit, expected };
        Ok(self.app.change_definition(&request, true, &Caller::silent()).await?.version)
    }

    async fn run(&self, sync: &str) -> Value {
        let request = RunRequest::new(Selection::Named(vec![sync.to_owned()]));
        let outcomes = self.app.run(&request, &Caller::silent()).await.unwrap();
        serde_json::to_value(&outcomes[0]).unwrap()
    }

    /// Names with owner and version.
    async fn names(&self) -> Vec<(String, Option<Owner>, u64)> {
        let all = self.app.definitions(&DefinitionFilter::default()).await.unwrap();
        all.into_iter().map(|d| (d.id.to_string(), d.owner, d.version)).collect()
    }
}

fn sync(name: &str) -> DefinitionId {
    DefinitionId::new(DefinitionKind::Sync, name)
}

fn create(value: Value, status: DefinitionStatus) -> DefinitionEdit {
    DefinitionEdit::Create { value, status }
}

fn codes(result: Result<u64, Errors>) -> Vec<Code> {
    result.unwrap_err().0.iter().map(Error::code).collect()
}

fn people() -> Value {
    json!({ "source": "shop", "type": "identify", "query": "SELECT id AS userId FROM people" })
}

fn write(dir: &Path, text: &str) {
    fs::write(dir.join("outflow.yaml"), text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_files_define_has_versions_and_nothing_else_changes() {
    let world = World::new();
    assert_eq!(world.names().await, []);
    assert_eq!(world.run("people").await["state"], "succeeded");
    let files = Some(Owner::Files);
    let name = str::to_owned;
    let first = vec![
        (name("destination archive"), files, 1),
        (name("source shop"), files, 1),
        (name("sync people"), files, 1),
    ];
    assert_eq!(world.names().await, first);
    world.run("people").await;
    assert_eq!(world.names().await, first, "a run that finds the same files writes nothing");
    let found = world.app.definition(&sync("people")).await.unwrap();
    assert_eq!(found.managed_by.as_deref(), Some("outflow.yaml, line 7"));
    assert_eq!(found.by.name, "outflow.yaml");
    write(world.dir.path(), &PROJECT.replace(", email", "").replace("  archive", "\n  archive"));
    world.run("people").await;
    let found = world.app.definition(&sync("people")).await.unwrap();
    assert_eq!((found.version, found.managed_by.as_deref()), (2, Some("outflow.yaml, line 8")));
    let archive = DefinitionId::new(DefinitionKind::Destination, "archive");
    assert_eq!(world.app.definition(&archive).await.unwrap().version, 1, "a place is no version");
    let compared = world.app.compare_definition(&sync("people"), 1, 2).await.unwrap();
    assert_eq!(compared.keys.len(), 1);
    assert_eq!(compared.keys[0].key, "query");
    for edit in [DefinitionEdit::Delete, DefinitionEdit::Patch(json!({})), DefinitionEdit::Restore(1)] {
        assert_eq!(codes(world.edit(&sync("people"), None, edit).await), [Code::OwnedByFiles]);
    }
    write(world.dir.path(), &PROJECT.replace("  people:", "  persons:"));
    world.run("persons").await;
    assert_eq!(world.app.definition(&sync("people")).await.unwrap_err().0[0].code(), Code::NoSuchDefinition);
    let versions = world.app.definition_versions(&sync("people"), None, 10).await.unwrap().versions;
    assert_eq!(
        versions.iter().map(|v| (v.version, v.value.is_some())).collect::<Vec<_>>(),
        [(3, false), (2, true), (1, true)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_owns_what_is_made_there_and_a_draft_may_lack_anything() {
    let world = World::new();
    let enabled = DefinitionStatus::Enabled;
    assert_eq!(world.edit(&sync("more"), None, create(people(), enabled)).await.unwrap(), 1);
    assert_eq!(world.run("more").await["state"], "succeeded");
    // A draft is kept, and is no sync that runs.
    let draft = create(json!({ "source": "nowhere", "schedule": { "every": "x" } }), DefinitionStatus::Draft);
    world.edit(&sync("later"), None, draft).await.unwrap();
    assert!(world.app.validate(false).await.valid);
    let problems = world.app.validate_draft("later").await.unwrap().problems;
    let told: Vec<_> = problems.iter().map(|p| (p.finding.code(), p.field.as_deref())).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    let place = |p: &DraftProblem| p.finding.error.place().unwrap_or_default().to_owned();
    assert!(problems.iter().all(|p| place(p).starts_with("sync later (server)")), "{told:?}");
    assert!(told.contains(&(Code::UnknownReference, Some("source"))), "{told:?}");
    let refused = codes(world.edit(&sync("later"), None, DefinitionEdit::Enable).await);
    assert_eq!(refused.len(), 4, "{refused:?}");
    let patch =
        json!({ "source": "shop", "schedule": null, "type": "identify", "query": "SELECT 1 AS userId" });
    assert_eq!(world.edit(&sync("later"), None, DefinitionEdit::Patch(patch)).await.unwrap(), 2);
    assert_eq!(world.edit(&sync("later"), None, DefinitionEdit::Enable).await.unwrap(), 3);
    assert_eq!(world.run("later").await["state"], "succeeded");
    // Another one was faster; a name that is there; one that is not.
    let mut other = people();
    other["description"] = "for others".into();
    let replace = || DefinitionEdit::Replace(other.clone());
    assert_eq!(codes(world.edit(&sync("more"), Some(7), replace()).await), [Code::DefinitionChanged]);
    assert_eq!(
        codes(world.edit(&sync("more"), None, create(people(), enabled)).await),
        [Code::DefinitionChanged]
    );
    assert_eq!(codes(world.edit(&sync("none"), None, replace()).await), [Code::NoSuchDefinition]);
    assert_eq!(world.edit(&sync("more"), Some(1), replace()).await.unwrap(), 2);
    assert_eq!(world.edit(&sync("more"), None, DefinitionEdit::Restore(1)).await.unwrap(), 3);
    assert_eq!(world.app.definition(&sync("more")).await.unwrap().value, Some(people()));
    // A file that takes the name is refused, and names both places.
    write(world.dir.path(), &PROJECT.replace("  people:", "  more:"));
    let errors = world.app.load().await.unwrap_err().0;
    assert_eq!(errors[0].code(), Code::DefinedTwice);
    assert!(errors[0].message().contains("outflow.yaml:7:3"), "{}", errors[0]);
    assert!(errors[0].message().contains("sync more (server), version 3"), "{}", errors[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_checked_with_all_else_and_holds_no_secret() {
    let world = World::new();
    let hook = |key: &str| json!({ "type": "segment", "write_key": key });
    let destination = DefinitionId::new(DefinitionKind::Destination, "events");
    let enabled = DefinitionStatus::Enabled;
    for (key, code) in [
        ("hunter2hunter2", Code::SecretInFile),
        ("${env:PATH}", Code::NotAllowedHere),
        ("${file:/x}", Code::NotAllowedHere),
    ] {
        let errors = world.edit(&destination, None, create(hook(key), enabled)).await.unwrap_err();
        assert_eq!(errors.0[0].code(), code);
        assert!(!format!("{errors:?}").contains("hunter2"));
    }
    let webhook = json!({ "type": "webhook", "url": "https://h.example/" });
    world.edit(&destination, None, create(webhook, enabled)).await.unwrap();
    let mut value = people();
    value["destinations"] = json!(["events"]);
    world.edit(&sync("more"), None, create(value, enabled)).await.unwrap();
    let refused = world.edit(&destination, None, DefinitionEdit::Delete).await.unwrap_err();
    assert_eq!(refused.0[0].code(), Code::UnknownReference);
    let place = refused.0[0].place().unwrap_or_default();
    assert_eq!(place, "sync more (server), version 1: destinations[0]");
    world.edit(&sync("more"), None, DefinitionEdit::Delete).await.unwrap();
    world.edit(&destination, None, DefinitionEdit::Delete).await.unwrap();
    assert!(world.app.validate(false).await.valid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_sync_goes_on_where_it_was() {
    let world = World::new();
    world.edit(&sync("more"), None, create(people(), DefinitionStatus::Enabled)).await.unwrap();
    world.run("more").await;
    let rename = async |from: &str, to: &str| world.app.rename_sync(from, to, true, &Caller::silent()).await;
    rename("more", "most").await.unwrap();
    rename("most", "all").await.unwrap();
    let found = world.app.definition(&sync("all")).await.unwrap();
    assert_eq!(found.value.unwrap()["renamed_from"], "more", "the first name");
    let ran = world.run("all").await;
    assert_eq!((&ran["rows"]["unchanged"], &ran["rows"]["calls"]), (&json!(1), &json!(0)), "{ran}");
    let code = |result: Result<_, Errors>| result.map(drop).unwrap_err().0[0].code();
    world.run("people").await;
    assert_eq!(code(rename("people", "persons").await), Code::OwnedByFiles);
    assert_eq!(code(rename("none", "some").await), Code::NoSuchDefinition);
    world.edit(&sync("new"), None, create(people(), DefinitionStatus::Enabled)).await.unwrap();
    assert_eq!(code(rename("all", "new").await), Code::DefinitionChanged);
    // A file says it, too: also if it was renamed twice.
    for (name, ran_as) in [("persons", "people"), ("folk", "persons")] {
        let text = PROJECT.replace("people: {", &format!("{name}: {{ renamed_from: people,"));
        write(
            world.dir.path(),
            &format!("id: shop-0123456789\n{text}")
                .replace("id: shop-0123456789\nversion: 1", "version: 1\nid: shop-0123456789"),
        );
        let ran = world.run(name).await;
        assert_eq!(ran["rows"]["unchanged"], 1, "{name} goes on from {ran_as}: {ran}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_moves_into_the_server_and_out_again() {
    let world = World::new();
    write(world.dir.path(), "version: 1\ndefinitions: { allow: [paths] }\n");
    let from = tempfile::tempdir().unwrap();
    let database = world.dir.path().join("shop.db");
    write(from.path(), &PROJECT.replace("./shop.db", &database.display().to_string()));
    let request = |prune| PlanRequest { folder: from.path().to_owned(), prune };
    let plan = world.app.plan(&request(false)).await.unwrap();
    assert_eq!(plan.changes.len(), 3);
    world.app.apply(&plan, true, &Caller::silent()).await.unwrap();
    assert!(world.app.plan(&request(true)).await.unwrap().is_empty());
    assert_eq!(world.run("people").await["state"], "succeeded");
    let export = world.app.export().await.unwrap();
    assert_eq!(world.app.export().await.unwrap(), export);
    write(from.path(), &export);
    assert!(world.app.plan(&request(true)).await.unwrap().is_empty(), "{export}");
    // A plan that is overtaken changes nothing.
    write(from.path(), &export.replace("people:", "persons:"));
    let plan = world.app.plan(&request(true)).await.unwrap();
    world.edit(&sync("people"), None, DefinitionEdit::Patch(json!({ "description": "x" }))).await.unwrap();
    let before = world.names().await;
    let errors = world.app.apply(&plan, true, &Caller::silent()).await.unwrap_err();
    assert_eq!(errors.0[0].code(), Code::DefinitionChanged);
    assert_eq!(world.names().await, before);
}
