//! Arguments of commands that say who may use the service.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::values::duration;

/// `outflow tokens`
#[derive(Debug, Subcommand)]
pub enum Tokens {
    /// Make a token for a program that uses the API; it is shown once
    Create(CreateToken),
    /// List the tokens: what each may do, when it ends, and when it was last used
    List,
    /// Revoke a token: it counts for nothing from then on
    Revoke(RevokeToken),
}

/// `outflow tokens create`
#[derive(Debug, Args)]
pub struct CreateToken {
    /// What it is for
    pub name: String,
    /// It may do all that this role may
    #[arg(long, value_enum, conflicts_with = "permissions", required_unless_present = "permissions")]
    pub role: Option<UserRole>,
    /// It may do this alone, such as runs.start; can be repeated
    #[arg(long = "permission", value_name = "PERMISSION")]
    pub permissions: Vec<String>,
    /// It ends after this time; `never`: it has no end
    #[arg(long, value_name = "DURATION", default_value = "365d", value_parser = expiry)]
    pub expires: Expiry,
    /// Exit with 7 if another process holds the state and takes no requests, instead of waiting
    #[arg(long)]
    pub no_wait: bool,
}

/// `outflow tokens revoke`
#[derive(Debug, Args)]
pub struct RevokeToken {
    /// Its id, tok_…, or the token itself
    pub token: String,
    /// Exit with 7 if another process holds the state and takes no requests, instead of waiting
    #[arg(long)]
    pub no_wait: bool,
}

/// What a person or a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UserRole {
    /// Sees how syncs and runs are doing, and no value of a row
    Viewer,
    /// Reads and changes sources, destinations and syncs, and sees rows
    Member,
    /// Does everything: people, tokens, secrets and settings, too
    Admin,
}

/// After which time something ends; `None`: it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry(pub Option<Duration>);

fn expiry(text: &str) -> Result<Expiry, String> {
    if text == "never" {
        return Ok(Expiry(None));
    }
    duration(text).map(|after| Expiry(Some(after))).map_err(|why| format!("{why}, or never"))
}

/// `outflow users`
#[derive(Debug, Subcommand)]
pub enum Users {
    /// Make a user; without --password-stdin Outflow makes a password and shows it once
    Create(CreateUser),
    /// List the users with their roles
    List,
    /// Give a user another role; their sessions end
    SetRole(SetRole),
    /// Let a user not sign in any more; their sessions end. API tokens that they made stay
    Disable(NamedUser),
    /// Let a user sign in again
    Enable(NamedUser),
    /// Give a user another password; their sessions end
    ResetPassword(ResetPassword),
    /// End all sessions of a user
    SignOut(NamedUser),
}

/// `outflow users create`
#[derive(Debug, Args)]
pub struct CreateUser {
    /// The name that they sign in with, such as their address
    pub name: String,
    /// What they may do
    #[arg(long, value_enum)]
    pub role: UserRole,
    #[command(flatten)]
    pub password: PasswordArgs,
}

/// `outflow users set-role`
#[derive(Debug, Args)]
pub struct SetRole {
    /// The user
    pub name: String,
    /// What they may do from now on
    #[arg(value_enum)]
    pub role: UserRole,
    /// Exit with 7 if another process holds the state and takes no requests, instead of waiting
    #[arg(long)]
    pub no_wait: bool,
}

/// A user.
#[derive(Debug, Args)]
pub struct NamedUser {
    /// The user
    pub name: String,
    /// Exit with 7 if another process holds the state and takes no requests, instead of waiting
    #[arg(long)]
    pub no_wait: bool,
}

/// `outflow users reset-password`
#[derive(Debug, Args)]
pub struct ResetPassword {
    /// The user
    pub name: String,
    #[command(flatten)]
    pub password: PasswordArgs,
}

/// From where a password comes.
#[derive(Debug, Args)]
pub struct PasswordArgs {
    /// Read the password from stdin, up to the end of its first line
    #[arg(long)]
    pub password_stdin: bool,
    /// Exit with 7 if another process holds the state and takes no requests, instead of waiting
    #[arg(long)]
    pub no_wait: bool,
}

/// `outflow login` and `outflow logout`
#[derive(Debug, Args)]
pub struct ServerUrl {
    /// The address of `outflow serve --listen`, such as https://outflow.example:8443
    pub url: String,
}
