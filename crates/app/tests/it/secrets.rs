//! S04: secrets at rest. What somebody who can write to the state does to a secret is found, and
//! what somebody who can read it sees is no secret.

use std::path::Path;

use outflow_app::{
    App, Caller, DefinitionEdit, DefinitionId, DefinitionKind, DefinitionRequest, DefinitionStatus,
    IntendedUse, RemoveSecretRequest, SetSecretRequest, StateLocation,
};
use outflow_core::{Code, Secret};
use outflow_testkit::{Postgres, Report, slice_or_whole};
use rusqlite::Connection;
use serde_json::json;

/// A project whose key is a file in it, with three secrets of which it uses two.
struct Safe {
    dir: tempfile::TempDir,
    app: App,
    server: Option<&'static Postgres>,
    schema: String,
}

impl Safe {
    async fn new(server: Option<&'static Postgres>, schema: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let yaml = "version: 1\nsecrets: { key: { file: ./key } }\n\
             sources:\n  shop: { type: sqlite, databases: { main: { path: ./shop.db } }, destinations: [a, b] }\n\
             destinations:\n  a: { type: webhook, url: \"https://a.example\", headers: { X-Token: \"${secret:a}\" } }\n  \
             b: { type: webhook, url: \"https://b.example\", headers: { X-Token: \"${secret:b}\" } }\n\
             syncs:\n  users: { source: shop, type: identify, query: SELECT 1 AS userId }\n";
        std::fs::write(dir.path().join("outflow.yaml"), yaml).unwrap();
        key(dir.path(), 1);
        let url = server.map(|server| {
            let (user, password, port) = (Postgres::USER, Postgres::PASSWORD, server.port());
            format!("postgres://{user}:{password}@127.0.0.1:{port}/postgres?schema={schema}")
        });
        let location = url.map(|url| StateLocation::parse(&url).unwrap());
        let app = App::new(dir.path().to_owned(), location);
        let safe = Self { dir, app, server, schema: schema.to_owned() };
        for name in ["a", "b", "c"] {
            safe.set(name, &format!("canary-value-of-{name}")).await;
        }
        safe
    }

    async fn set(&self, name: &str, value: &str) {
        self.set_for(name, value, Vec::new()).await;
    }

    /// Sets a secret that these will use, and says where it may be sent.
    async fn set_for(&self, name: &str, value: &str, uses: Vec<IntendedUse>) -> Vec<String> {
        let (name, value) = (name.to_owned(), Secret::new(value));
        let request = SetSecretRequest { name, value, uses, wait: true };
        self.app.set_secret(&request, &Caller::silent()).await.unwrap().addresses
    }

    /// Changes the state as its administrator can: the checksums fit.
    fn change(&self, sql: &str) {
        match self.server {
            Some(server) => {
                server.sql(&format!("SET search_path = {}; {sql}", self.schema));
            }
            None => {
                let state = Connection::open(self.dir.path().join(".outflow/state.db")).unwrap();
                outflow_state::register_functions(&state).unwrap();
                state.execute_batch(sql).unwrap();
            }
        }
    }

    /// The codes of what `secrets check` finds.
    async fn codes(&self) -> Vec<Code> {
        let found = self.app.check_secrets().await.unwrap();
        for problem in &found.problems {
            assert!(!format!("{problem:?}").contains("canary"), "{problem:?}");
            assert!(problem.help_text().is_some(), "{problem:?}");
        }
        assert_eq!(found.secrets, 3);
        found.problems.iter().map(|problem| problem.code()).collect()
    }
}

/// Writes keys of these bytes, the first one for new secrets.
fn key(dir: &Path, of: u8) {
    std::fs::write(dir.join("key"), format!("{of:02x}").repeat(32)).unwrap();
}

