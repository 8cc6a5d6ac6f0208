//! `outflow demo --once`: two rounds of every sync, and the story of what they did.

use std::path::Path;
use std::time::Duration;

use outflow_app::{
    App, Caller, Errors, RejectedRequest, RunDocument, RunName, RunOutcome, RunRequest, Selection,
};
use outflow_core::{Clock as _, Code, Error, SystemClock};
use serde_json::json;

use super::{Stage, data, receiver};
use crate::commands::outcome::{exit_of, people};
use crate::exit::Exit;
use crate::output::{Paint, Printer, count, plain, short};

/// Runs every sync, changes the shop, runs every sync again, and says what happened.
pub(super) async fn two_rounds(stage: &Stage, caller: &Caller, printer: Printer) -> Result<Exit, Errors> {
    let began = SystemClock.now();
    let mut rounds = vec![round(&stage.app, caller, printer, 1).await?];
    // The changes carry a time that the first round cannot have seen yet.
    let at = SystemClock.now().as_second().max(began.as_second() + 1);
    let changed = stage.with_shop(move |path| data::change(path, at, 2)).await?;
    printer.say(&format!("\nin the meantime {} rows of the shop changed or came in", count(changed)));
    rounds.push(round(&stage.app, caller, printer, 2).await?);

    let seen = stage.receiver.seen();
    let document = json!({ "format_version": outflow_app::FORMAT_VERSION, "rounds": rounds });
    let reasons = match reasons(&stage.app, &rounds).await {
        Ok(reasons) => reasons,
        Err(errors) => errors.0.iter().map(|e| format!("{e}\n")).collect(),
    };
    printer.document(&document, |_| story(printer, &reasons, &rounds, &seen, &stage.folder));
    if !seen.wrong.is_empty() {
        let what = format!("the receiver found fault with what arrived: {}", seen.wrong.join("; "));
        return Err(Error::new(Code::CountsDiffer, what).into());
    }
    Ok(rounds.iter().flatten().map(demo_exit).fold(Exit::Done, Exit::or))
}

/// The demo's bad rows are there on purpose, so rejecting them is a success.
fn demo_exit(document: &RunDocument) -> Exit {
    match exit_of(document) {
        Exit::WithLosses => Exit::Done,
        other => other,
    }
}

/// Every sync of the project, one after the other.
async fn round(
    app: &App,
    caller: &Caller,
    printer: Printer,
    number: u32,
) -> Result<Vec<RunDocument>, Errors> {
    printer.say(&format!("\nround {number}"));
    let delivery_timeout = Duration::from_secs(60);
    let request = RunRequest { delivery_timeout, parallel: 1, ..RunRequest::new(Selection::Enabled) };
    let mut documents = Vec::new();
    for outcome in app.run(&request, caller).await? {
        match outcome {
            RunOutcome::Ran(document) => documents.push(*document),
            RunOutcome::Failed { errors, .. } => return Err(errors),
            RunOutcome::Queued { .. } | RunOutcome::Skipped { .. } => {}
        }
    }
    Ok(documents)
}

/// What happened, for someone who sees Outflow for the first time.
fn story(
    printer: Printer,
    reasons: &str,
    rounds: &[Vec<RunDocument>],
    seen: &receiver::Seen,
    dir: &Path,
) -> String {
    let bold = |text: &str| printer.paint(Paint::Bold, text);
    let mut text = String::new();
    for (i, documents) in rounds.iter().enumerate() {
        let what = if i == 0 { "everything" } else { "only what changed since the round before" };
        text += &format!("\n{}\n", bold(&format!("Round {}: {what}", i + 1)));
        text += &people(&documents.iter().collect::<Vec<_>>());
    }
    text += &format!("\n{}\n", bold("Rows that could not become a call, and why"));
    text += reasons;
    text += &format!("\n{}\n", bold("What the receiver saw"));
    text += &format!(
        "{} calls in {} requests, {} distinct message ids, {} calls it had to find fault with\n",
        count(seen.calls),
        count(seen.requests),
        count(seen.distinct),
        seen.wrong.len()
    );
    let all = rounds.iter().flatten();
    let closed =
        all.clone().all(|d| d.rows.closed() && d.destinations.iter().all(|(_, x)| x.counts.closed()));
    let runs = all.count();
    text += &format!(
        "In each of the {runs} runs: read = calls + rejected + unchanged, and at each destination \
         calls = delivered + dead letters + filtered + pending: {}\n",
        if closed { "yes" } else { "NO" }
    );
    let dir = dir.display();
    text += &format!("\n{}\n", bold("Your turn"));
    text += &format!(
        "The project is in {dir}: outflow.yaml, the six queries, the shop, and what the file destination got. Try\n  \
         outflow --project {dir} runs\n  \
         outflow --project {dir} verify people\n  \
         outflow --project {dir} rejected 1\n  \
         outflow --project {dir} preview purchases --calls --since first\n\
         For your own Redshift, change two places in {dir}/outflow.yaml: the source (an example stands in its comments) and \
         the write key;\ntake the base_url line out. Then: outflow --project {dir} validate\n"
    );
    text
}

/// The rejected rows of the first round.
async fn reasons(app: &App, rounds: &[Vec<RunDocument>]) -> Result<String, Errors> {
    let mut text = String::new();
    for document in rounds.first().into_iter().flatten().filter(|d| d.rows.rejected > 0) {
        let run = RunName::Number(document.run);
        let request = RejectedRequest { run, limit: 3, ..RejectedRequest::default() };
        let mut rejected = app.rejected(&request).await?;
        loop {
            let page = rejected.next().await?;
            if page.is_empty() {
                break;
            }
            for r in page {
                let reason = short(&plain(&r.reason), 150);
                text += &format!("{}, row {}: {} {reason}\n", document.sync, count(r.ordinal + 1), r.code);
            }
        }
    }
    Ok(text)
}
