//! Which command does what helps: the only place that turns a fact of the layers below into a
//! command line.

use outflow_app::AlertDocument;
use outflow_core::{Code, NextStep};

/// The command for a next step, and what it does.
pub fn of_step(step: &NextStep) -> String {
    match step {
        NextStep::ListRuns => "`outflow runs` lists the runs".to_owned(),
        NextStep::Validate => "`outflow validate` checks the project without its databases".to_owned(),
        NextStep::PrintSetupSql => "`outflow source setup-sql` prints the statements".to_owned(),
        NextStep::PreviewCalls { sync } => {
            format!("`outflow preview {sync} --calls --limit 100` shows the reasons")
        }
        NextStep::Run { sync } => format!("`outflow run {sync}` finishes it"),
        NextStep::RunFull { sync } => format!("`outflow run {sync} --full` sends everything"),
        NextStep::RunSince { sync } => format!("`outflow run {sync} --since T` reads the rows again"),
        NextStep::Backfill { destination } => {
            format!("`outflow backfill {destination}` sends it what came before")
        }
        NextStep::Approve { run } => format!("`outflow approve {run}` delivers it"),
        NextStep::Reject { run } => format!("`outflow reject {run}` drops it"),
    }
}

/// What helps with every error of a code.
pub fn of_code(code: Code) -> Option<&'static str> {
    match code {
        Code::UnknownTypeComparedWithNumber => {
            Some("`outflow validate --connect` looks at the column's type")
        }
        Code::OrderOrLimit => Some(
            "`outflow run NAME --limit N` and `outflow preview` read only some rows without moving last_sync_time",
        ),
        _ => None,
    }
}

/// What helps with the reason of a delivery.
pub fn of_reason(code: Code, destination: &str) -> Option<String> {
    (code == Code::DestinationSkipped)
        .then(|| format!("`outflow backfill {destination}` sends what it misses"))
}

/// What helps with an alert.
pub fn of_alert(alert: &AlertDocument) -> Option<String> {
    match alert.code? {
        Code::CountsDiffer => Some("`outflow verify RUN` recounts it".to_owned()),
        code => of_reason(code, alert.subject.rsplit_once(" to ")?.1),
    }
}
