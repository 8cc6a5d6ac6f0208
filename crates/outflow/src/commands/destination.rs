//! `outflow destination`: whether destinations can be reached, and whether they take our key.

use outflow_app::{CheckDocument, DestinationTestEvent, DestinationTestRequest, Errors, FORMAT_VERSION};
use serde::Serialize;

use super::source::show;
use crate::cli::{Destination, DestinationTest};
use crate::exit::Exit;
use crate::front::Front;
use crate::output::Printer;

/// Does what was typed behind `destination`.
pub async fn destination(front: &Front, command: &Destination, printer: Printer) -> Result<Exit, Errors> {
    match command {
        Destination::Test(args) => test(front, args, printer).await,
    }
}

/// A line of `ndjson`: one step of one destination.
#[derive(Serialize)]
struct Line<'a> {
    format_version: u32,
    destination: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(flatten)]
    check: &'a CheckDocument,
}

/// Tests each destination and prints the steps as they end.
async fn test(front: &Front, args: &DestinationTest, printer: Printer) -> Result<Exit, Errors> {
    let listener = |event: DestinationTestEvent<'_>| match event {
        DestinationTestEvent::Destination(name, kind) if printer.is_table() && !printer.is_quiet() => {
            printer.text(&format!("{name}  {kind}\n"));
        }
        DestinationTestEvent::Check(_, _, check) if printer.is_table() => show(check, printer),
        DestinationTestEvent::Check(destination, kind, check) if printer.is_ndjson() => {
            let line = Line { format_version: FORMAT_VERSION, destination, kind, check };
            printer.document(&line, |_| String::new());
        }
        _ => {}
    };
    let request = DestinationTestRequest { names: args.names.clone(), send: args.send };
    let test = front.test_destinations(&request, listener).await?;
    if test.destinations.is_empty() {
        printer.say("the project has no destination");
    }
    if !printer.is_ndjson() {
        printer.document(&test, |_| String::new());
    }
    let problems = test.destinations.iter().flat_map(|tested| &tested.checks).flat_map(|c| &c.problems);
    Ok(problems.filter(|e| !e.code().is_warning()).map(Exit::of).fold(Exit::Done, Exit::or))
}
