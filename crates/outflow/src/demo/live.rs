//! The demo as it goes on: the page and the API on loopback, a user who is signed in by a link, and
//! a shop whose rows keep changing.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outflow_app::people::{NewUserRequest, Permissions, Role};
use outflow_app::{Caller, Errors, Event, ServeRequest};
use outflow_core::Secret;
use tokio::sync::mpsc;

use super::files::{self, Pace};
use super::{Stage, data, now_s};
use crate::output::Printer;

/// The demo's page is here, unless somebody else is.
const PORT: u16 = 7788;
/// Rows change this often.
const CHANGES: Duration = Duration::from_secs(10);
/// The demo's user.
const USER: &str = "demo";

/// Serves until the caller stops it.
///
/// # Errors
/// Those of `outflow serve`.
pub(super) async fn serve(
    stage: &Stage,
    listen: Option<SocketAddr>,
    caller: &Caller,
    printer: Printer,
) -> Result<(), Errors> {
    files::write_project(&stage.folder, stage.receiver.address(), Pace::Live)?;
    let password = user(stage, caller).await?;
    let code = stage.app.make_sign_in_link(USER)?;
    let welcome = Mutex::new(Some(code));
    let listener = Arc::new(move |event: Event<'_>| {
        if let Event::Listening(address) = event
            && let Some(code) = welcome.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            printer.say(&welcome_text(address, &code, &password));
        }
    });
    let front_end = Arc::new(outflow_server::Server::new());
    let listen = Some(listen.unwrap_or_else(free_address));
    let request = ServeRequest { wait: false, metrics: None, listen, front_end: Some(front_end) };
    // Kept open: a closed one would say that reloading has ended.
    let (_reload, reloads) = mpsc::channel(1);
    let serving = Caller { stop: caller.stop.clone(), listener };
    let changing = keep_changing(stage);
    tokio::select! {
        ended = stage.app.serve(request, reloads, &serving) => ended,
        ended = changing => ended,
    }
}

/// Makes the demo's user, an administrator, and says the password.
async fn user(stage: &Stage, caller: &Caller) -> Result<Secret, Errors> {
    let request = NewUserRequest {
        name: USER.to_owned(),
        role: Role::Admin,
        password: None,
        within: Permissions::of(Role::Admin),
        wait: false,
    };
    let made = stage.app.create_user(&request, caller).await?;
    Ok(made.password.unwrap_or_default())
}

/// Changes rows for ever.
async fn keep_changing(stage: &Stage) -> Result<(), Errors> {
    let mut round = 1_000;
    loop {
        tokio::time::sleep(CHANGES).await;
        let at = now_s();
        round += 1;
        stage.with_shop(move |path| data::change(path, at, round)).await?;
    }
}

/// The demo's own port, or any other that is free.
fn free_address() -> SocketAddr {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    match TcpListener::bind(usual) {
        Ok(_) => usual,
        Err(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
    }
}

fn welcome_text(address: SocketAddr, code: &Secret, password: &Secret) -> String {
    let (code, password) = (code.expose(), password.expose());
    format!(
        "rows keep changing and syncs keep running until Ctrl-C\n\
         the link below signs you in, once; later sign in as {USER} with the password {password}\n\
         http://{address}/login#code={code}"
    )
}
