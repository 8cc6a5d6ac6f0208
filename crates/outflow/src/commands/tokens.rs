//! `outflow tokens`: the tokens of programs that use the API.

use outflow_app::Errors;
use outflow_app::people::{NewTokenRequest, Permissions, RevokeTokenRequest, Role, TokenEntry};

use crate::cli::{CreateToken, RevokeToken, Tokens, UserRole};
use crate::exit::Exit;
use crate::front::Front;
use crate::output::{Printer, table, time};
use crate::progress;

/// Does what was typed behind `tokens`.
pub async fn tokens(front: &Front, command: &Tokens, printer: Printer) -> Result<Exit, Errors> {
    match command {
        Tokens::Create(args) => create(front, args, printer).await,
        Tokens::List => list(front, printer).await,
        Tokens::Revoke(args) => revoke(front, args, printer).await,
    }
}

/// The role of that name on the command line.
pub fn role(typed: UserRole) -> Role {
    match typed {
        UserRole::Viewer => Role::Viewer,
        UserRole::Member => Role::Member,
        UserRole::Admin => Role::Admin,
    }
}

/// The token goes to stdout alone, so that it can be piped to where it belongs.
async fn create(front: &Front, args: &CreateToken, printer: Printer) -> Result<Exit, Errors> {
    let request = NewTokenRequest {
        name: args.name.clone(),
        role: args.role.map(role),
        permissions: args.permissions.clone(),
        expires_after: args.expires.0,
        // Whoever can write to the state can do everything.
        within: Permissions::of(Role::Admin),
        wait: !args.no_wait,
    };
    let made = front.create_token(&request, &progress::caller(printer)).await?;
    printer.document(&made, |made| format!("{}\n", made.secret.expose()));
    if printer.is_table() && !printer.is_quiet() {
        let TokenEntry { id, expires_at, .. } = &made.entry;
        let until = expires_at.map_or_else(|| "has no end".to_owned(), |at| format!("ends at {}", time(at)));
        printer.say(&format!("the token {id} {until}; it is shown this once: keep it as a secret"));
    }
    Ok(Exit::Done)
}

async fn list(front: &Front, printer: Printer) -> Result<Exit, Errors> {
    let list = front.tokens().await?;
    if printer.is_ndjson() {
        list.tokens.iter().for_each(|token| printer.document(token, |_| String::new()));
        return Ok(Exit::Done);
    }
    printer.document(&list, |list| match list.tokens.as_slice() {
        [] => "there are no tokens; `outflow tokens create NAME --role member` makes one\n".to_owned(),
        tokens => {
            let rows: Vec<_> = tokens.iter().map(row).collect();
            table(&["id", "name", "may", "state", "made by", "made", "ends", "last used"], &rows)
        }
    });
    Ok(Exit::Done)
}

fn row(token: &TokenEntry) -> Vec<String> {
    let may = match (token.role, &token.permissions) {
        (Some(role), _) => role.name().to_owned(),
        (None, permissions) => permissions.clone().unwrap_or_default().join(" "),
    };
    vec![
        token.id.clone(),
        token.name.clone(),
        may,
        token.state.to_string(),
        token.created_by.clone(),
        time(token.created_at),
        token.expires_at.map_or_else(|| "never".to_owned(), time),
        token.last_used_at.map_or_else(|| "never".to_owned(), time),
    ]
}

async fn revoke(front: &Front, args: &RevokeToken, printer: Printer) -> Result<Exit, Errors> {
    let request = RevokeTokenRequest { token: args.token.clone(), wait: !args.no_wait };
    let revoked = front.revoke_token(&request, &progress::caller(printer)).await?;
    printer.document(&revoked, |token| format!("the token {} ({}) is revoked\n", token.id, token.name));
    Ok(Exit::Done)
}
