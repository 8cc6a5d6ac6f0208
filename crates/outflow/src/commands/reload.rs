//! `outflow reload`: the running `outflow serve` reads the project again.

use outflow_app::Errors;

use crate::exit::Exit;
use crate::front::Front;
use crate::output::Printer;

/// Asks for it. That nothing serves the project is no error: the next command reads it anyway.
pub async fn reload(front: &Front, printer: Printer) -> Result<Exit, Errors> {
    let reloaded = front.reload().await?;
    let said = if reloaded {
        "reloaded: the running outflow serve has the project as its files say now"
    } else {
        "nothing serves this project: the next command reads its files anyway"
    };
    printer.say(said);
    Ok(Exit::Done)
}