/// A byte of a column changed at a place, in either dialect.
fn flipped(store: Option<&Postgres>, column: &str, place: usize) -> String {
    match store {
        Some(_) => format!(
            "UPDATE secrets SET {column} = set_byte({column}, {place}, get_byte({column}, {place}) # 1) WHERE name = 'a'"
        ),
        // Hexadecimal digits: two for each byte.
        None => format!(
            "UPDATE secrets SET {column} = unhex(substr(hex({column}), 1, {at}) ||
             CASE substr(hex({column}), {at} + 1, 2) WHEN '00' THEN '01' ELSE '00' END ||
             substr(hex({column}), {at} + 3)) WHERE name = 'a'",
            at = place * 2
        ),
    }
}

async fn tampering(server: Option<&'static Postgres>, schema: &str) -> u64 {
    let safe = Safe::new(server, schema).await;
    assert_eq!(safe.codes().await, []);
    let mut tried = 0;
    let mut wrong = vec![
        // Rows that exchange what they hold: all of it, or the value alone.
        "UPDATE secrets SET sealed = (SELECT o.sealed FROM secrets o WHERE o.name = 'c') WHERE name = 'a'".to_owned(),
        "UPDATE secrets SET wrapped = (SELECT o.wrapped FROM secrets o WHERE o.name = 'c'), \
         sealed = (SELECT o.sealed FROM secrets o WHERE o.name = 'c') WHERE name = 'a'"
            .to_owned(),
        "UPDATE secrets SET wrapped = (SELECT o.wrapped FROM secrets o WHERE o.name = 'c'), \
         sealed = (SELECT o.sealed FROM secrets o WHERE o.name = 'c'), \
         record = (SELECT o.record FROM secrets o WHERE o.name = 'c') WHERE name = 'a'"
            .to_owned(),
        // Another address, so that the secret goes there.
        "UPDATE secrets SET addresses = '[\"webhook url=https://a.example (headers.X-Token)\",\"webhook url=https://evil.example (headers.X-Token)\"]' \
         WHERE name = 'a'"
            .to_owned(),
    ];
    for length in [0, 1, 13, 27, 40] {
        for column in ["wrapped", "sealed"] {
            wrong.push(format!(
                "UPDATE secrets SET {column} = substr({column}, 1, {length}) WHERE name = 'a'"
            ));
        }
    }
    for place in (0..30).step_by(slice_or_whole(3, 1)) {
        wrong.extend(["wrapped", "sealed"].map(|column| flipped(server, column, place)));
    }
    for sql in wrong {
        safe.change(&sql);
        assert_eq!(safe.codes().await, [Code::SecretDamaged], "{sql}");
        let errors = safe.app.load().await.unwrap_err();
        assert_eq!(errors.0.iter().map(|e| e.code()).collect::<Vec<_>>(), [Code::SecretDamaged], "{sql}");
        // Whoever knows the value sets it again.
        safe.set("a", "canary-value-of-a").await;
        assert_eq!(safe.codes().await, [], "{sql}");
        tried += 1;
    }
    // Another key, and a key that is gone.
    key(safe.dir.path(), 2);
    assert_eq!(safe.codes().await, [Code::SecretKeyWrong; 3]);
    std::fs::remove_file(safe.dir.path().join("key")).unwrap();
    let errors = safe.app.check_secrets().await.unwrap_err();
    assert_eq!(errors.0[0].code(), Code::SecretKeyUnavailable);
    rotation(&safe).await;
    plain_text(&safe);
    tried
}

/// The operator puts a new key in front, rotates, and takes the old one away.
async fn rotation(safe: &Safe) {
    let keys = |text: String| std::fs::write(safe.dir.path().join("key"), text).unwrap();
    keys("01".repeat(32));
    let refused = safe.app.rotate_secrets(true, &Caller::silent()).await.unwrap_err();
    assert_eq!(refused.0[0].code(), Code::ConflictingOptions);
    keys(format!("{}\n{}\n", "03".repeat(32), "01".repeat(32)));
    assert_eq!(safe.codes().await, [], "both can be read");
    let before = safe.app.secrets().await.unwrap().secrets;
    let rotation = safe.app.rotate_secrets(true, &Caller::silent()).await.unwrap();
    assert_eq!((rotation.resealed, rotation.older_keys_left), (3, true));
    keys("03".repeat(32));
    assert_eq!(safe.codes().await, [], "the old key is not needed any more");
    let after = safe.app.secrets().await.unwrap().secrets;
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(after.key_id, rotation.key_id);
        assert_ne!(before.key_id, after.key_id);
        assert_eq!((&before.addresses, before.set_at), (&after.addresses, after.set_at));
    }
}

