//! Arguments of commands about secrets.

use clap::{Args, Subcommand};

/// `outflow secrets`
#[derive(Debug, Subcommand)]
pub enum Secrets {
    /// Keep a secret: its value is asked for, or read from stdin, and never an argument
    Set(SecretSet),
    /// List the secrets, without their values
    List,
    /// Remove a secret that nothing refers to
    Remove(SecretName),
    /// Encrypt all secrets again under another key
    Rotate(SecretRotate),
    /// Decrypt each secret, and see whether each reference has one
    Check,
}

/// `outflow secrets set`
#[derive(Debug, Args)]
pub struct SecretSet {
    #[command(flatten)]
    pub secret: SecretName,
}

/// Which secret.
#[derive(Debug, Args)]
pub struct SecretName {
    /// The secret's name: what stands in ${secret:NAME}
    pub name: String,
    /// Exit with 7 if another process holds the state and takes no requests, instead of waiting
    #[arg(long)]
    pub no_wait: bool,
}

/// `outflow secrets rotate`
#[derive(Debug, Args)]
pub struct SecretRotate {
    /// Exit with 7 if another process holds the state and takes no requests, instead of waiting
    #[arg(long)]
    pub no_wait: bool,
}
