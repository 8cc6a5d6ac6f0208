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
        NextStep::BackfillSince { destination, sync, since } => {
            format!(
                "`outflow backfill {destination} --sync {sync} --since {since}` sends what the query gives since then, also what has arrived"
            )
        }
        NextStep::Cancel { destination } => {
            format!("`outflow cancel {destination}` gives them up")
        }
        NextStep::RunWithSecondIds { sync, full, since, limit, destination } => {
            let mut command = format!("outflow run {sync}");
            if *full {
                command += " --full";
            }
            for (option, value) in [
                ("since", since.map(|since| since.to_string())),
                ("limit", limit.map(|limit| limit.to_string())),
                ("destination", destination.clone()),
            ] {
                command += &value.map(|value| format!(" --{option} {value}")).unwrap_or_default();
            }
            format!("`{command} --yes` sends them under other ids")
        }
        NextStep::BackfillWithSecondIds { sync, destination, since } => format!(
            "`outflow backfill {destination} --sync {sync} --since {since} --yes` sends them under other ids"
        ),
        NextStep::VerifyAll => "`outflow verify --all` checks the whole state".to_owned(),
        NextStep::Approve { run } => format!("`outflow approve {run}` delivers it"),
        NextStep::Reject { run } => format!("`outflow reject {run}` drops it"),
    }
}

/// What helps with every error of a code.
pub fn of_code(code: Code, message: &str) -> Option<&'static str> {
    match code {
        Code::UnknownTypeComparedWithNumber => {
            Some("`outflow validate --connect` looks at the column's type")
        }
        // A limit that is meant for a look; an order is none.
        Code::OrderOrLimit if !message.starts_with("ORDER BY") => Some(
            "`outflow run NAME --limit N` and `outflow preview` read only some rows without moving last_sync_time",
        ),
        _ => None,
    }
}

/// What helps with the reason of a delivery.
pub fn of_reason(code: Code, destination: &str) -> Option<String> {
    match code {
        Code::DestinationSkipped => {
            Some(format!("`outflow backfill {destination}` sends what it misses at once"))
        }
        Code::DestinationPaused => {
            Some(format!("`outflow resume {destination}` has what waits for it delivered"))
        }
        Code::GapQueryFailed => Some("`outflow explain E123` says what can be done".to_owned()),
        Code::DestinationRemoved => Some(of_step(&NextStep::Cancel { destination: destination.to_owned() })),
        _ => None,
    }
}

/// What to look at when a destination has stopped.
pub const fn of_stop(code: Code) -> Option<&'static str> {
    match code {
        Code::DestinationAuthFailed => Some(
            "Check `write_key` (of a webhook, `headers`): whether it is the right one, of the right kind and for the right \
                 region, and may do this",
        ),
        Code::DestinationAddressWrong => Some(
            "Check its address: `base_url` and `region`, of a webhook `url`, of RudderStack `data_plane_url`; redirects \
                 are not followed",
        ),
        Code::DestinationAnswerInvalid => Some(
            "Check its address, and whether a proxy or a log-in page is in between: `outflow explain D017` shows how",
        ),
        Code::SyncRefused => Some("Check at the service whether the key may send this type of call"),
        Code::MostCallsRefused => {
            Some("`outflow dead-letters RUN` shows what it says; the query or a setting there is wrong")
        }
        _ => None,
    }
}

/// What helps with an alert.
pub fn of_alert(alert: &AlertDocument) -> Option<String> {
    match alert.code? {
        Code::CountsDiffer => Some("`outflow verify RUN` recounts it".to_owned()),
        code => of_reason(code, alert.subject.rsplit_once(" to ")?.1),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use outflow_core::{RunId, Timestamp};

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_command_of_a_hint_can_be_typed() {
        let (sync, destination, run) = ("users".to_owned(), "audit".to_owned(), RunId(7));
        let steps = [
            NextStep::ListRuns,
            NextStep::Validate,
            NextStep::PrintSetupSql,
            NextStep::PreviewCalls { sync: sync.clone() },
            NextStep::Run { sync: sync.clone() },
            NextStep::RunFull { sync: sync.clone() },
            NextStep::RunSince { sync: sync.clone() },
            NextStep::RunWithSecondIds {
                sync: sync.clone(),
                full: false,
                since: Some(Timestamp::UNIX_EPOCH),
                limit: Some(3),
                destination: Some(destination.clone()),
            },
            NextStep::RunWithSecondIds {
                sync: sync.clone(),
                full: true,
                since: None,
                limit: None,
                destination: None,
            },
            NextStep::BackfillWithSecondIds {
                sync: sync.clone(),
                destination: destination.clone(),
                since: Timestamp::UNIX_EPOCH,
            },
            NextStep::BackfillSince { destination: destination.clone(), sync, since: "0".to_owned() },
            NextStep::Backfill { destination: destination.clone() },
            NextStep::Cancel { destination: destination.clone() },
            NextStep::VerifyAll,
            NextStep::Approve { run },
            NextStep::Reject { run },
        ];
        let mut texts: Vec<String> = steps.iter().map(of_step).collect();
        texts.extend(Code::ALL.iter().filter_map(|code| of_code(*code, "")).map(str::to_owned));
        texts.extend(Code::ALL.iter().filter_map(|code| of_stop(*code)).map(str::to_owned));
        texts.extend(of_reason(Code::DestinationSkipped, &destination));
        texts.extend(of_reason(Code::DestinationRemoved, &destination));
        texts.extend(of_reason(Code::DestinationPaused, &destination));
        assert!(texts.len() > steps.len() + 2, "{texts:?}");
        for text in &texts {
            // What else is quoted is a setting.
            let quoted = text.split('`').skip(1).step_by(2);
            for command in quoted.filter(|quoted| quoted.starts_with("outflow ")) {
                let values = command.replace("--limit N", "--limit 1").replace("setup-sql", "setup-sql shop");
                let values = if values.ends_with("preview") { values + " users" } else { values };
                assert!(Cli::try_parse_from(values.split(' ')).is_ok(), "{command}");
            }
        }
    }
}
