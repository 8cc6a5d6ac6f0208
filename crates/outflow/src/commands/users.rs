//! `outflow users`: the people who may sign in.

use std::io::{BufRead as _, Read as _};

use outflow_app::Errors;
use outflow_app::people::{
    NewUser, NewUserRequest, Permissions, Role, UserChangeRequest, UserDocument, UserEntry,
};
use outflow_core::{Code, Error, Secret};
use serde_json::json;

use super::tokens::role;
use crate::cli::{CreateUser, PasswordArgs, Users};
use crate::exit::Exit;
use crate::front::Front;
use crate::output::{Printer, counted, table, time};
use crate::progress;

/// A line that is longer is no password.
const LINE: u64 = 4096;

/// Does what was typed behind `users`.
pub async fn users(front: &Front, command: &Users, printer: Printer) -> Result<Exit, Errors> {
    let (name, to, no_wait, what) = match command {
        Users::Create(args) => return create(front, args, printer).await,
        Users::List => return list(front, printer).await,
        Users::SignOut(args) => return sign_out(front, &args.name, printer).await,
        Users::SetRole(args) => {
            let is = format!("is {} now", role(args.role).name());
            (&args.name, NewUser::Role(role(args.role)), args.no_wait, is)
        }
        Users::Disable(args) => (&args.name, NewUser::Disabled, args.no_wait, "is disabled".to_owned()),
        Users::Enable(args) => (&args.name, NewUser::Enabled, args.no_wait, "may sign in again".to_owned()),
        Users::ResetPassword(args) => {
            let password = NewUser::Password(given(&args.password)?);
            (&args.name, password, args.password.no_wait, "has another password".to_owned())
        }
    };
    // Whoever can write to the state can do everything.
    let within = Permissions::of(Role::Admin);
    let request = UserChangeRequest { name: name.clone(), to, within, wait: !no_wait };
    let changed = front.change_user(&request, &progress::caller(printer)).await?;
    show(&changed, &what, printer);
    Ok(Exit::Done)
}

async fn create(front: &Front, args: &CreateUser, printer: Printer) -> Result<Exit, Errors> {
    let request = NewUserRequest {
        name: args.name.clone(),
        role: role(args.role),
        password: given(&args.password)?,
        within: Permissions::of(Role::Admin),
        wait: !args.password.no_wait,
    };
    let made = front.create_user(&request, &progress::caller(printer)).await?;
    show(&made, &format!("is made, as {}", role(args.role).name()), printer);
    Ok(Exit::Done)
}

/// A password that Outflow made goes to stdout alone, so that it can be piped to where it belongs.
fn show(document: &UserDocument, what: &str, printer: Printer) {
    let UserEntry { name, .. } = &document.user;
    printer.document(document, |document| match &document.password {
        Some(password) => format!("{}\n", password.expose()),
        None => format!("the user {name} {what}\n"),
    });
    if document.password.is_some() && printer.is_table() && !printer.is_quiet() {
        printer.say(&format!("the user {name} {what}; the password is shown this once"));
    }
}

async fn list(front: &Front, printer: Printer) -> Result<Exit, Errors> {
    let list = front.users().await?;
    if printer.is_ndjson() {
        list.users.iter().for_each(|user| printer.document(user, |_| String::new()));
        return Ok(Exit::Done);
    }
    printer.document(&list, |list| match list.users.as_slice() {
        [] => "there are no users; `outflow users create NAME --role admin` makes the first one\n".to_owned(),
        users => {
            let rows: Vec<_> = users.iter().map(row).collect();
            table(&["name", "role", "signs in with", "made", "disabled since"], &rows)
        }
    });
    Ok(Exit::Done)
}

fn row(user: &UserEntry) -> Vec<String> {
    let with = match (&user.provider, user.has_password) {
        (None, true) => "password".to_owned(),
        (Some(provider), false) => provider.clone(),
        (Some(provider), true) => format!("password, {provider}"),
        (None, false) => "nothing".to_owned(),
    };
    let disabled = user.disabled_at.map_or_else(String::new, time);
    vec![user.name.clone(), user.role.name().to_owned(), with, time(user.created_at), disabled]
}

async fn sign_out(front: &Front, name: &str, printer: Printer) -> Result<Exit, Errors> {
    let ended = front.end_sessions(name, None).await?;
    let document = json!({ "format_version": outflow_app::FORMAT_VERSION, "user": name, "ended": ended });
    printer.document(&document, |_| format!("{} of {name} ended\n", counted(ended, "session")));
    Ok(Exit::Done)
}

/// The password from stdin, if it is to be read there.
fn given(args: &PasswordArgs) -> Result<Option<Secret>, Error> {
    if !args.password_stdin {
        return Ok(None);
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().take(LINE).read_line(&mut line);
    read.map_err(|e| Error::new(Code::InvalidValue, "no password can be read from stdin").caused_by(e))?;
    Ok(Some(Secret::new(line.trim_end_matches(['\n', '\r']))))
}
