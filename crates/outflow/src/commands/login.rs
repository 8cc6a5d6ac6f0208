//! `outflow login` and `outflow logout`: the token for a server.

use std::net::IpAddr;

use outflow_app::{Errors, FORMAT_VERSION};
use outflow_client::{Server, ServerOptions};
use outflow_core::{Code, Error, Secret};
use serde_json::json;

use crate::cli::{Common, ServerUrl};
use crate::exit::Exit;
use crate::front::Front;
use crate::output::Printer;
use crate::{hidden, servers};

/// A longer text is no token.
const LONGEST: usize = 4 << 10;
/// In place of what `outflow login` has kept.
const TOKEN: &str = "OUTFLOW_TOKEN";

/// Asks for the token, has the server say whose it is, and keeps it.
pub async fn login(common: &Common, args: &ServerUrl, printer: Printer) -> Result<Exit, Errors> {
    let read = tokio::task::spawn_blocking(|| hidden::read("the token", LONGEST));
    let token = read.await.map_err(hidden::broken_off)??;
    if token.expose().is_empty() {
        return Err(Error::new(Code::InvalidValue, "there is no token on stdin").into());
    }
    let server = server_of(&args.url, token.clone(), common)?;
    if goes_in_the_clear(server.url()) {
        printer.say("warning: with http:// the token goes over the network as it is");
    }
    let me = server.me().await?;
    let file = servers::keep(server.url(), &token)?;
    let document = json!({
        "format_version": FORMAT_VERSION, "server": server.url(), "kind": me.kind, "name": me.name,
        "permissions": me.permissions,
    });
    printer.document(&document, |_| format!("signed in to {} as {} {}\n", server.url(), me.kind, me.name));
    printer.say(&format!("the token is kept in {}", file.display()));
    Ok(Exit::Done)
}

/// Whether others between here and the server can read a token.
fn goes_in_the_clear(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let host = match rest.split_once(']') {
        Some((address, _)) => address.trim_start_matches('['),
        None => rest.split([':', '/']).next().unwrap_or(rest),
    };
    host != "localhost" && !host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Forgets the token. It stays valid until it is revoked.
pub fn logout(args: &ServerUrl, printer: Printer) -> Result<Exit, Errors> {
    let url = args.url.trim().trim_end_matches('/');
    let was_kept = servers::forget(url)?;
    let document = json!({ "format_version": FORMAT_VERSION, "server": url, "was_kept": was_kept });
    printer.document(&document, |_| match was_kept {
        true => format!("the token for {url} is forgotten here; it is valid until it is revoked\n"),
        false => format!("no token for {url} is kept here\n"),
    });
    Ok(Exit::Done)
}

/// The server that the options name, with the token for it.
pub fn front(url: &str, common: &Common) -> Result<Front, Error> {
    let here = [
        (common.project.is_some(), "--project (OUTFLOW_PROJECT)"),
        (common.state.is_some(), "--state (OUTFLOW_STATE)"),
        (common.target.is_some(), "--target (OUTFLOW_TARGET)"),
    ];
    if let Some((_, option)) = here.into_iter().find(|(is_given, _)| *is_given) {
        let message = format!("--server (OUTFLOW_SERVER) and {option} are two different places");
        return Err(Error::new(Code::ConflictingOptions, message)
            .help("leave one of them out: the server has a project and a state of its own"));
    }
    let kept = url.trim().trim_end_matches('/');
    let token = match std::env::var(TOKEN).ok().filter(|token| !token.is_empty()) {
        Some(token) => Some(Secret::new(token)),
        None => servers::token(kept)?,
    };
    let none = || {
        Error::new(Code::NoServerToken, "there is no token for the server")
            .at(kept)
            .help(format!("`outflow login {kept}` asks for one, or set {TOKEN}"))
    };
    Ok(Front::There(server_of(url, token.ok_or_else(none)?, common)?))
}

fn server_of(url: &str, token: Secret, common: &Common) -> Result<Server, Error> {
    Server::new(ServerOptions { url: url.to_owned(), token, ca: common.ca.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_plain_http_is_warned_of_unless_it_stays_on_the_machine() {
        for (url, is_read) in [
            ("http://outflow.example", true),
            ("http://10.0.0.1:8080", true),
            ("http://localhost.example", true),
            ("https://outflow.example", false),
            ("http://127.0.0.1:8080", false),
            ("http://localhost:8080", false),
            ("http://[::1]:8080", false),
        ] {
            assert_eq!(goes_in_the_clear(url), is_read, "{url}");
        }
    }
}
