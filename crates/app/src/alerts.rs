//! What is wrong now, and whether receivers of alerts can be reached.

use outflow_core::clock::earlier;
use outflow_core::ports::state::{Gap, StateReader};
use outflow_core::ports::watch::AlertRecord;
use outflow_core::{BoxFuture, Clock as _, Code, Error, SystemClock, Timestamp};
use outflow_engine::serve::alert::{
    LEFT_OUT, RUN_LOST, SLOTS_SKIPPED, UNFILLABLE, WINDOW, slots_skipped, unfillable,
};
use outflow_engine::{Errors, FORMAT_VERSION, LeftOutDocument, MissingDocument};
use outflow_telemetry::alerts::Note;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::control::Request;
use crate::{App, Caller, wiring};

/// The alerts that fire.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AlertList {
    format_version: u32,
    /// The alerts.
    pub alerts: Vec<AlertDocument>,
}

/// One alert.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AlertDocument {
    format_version: u32,
    /// The kind of trouble.
    pub alert: String,
    /// What it is about: a sync, a destination, both, or the disk.
    pub subject: String,
    /// The code that fits best.
    pub code: Option<Code>,
    /// What is wrong.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
    /// A receiver has it.
    pub reported: bool,
}

impl From<AlertRecord> for AlertDocument {
    fn from(record: AlertRecord) -> Self {
        let AlertRecord { kind, subject, code, message, since, reported, .. } = record;
        Self { format_version: FORMAT_VERSION, alert: kind, subject, code, message, since, reported }
    }
}

/// What came of a test alert.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AlertTest {
    format_version: u32,
    /// The project's receivers.
    pub receivers: Vec<ReceiverTest>,
}

/// What came of a test alert at one receiver.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReceiverTest {
    /// The receiver.
    pub receiver: String,
    /// It has the alert.
    pub reported: bool,
    /// Why not.
    pub error: Option<Error>,
}

/// Who receives alerts.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ReceiverList {
    format_version: u32,
    /// The receivers, as far as they hold no secret: the host of a webhook, recipients of mail.
    pub receivers: Vec<String>,
}

impl App {
    /// Who receives alerts.
    ///
    /// # Errors
    /// Problems of the project.
    pub fn receivers<'a>(&'a self) -> BoxFuture<'a, Result<ReceiverList, Errors>> {
        Box::pin(async move {
            let receivers = wiring::receivers(&*self.look_at_project().await?);
            let receivers = receivers.into_iter().map(|receiver| receiver.name).collect();
            Ok(ReceiverList { format_version: FORMAT_VERSION, receivers })
        })
    }

    /// Sends a test alert to every receiver of the project, once, side by side. It is in the audit
    /// log before.
    pub fn test_alerts<'a>(&'a self, caller: &'a Caller) -> BoxFuture<'a, Result<AlertTest, Errors>> {
        Box::pin(async move {
            let receivers = wiring::receivers(&self.load().await?);
            if !receivers.is_empty() {
                self.record(Request::TestAlerts, caller).await?;
            }
            let note = Note::test(SystemClock.now());
            let mut tasks = JoinSet::new();
            for (n, receiver) in receivers.into_iter().enumerate() {
                let note = note.clone();
                tasks.spawn(async move {
                    let sent = receiver.send(&note).await;
                    let error = sent.err().map(|e| e.at(format!("receiver {}", receiver.name)));
                    (n, ReceiverTest { receiver: receiver.name, reported: error.is_none(), error })
                });
            }
            let mut tests = tasks.join_all().await;
            tests.sort_by_key(|(n, _)| *n);
            let receivers = tests.into_iter().map(|(_, test)| test).collect();
            Ok(AlertTest { format_version: FORMAT_VERSION, receivers })
        })
    }

    /// The alerts that fire.
    pub fn alerts<'a>(&'a self) -> BoxFuture<'a, Result<AlertList, Errors>> {
        Box::pin(async move {
            let alerts = match self.is_new().await? {
                true => Vec::new(),
                false => firing(&*self.reader().await?.state).await?,
            };
            Ok(AlertList { format_version: FORMAT_VERSION, alerts })
        })
    }
}

