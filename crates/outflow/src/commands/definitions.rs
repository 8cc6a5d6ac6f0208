//! `outflow rename`, `export`, `plan` and `apply`: what the server owns of the project.

use std::io::IsTerminal as _;

use outflow_app::{
    Errors, KeyDifference, PlanDocument, PlanRequest, PlannedAction, PlannedChange, RenameDocument,
};
use outflow_core::{Code, Error};
use serde_json::Value;

use crate::cli::{Apply, Plan, Rename};
use crate::exit::Exit;
use crate::front::Front;
use crate::output::{Paint, Printer};
use crate::progress;

/// Gives a sync another name.
pub async fn rename(front: &Front, command: &Rename, printer: Printer) -> Result<Exit, Errors> {
    let Rename::Sync(args) = command;
    let renamed = front.rename_sync(&args.old, &args.new, !args.no_wait, &progress::caller(printer)).await?;
    printer.document(&renamed, |RenameDocument { from, to, .. }| {
        format!("sync {from} is {to} now, and goes on where it was\n")
    });
    Ok(Exit::Done)
}

/// Prints the project as one file.
pub async fn export(front: &Front, printer: Printer) -> Result<Exit, Errors> {
    printer.text(&front.export().await?);
    Ok(Exit::Done)
}

/// Prints what would change.
pub async fn plan(front: &Front, args: &Plan, printer: Printer) -> Result<Exit, Errors> {
    let request = PlanRequest { folder: args.folder.clone(), prune: args.prune };
    let planned = front.plan(&request).await?;
    let plan = planned.document();
    show(plan, printer);
    Ok(if args.detailed_exitcode && !plan.is_empty() { Exit::Changes } else { Exit::Done })
}

/// Makes the changes, if a person wants them.
pub async fn apply(front: &Front, args: &Apply, printer: Printer) -> Result<Exit, Errors> {
    let request = PlanRequest { folder: args.folder.clone(), prune: args.prune };
    let planned = front.plan(&request).await?;
    let plan = planned.document();
    if printer.is_table() {
        show(plan, printer);
    }
    if !plan.is_empty() && !args.yes && !agrees(printer)? {
        printer.say("nothing was changed");
        return Ok(Exit::Done);
    }
    let applied = front.apply(&planned, !args.no_wait, &progress::caller(printer)).await?;
    printer.document(&applied, |applied| match applied.definitions.len() {
        0 => String::new(),
        1 => "1 definition is changed\n".to_owned(),
        n => format!("{n} definitions are changed\n"),
    });
    Ok(Exit::Done)
}

/// Asks. Without a terminal, a yes has to be given on the command line.
fn agrees(printer: Printer) -> Result<bool, Errors> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        let message = "there is no terminal on which to ask whether these changes are to be made";
        return Err(Error::new(Code::ConflictingOptions, message).help("give --yes").into());
    }
    printer.say("make these changes? [y/N]");
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    Ok(read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn show(plan: &PlanDocument, printer: Printer) {
    printer.document(plan, |plan| {
        let mut text: String = plan.changes.iter().map(|change| lines(change, printer)).collect();
        for id in &plan.left_alone {
            text += &format!("  {id} is not in the project and stays; --prune removes it\n");
        }
        text += &match plan.changes.len() {
            0 => format!("nothing to change; {} definitions are as they are to be\n", plan.unchanged),
            n => format!("{n} to change, {} as they are to be\n", plan.unchanged),
        };
        text
    });
}

fn lines(PlannedChange { id, action, keys, .. }: &PlannedChange, printer: Printer) -> String {
    let (sign, paint) = match action {
        PlannedAction::Create => ("+", Paint::Green),
        PlannedAction::Update => ("~", Paint::Yellow),
        PlannedAction::Delete => ("-", Paint::Red),
    };
    let mut text = printer.paint_text(paint, &format!("{sign} {id}")) + "\n";
    // What is removed is shown by its name alone.
    let keys = keys.iter().filter(|_| *action != PlannedAction::Delete);
    for KeyDifference { key, before, after } in keys {
        let key = if key.is_empty() { "(all)" } else { key };
        for (sign, paint, value) in [("-", Paint::Red, before), ("+", Paint::Green, after)] {
            let shown = value.as_ref().map(|value| value_lines(sign, key, value));
            text += &shown.map(|shown| printer.paint_text(paint, &shown) + "\n").unwrap_or_default();
        }
    }
    text
}

/// `    + key: value`, a text of several lines below its key.
fn value_lines(sign: &str, key: &str, value: &Value) -> String {
    match value {
        Value::String(text) if text.contains('\n') => {
            let lines = text.lines().map(|line| format!("\n    {sign}   {line}"));
            format!("    {sign} {key}:{}", lines.collect::<String>())
        }
        Value::String(text) => format!("    {sign} {key}: {text}"),
        value => format!("    {sign} {key}: {value}"),
    }
}
