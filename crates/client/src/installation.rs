//! The installation as a whole: how it is, what it has, and what is to be done about it.

use http::Method;
use outflow_app::{
    AlertList, AlertTest, AuditVerification, Caller, CheckDocument, DatabaseDocument, DestinationDocument,
    DestinationTest, DestinationTestEvent, DestinationTestRequest, Errors, FORMAT_VERSION,
    RemoveSecretRequest, RenameDocument, Rotation, RunName, SecretChange, SecretCheck, SecretList, SeenEntry,
    Selectors, SetSecretRequest, SetupSqlDocument, SetupSqlRequest, SourceTest, SourceTestEvent,
    StateVerification, StatusDocument, SyncList, UsageDocument, UsageRequest, Verification,
};
use outflow_core::{Clock as _, SystemClock};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{self, Lines};
use crate::ask::encoded;
use crate::decide::All;
use crate::{Answer, Server, problem};

impl Server {
    /// How the installation is.
    pub fn status<'a>(&'a self) -> Answer<'a, StatusDocument> {
        Box::pin(async move {
            self.check().await?;
            let mut status: StatusDocument = self.get("status").document().await?;
            status.at = SystemClock.now();
            Ok(status)
        })
    }

    /// The syncs that are meant.
    pub fn list<'a>(&'a self, which: &'a Selectors) -> Answer<'a, SyncList> {
        Box::pin(async move {
            self.check().await?;
            let joined = |parts: &[String]| (!parts.is_empty()).then(|| parts.join(","));
            let ask = self.get("syncs").with("select", joined(&which.select));
            ask.with("exclude", joined(&which.exclude)).document().await
        })
    }

    /// How many calls were sent in a month.
    pub fn usage<'a>(&'a self, request: &'a UsageRequest) -> Answer<'a, UsageDocument> {
        Box::pin(async move {
            self.check().await?;
            let UsageRequest { month, sync, days } = request;
            let ask = self.get("usage").with("month", month.as_ref()).with("sync", sync.as_ref());
            ask.with("days", days.then_some(true)).document().await
        })
    }

    /// The alerts that fire.
    pub fn alerts<'a>(&'a self) -> Answer<'a, AlertList> {
        self.read("alerts")
    }

    /// Sends a test alert to every receiver.
    pub fn test_alerts<'a>(&'a self, _: &'a Caller) -> Answer<'a, AlertTest> {
        self.done("alerts/test")
    }

    /// Has the server read its files again.
    pub fn reload<'a>(&'a self) -> Answer<'a, bool> {
        Box::pin(async move {
            self.check().await?;
            let said: Value = self.post("reload").document().await?;
            Ok(said["reloaded"] == true)
        })
    }

    /// Everything that is defined, as one file.
    pub fn export<'a>(&'a self) -> Answer<'a, String> {
        Box::pin(async move {
            self.check().await?;
            let ask = self.get("project/export").header("accept", Some("application/yaml"));
            Ok(String::from_utf8_lossy(&ask.bytes().await?).into_owned())
        })
    }

    /// Gives a sync of the server another name.
    pub fn rename_sync<'a>(
        &'a self,
        from: &'a str,
        to: &'a str,
        _: bool,
        _: &'a Caller,
    ) -> Answer<'a, RenameDocument> {
        Box::pin(async move {
            self.check().await?;
            let path = format!("syncs/{}/rename", encoded(from));
            self.post(path).body(json!({ "name": to })).long().document().await
        })
    }

    /// Recounts a run from its segments.
    pub fn verify<'a>(&'a self, run: RunName) -> Answer<'a, Verification> {
        Box::pin(async move {
            self.check().await?;
            let run = self.number(&run).await?;
            self.post(format!("runs/{run}/verify")).long().document().await
        })
    }

    /// Checks the whole state.
    pub fn verify_all<'a>(&'a self) -> Answer<'a, StateVerification> {
        self.done("verify")
    }

    /// Checks the audit log.
    pub fn verify_audit<'a>(&'a self, seen: &'a [SeenEntry]) -> Answer<'a, AuditVerification> {
        Box::pin(async move {
            self.check().await?;
            let seen: Vec<String> =
                seen.iter().map(|SeenEntry { number, hash }| format!("{number}:{hash}")).collect();
            self.post("audit/verify").body(json!({ "seen": seen })).long().document().await
        })
    }

    /// The databases of all sources.
    pub fn sources<'a>(&'a self) -> Answer<'a, Vec<DatabaseDocument>> {
        Box::pin(async move {
            self.check().await?;
            Ok(self.get("sources").document::<All<DatabaseDocument>>().await?.items)
        })
    }

    /// The script for an account that only reads.
    pub fn setup_sql<'a>(&'a self, request: SetupSqlRequest) -> Answer<'a, SetupSqlDocument> {
        Box::pin(async move {
            self.check().await?;
            let quoted = |name: &String| format!("\"{}\"", name.replace('"', "\"\""));
            let schemas: Vec<String> = request.schemas.iter().map(quoted).collect();
            let table = |(schema, table): &(String, String)| format!("{}.{}", quoted(schema), quoted(table));
            let tables: Vec<String> = request.tables.iter().map(table).collect();
            let joined = |names: Vec<String>| (!names.is_empty()).then(|| names.join(","));
            self.get(format!("sources/{}/setup-sql", encoded(&request.name)))
                .with("schemas", joined(schemas))
                .with("tables", joined(tables))
                .with("user", request.user)
                .with("revoke_public", request.revoke_public.then_some(true))
                .document()
                .await
        })
    }

    /// Tests the databases that the name means, step by step.
    pub fn test_source<'a>(
        &'a self,
        name: &'a str,
        mut report: impl FnMut(SourceTestEvent<'_>) + Send + 'a,
    ) -> Answer<'a, SourceTest> {
        Box::pin(async move {
            self.check().await?;
            let ask = self.post(format!("sources/{}/test", encoded(name))).long();
            let mut lines = Lines::of(self, ask.open().await?);
            let mut current: Option<String> = None;
            while let Some(line) = lines.next::<Value>().await? {
                match step(self, line)? {
                    Step::Check(step) => {
                        let Checked { database: Some(database), check, .. } = *step else { continue };
                        let key = format!("{}.{}", database.source, database.database);
                        if current.as_ref() != Some(&key) {
                            report(SourceTestEvent::Database(&database));
                            current = Some(key);
                        }
                        report(SourceTestEvent::Check(&database, &check));
                    }
                    Step::Result(result) => return answer::of_value(self, result),
                }
            }
            Err(broken_off(self))
        })
    }

    /// Tests destinations, step by step.
    pub fn test_destinations<'a>(
        &'a self,
        request: &'a DestinationTestRequest,
        mut report: impl FnMut(DestinationTestEvent<'_>) + Send + 'a,
    ) -> Answer<'a, DestinationTest> {
        Box::pin(async move {
            self.check().await?;
            let mut names = request.names.clone();
            if names.is_empty() {
                let all: All<DestinationDocument> = self.get("destinations").document().await?;
                names = all.items.into_iter().map(|of| of.destination).collect();
            }
            let mut tested: Vec<Value> = Vec::new();
            for name in &names {
                let ask = self.post(format!("destinations/{}/test", encoded(name))).long();
                let ask = ask.body(json!({ "send": request.send }));
                let mut lines = Lines::of(self, ask.open().await?);
                let (mut is_first, mut result) = (true, None);
                while let Some(line) = lines.next::<Value>().await? {
                    match step(self, line)? {
                        Step::Check(step) => {
                            let Checked { destination: Some(name), kind: Some(kind), check, .. } = *step
                            else {
                                continue;
                            };
                            if std::mem::take(&mut is_first) {
                                report(DestinationTestEvent::Destination(&name, &kind));
                            }
                            report(DestinationTestEvent::Check(&name, &kind, &check));
                        }
                        Step::Result(found) => result = Some(found),
                    }
                }
                let result = result.ok_or_else(|| broken_off(self))?;
                tested.extend(result["destinations"].as_array().cloned().unwrap_or_default());
            }
            let ok = tested.iter().all(|tested| tested["ok"] == true);
            let all = json!({ "format_version": FORMAT_VERSION, "ok": ok, "destinations": tested });
            answer::of_value(self, all)
        })
    }

    /// The secrets, without their values.
    pub fn secrets<'a>(&'a self) -> Answer<'a, SecretList> {
        self.read("secrets")
    }

    /// Keeps a secret.
    pub fn set_secret<'a>(
        &'a self,
        request: &'a SetSecretRequest,
        _: &'a Caller,
    ) -> Answer<'a, SecretChange> {
        Box::pin(async move {
            self.check().await?;
            let ask = self.ask(Method::PUT, format!("secrets/{}", encoded(&request.name)));
            ask.body(json!({ "value": request.value.expose() })).long().document().await
        })
    }

    /// Removes a secret.
    pub fn remove_secret<'a>(
        &'a self,
        request: &'a RemoveSecretRequest,
        _: &'a Caller,
    ) -> Answer<'a, SecretChange> {
        Box::pin(async move {
            self.check().await?;
            self.ask(Method::DELETE, format!("secrets/{}", encoded(&request.name))).document().await
        })
    }

    /// Encrypts all secrets again under another key.
    pub fn rotate_secrets<'a>(&'a self, _: bool, _: &'a Caller) -> Answer<'a, Rotation> {
        self.done("secrets/rotate")
    }

    /// Decrypts each secret.
    pub fn check_secrets<'a>(&'a self) -> Answer<'a, SecretCheck> {
        self.done("secrets/check")
    }

    /// What is at this path.
    fn read<'a, T: serde::de::DeserializeOwned + 'a>(&'a self, path: &'static str) -> Answer<'a, T> {
        Box::pin(async move {
            self.check().await?;
            self.get(path).document().await
        })
    }

    /// What this path does, without options.
    fn done<'a, T: serde::de::DeserializeOwned + 'a>(&'a self, path: &'static str) -> Answer<'a, T> {
        Box::pin(async move {
            self.check().await?;
            self.post(path).long().document().await
        })
    }
}

/// A line of a test.
enum Step {
    Check(Box<Checked>),
    Result(Value),
}

/// A step of a test, and what it is about.
#[derive(Deserialize)]
struct Checked {
    database: Option<DatabaseDocument>,
    destination: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    check: CheckDocument,
}

fn step(server: &Server, mut line: Value) -> Result<Step, Errors> {
    if let Some(problem) = line.get_mut("problem") {
        return Err(problem::errors(server.url(), problem.take()));
    }
    match line.get_mut("result") {
        Some(result) => Ok(Step::Result(result.take())),
        None => Ok(Step::Check(Box::new(answer::of_value(server, line)?))),
    }
}

fn broken_off(server: &Server) -> Errors {
    crate::server::not_an_outflow(server.url(), "the test has no result").into()
}