/// The state has the numbers with which an alert about skipped slots began.
async fn count_slots_again(state: &dyn StateReader, firing: &mut [AlertDocument]) -> Result<(), Error> {
    if !firing.iter().any(|alert| alert.alert == SLOTS_SKIPPED) {
        return Ok(());
    }
    let now = SystemClock.now();
    for standing in state.standings(earlier(now, WINDOW), now).await? {
        let is_its = |a: &&mut AlertDocument| a.alert == SLOTS_SKIPPED && a.subject == standing.sync;
        if let Some(alert) = firing.iter_mut().find(is_its) {
            alert.message = slots_skipped(&standing);
        }
    }
    Ok(())
}

/// The alerts that fire. What is missing at a destination is one even before a `serve` has seen it.
pub(crate) async fn firing(state: &dyn StateReader) -> Result<Vec<AlertDocument>, Error> {
    firing_of(state, state.alerts().await?, &state.open_gaps().await?).await
}

/// As [`firing`], of alerts and gaps that were read before.
pub(crate) async fn firing_of(
    state: &dyn StateReader,
    alerts: Vec<AlertRecord>,
    gaps: &[Gap],
) -> Result<Vec<AlertDocument>, Error> {
    let all = alerts.into_iter();
    let mut firing: Vec<_> = all.filter(|a| a.recovered_at.is_none()).map(AlertDocument::from).collect();
    count_slots_again(state, &mut firing).await?;
    let mut add = |kind: &str, subject: String, code, message, since| {
        if !firing.iter().any(|a| a.alert == kind && a.subject == subject) {
            let (format_version, alert) = (FORMAT_VERSION, kind.to_owned());
            let code = Some(code);
            firing.push(AlertDocument {
                format_version,
                alert,
                subject,
                code,
                message,
                since,
                reported: false,
            });
        }
    };
    for left_out in LeftOutDocument::of(gaps) {
        let subject = format!("{} to {}", left_out.sync, left_out.destination);
        add(LEFT_OUT, subject, Code::DestinationSkipped, left_out.sentence(), left_out.since);
    }
    for gap in gaps.iter().filter(|gap| gap.reason.is_some()) {
        let (sync, destination) = (&gap.missing.sync, &gap.missing.destination);
        let (subject, message) = (format!("{sync} to {destination}"), unfillable(sync, destination));
        add(UNFILLABLE, subject, Code::GapQueryFailed, message, gap.missing.opened_at);
    }
    for missing in gaps.iter().filter(|gap| gap.is_lost()).cloned().map(MissingDocument::from) {
        let subject = format!("{} to {}", missing.sync, missing.destination);
        add(RUN_LOST, subject, Code::RunLost, missing.sentence(), missing.since);
    }
    Ok(firing)
}

#[cfg(test)]
mod tests {
    use outflow_core::ports::state::{NewRun, StateStore as _};
    use outflow_core::run::{RunOptions, RunSpec, RunTrigger};
    use outflow_core::{CallType, Guards};
    use outflow_state::SqliteStore;

    use super::*;

    /// A slot of `users` that is skipped now.
    fn slot() -> NewRun {
        NewRun {
            sync: "users".to_owned(),
            call_type: CallType::Identify,
            trigger: RunTrigger::Schedule,
            spec: RunSpec {
                source: "shop.main".to_owned(),
                query: "SELECT 1".to_owned(),
                connections: Vec::new(),
                options: RunOptions::default(),
                guards: Guards::default(),
                ids: Default::default(),
                skipped: Vec::new(),
            },
            due_at: SystemClock.now(),
            started_at: SystemClock.now(),
        }
    }

    #[tokio::test]
    async fn an_alert_about_skipped_slots_has_the_numbers_of_now() {
        let dir = tempfile::tempdir().unwrap();
        let state = SqliteStore::new(dir.path()).claim(None).await.unwrap();
        let alert = AlertRecord {
            kind: SLOTS_SKIPPED.to_owned(),
            subject: "users".to_owned(),
            code: Some(Code::ManySlotsSkipped),
            message: "2 of the 5 slots of users in the last 24 hours were skipped".to_owned(),
            since: SystemClock.now(),
            recovered_at: None,
            reported: true,
        };
        state.put_alerts(&[alert]).await.unwrap();
        for _ in 0..7 {
            state.skip_run(&slot(), None, &(Code::RunInProgress, "busy".to_owned())).await.unwrap();
        }
        let shown = firing(&*state).await.unwrap();
        assert_eq!(shown[0].message, "7 of the 7 slots of users in the last 24 hours were skipped");
        assert!(state.alerts().await.unwrap()[0].message.starts_with("2 of the 5"), "nothing is written");
    }
}
