//! `outflow audit`: who changed what, and whether the log of it is what was written.

use outflow_app::{AuditDocument, AuditFilter, AuditRequest, AuditVerification, Errors};
use outflow_project::when;

use crate::cli::{Audit, AuditList, AuditVerify};
use crate::exit::Exit;
use crate::front::Front;
use crate::output::{Printer, Stream, count, counted, pages, short, table, time};

const NOTHING: &str = "nobody has changed anything yet\n";

/// Lists, checks or exports.
pub async fn audit(front: &Front, command: &Audit, printer: Printer) -> Result<Exit, Errors> {
    if front.is_new().await? {
        match command {
            Audit::List(_) | Audit::Verify(_) if printer.is_table() => printer.text(NOTHING),
            Audit::List(_) => Stream::list(printer).end(),
            _ => {}
        }
        return Ok(Exit::Done);
    }
    match command {
        Audit::List(args) => list(front, args, printer).await,
        Audit::Verify(args) => verify(front, args, printer).await,
        Audit::Export => export(front, printer).await,
    }
}

async fn list(front: &Front, args: &AuditList, printer: Printer) -> Result<Exit, Errors> {
    let AuditList { subject, actor, action, since, until, limit } = args;
    let (actor, action, subject) = (actor.clone(), action.clone(), subject.clone());
    let time = |text: &Option<String>| text.as_deref().map(when::parse).transpose();
    let (since, until) = (time(since)?, time(until)?);
    let filter = AuditFilter { after: 0, actor, action, subject, since, until };
    let mut list = front.audit(&AuditRequest { filter, before: None, limit: *limit }).await?;
    pages(printer, async || list.next().await, people).await?;
    Ok(Exit::Done)
}

fn people(entries: &[AuditDocument]) -> String {
    if entries.is_empty() {
        return "no entry is so\n".to_owned();
    }
    let row = |e: &AuditDocument| {
        let who = match &e.actor.address {
            Some(address) => format!("{} from {address}", e.actor),
            None => e.actor.to_string(),
        };
        let result = match e.code {
            Some(code) => format!("{} {code}", e.result),
            None => e.result.to_string(),
        };
        let how = e.after.as_ref().map(|after| short(after.get(), 60)).unwrap_or_default();
        vec![count(e.number), time(e.at), who, e.action.clone(), e.subject.clone(), result, how]
    };
    let head = ["entry", "at", "who", "action", "subject", "result", "how"];
    table(&head, &entries.iter().map(row).collect::<Vec<_>>())
}

async fn verify(front: &Front, args: &AuditVerify, printer: Printer) -> Result<Exit, Errors> {
    let found = front.verify_audit(&args.seen).await?;
    printer.document(&found, text);
    Ok(if found.problems.is_empty() { Exit::Done } else { Exit::Failed })
}

fn text(found: &AuditVerification) -> String {
    let AuditVerification { entries, last, last_hash, problems, .. } = found;
    let entries = match entries {
        1 => "1 entry".to_owned(),
        entries => format!("{} entries", count(*entries)),
    };
    let mut text = format!("{entries}; keep elsewhere what the last one is: {last}:{last_hash}\n");
    for problem in problems {
        text += &format!("error: {problem}\n");
    }
    match problems.len() {
        0 => text + "the log is what was written\n",
        wrong => text + &format!("{}\n", counted(wrong as u64, "problem")),
    }
}

async fn export(front: &Front, printer: Printer) -> Result<Exit, Errors> {
    let mut list = front.export_audit().await?;
    loop {
        let page = list.next().await?;
        if page.is_empty() {
            return Ok(Exit::Done);
        }
        let lines = page.iter().map(|entry| serde_json::to_string(entry).unwrap_or_default() + "\n");
        printer.text(&lines.collect::<String>());
    }
}
