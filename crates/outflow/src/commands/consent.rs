//! Asking a person before events go out under second ids.

use std::io::IsTerminal as _;

use outflow_app::Errors;
use outflow_core::Code;

use crate::output::Printer;

/// Whether nothing but second ids was refused, and a person at the terminal allows them.
pub fn allows_second_ids(Errors(refused): &Errors, printer: Printer) -> bool {
    let is_all = refused.iter().all(|error| error.code() == Code::SecondIds);
    if !is_all || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return false;
    }
    refused.iter().for_each(|error| printer.say(error.message()));
    printer.say("send them? [y/N]");
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
