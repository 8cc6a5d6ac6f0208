//! Arguments of commands about the audit log.

use clap::{Args, Subcommand};
use outflow_app::SeenEntry;

/// `outflow audit`
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// List who changed what, and when
    List(AuditList),
    /// Check that the log is what was written: nothing changed, removed, swapped or cut off
    Verify(AuditVerify),
    /// Print the whole log, the oldest entry first, one JSON document a line
    Export,
}

/// `outflow audit list`
#[derive(Debug, Args)]
pub struct AuditList {
    /// Only what was done to this, or to what begins with it: sync/users, secret/
    #[arg(long, value_name = "SUBJECT")]
    pub subject: Option<String>,
    /// Only what this actor did
    #[arg(long, value_name = "NAME")]
    pub actor: Option<String>,
    /// Only this, or what begins with it: sync.pause, secret.
    #[arg(long, value_name = "ACTION")]
    pub action: Option<String>,
    /// Only from this time on: 2026-01-31, 2026-01-31T09:00:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// How many, the newest first; 0 for all
    #[arg(long, short = 'n', default_value_t = 20)]
    pub limit: u64,
}

/// `outflow audit verify`
#[derive(Debug, Args)]
pub struct AuditVerify {
    /// An entry that an earlier check printed, kept elsewhere: it must still be there. May be
    /// given several times
    #[arg(long, value_name = "NUMBER:HASH", value_parser = seen)]
    pub seen: Vec<SeenEntry>,
}

fn seen(text: &str) -> Result<SeenEntry, String> {
    SeenEntry::parse(text).ok_or_else(|| "write NUMBER:HASH, as `outflow audit verify` prints it".to_owned())
}