/// Nothing of a value or of a key can be read in the state.
fn plain_text(safe: &Safe) {
    let bytes = match safe.server {
        Some(server) => server
            .sql(&format!(
                "SELECT encode(wrapped, 'escape') || encode(sealed, 'escape') || s::text FROM {}.secrets s",
                safe.schema
            ))
            .into_bytes(),
        None => {
            let folder = safe.dir.path().join(".outflow");
            let files =
                ["state.db", "state.db-wal"].map(|name| std::fs::read(folder.join(name)).unwrap_or_default());
            files.concat()
        }
    };
    assert!(!bytes.is_empty());
    let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(!has(b"canary") && !has(&[3; 32]) && !has(&[1; 32]), "plain text in the state");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_to_a_secret_in_a_folder_is_found() {
    let tried = tampering(None, "").await;
    report("outflow-app::it::secrets::what_was_done_to_a_secret_in_a_folder_is_found", tried);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_to_a_secret_on_a_server_is_found() {
    let tried = tampering(Some(Postgres::shared()), "safe").await;
    report("outflow-app::it::secrets::what_was_done_to_a_secret_on_a_server_is_found", tried);
}

/// A destination of the server gets the secret that was set for it, and nothing at another address.
async fn of_the_server(server: Option<&'static Postgres>, schema: &str) {
    let safe = Safe::new(server, schema).await;
    let id = DefinitionId::new(DefinitionKind::Destination, "later");
    let at = |host: &str| {
        let url = format!("https://{host}");
        json!({ "type": "webhook", "url": url, "headers": { "X-Token": "${secret:d}" } })
    };
    let address = |host: &str| format!("webhook url=https://{host} (headers.X-Token)");
    let change = async |edit: DefinitionEdit| {
        let request = DefinitionRequest { id: id.clone(), edit, expected: None };
        safe.app.change_definition(&request, true, &Caller::silent()).await.unwrap();
    };
    let loads = async || safe.app.load().await.map(|_| ()).map_err(|errors| errors.0[0].code());
    let meant = |host: &str| vec![IntendedUse { id: id.clone(), value: at(host) }];
    assert_eq!(safe.set_for("d", "canary-of-d", meant("later.example")).await, [address("later.example")]);
    change(DefinitionEdit::Create { value: at("later.example"), status: DefinitionStatus::Enabled }).await;
    assert_eq!(loads().await, Ok(()));
    let list = safe.app.secrets().await.unwrap().secrets;
    assert_eq!(list[3].used_by, ["destination later"]);
    let remove = RemoveSecretRequest { name: "d".to_owned(), wait: true };
    let refused = safe.app.remove_secret(&remove, &Caller::silent()).await.unwrap_err();
    assert_eq!(refused.0[0].code(), Code::SecretInUse);

    change(DefinitionEdit::Replace(at("evil.example"))).await;
    assert_eq!(loads().await, Err(Code::SecretNotForAddress));
    // Set for what it says now and for what it is going to say: it works before and after.
    let both = [address("evil.example"), address("next.example")];
    assert_eq!(safe.set_for("d", "canary-of-d", meant("next.example")).await, both);
    assert_eq!(loads().await, Ok(()));
    change(DefinitionEdit::Replace(at("next.example"))).await;
    assert_eq!(loads().await, Ok(()));
    assert_eq!(safe.set_for("d", "canary-of-d", Vec::new()).await, [address("next.example")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_of_the_server_in_a_folder_gets_what_was_set_for_its_address() {
    of_the_server(None, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_of_the_server_on_a_server_gets_what_was_set_for_its_address() {
    of_the_server(Some(Postgres::shared()), "safe_definitions").await;
}

fn report(test: &'static str, tried: u64) {
    Report::new(test, "changes of a secret in the state", tried)
        .with("found", tried)
        .with("plain text", 0)
        .print();
}
