//! What differs between the kinds of server: one table with a column for each.

use outflow_core::Dialect;

use crate::tls::TlsMode;

/// A kind of server that speaks wire protocol 3.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServerKind {
    /// Amazon Redshift.
    Redshift,
    /// PostgreSQL.
    Postgres,
}

/// The facts of one kind.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The value of `type`.
    pub name: &'static str,
    pub dialect: Dialect,

    // Settings.
    pub port: u16,
    pub tls: TlsMode,
    /// A login without `iam` needs a password.
    pub needs_password: bool,
    pub has_iam: bool,

    // Sessions.
    /// Asks for the server's time.
    pub clock: &'static str,
    /// The zone of the answer, where the answer does not hold it.
    pub clock_zone: &'static str,
    /// Half the resolution of the answer, in seconds.
    pub clock_error: f64,
    /// What decides on texts, besides what decides on all servers.
    pub exact_texts: &'static [&'static str],
    /// The setting with which a backslash in a plain string is a character like any other, where
    /// there is one.
    pub plain_strings: Option<&'static str>,
    /// The setting that shows a statement's label in the server's own lists.
    pub label: &'static str,
    /// Begins a transaction whose statements all see one snapshot.
    pub begin_snapshot: &'static str,
    /// The most rows of a portal that may be fetched at a time.
    pub fetch: u64,
    /// A server of this kind can be a read replica.
    pub has_replicas: bool,

    // Service accounts.
    /// The end of CREATE USER, and why.
    pub account_limits: Option<(&'static str, &'static str)>,
    /// Sessions can begin read-only, and connecting is a right of its own.
    pub restricts_sessions: bool,
}

const REDSHIFT: Facts = Facts {
    name: "redshift",
    dialect: Dialect::Redshift,
    port: 5439,
    tls: TlsMode::VerifyFull,
    needs_password: true,
    has_iam: true,
    // GETDATE() returns whole seconds, to which `last_sync_time` is rounded down anyway.
    clock: "SELECT GETDATE()",
    clock_zone: "Z",
    clock_error: 0.5,
    exact_texts: &[],
    // A backslash always escapes.
    plain_strings: None,
    label: "query_group",
    // Transactions see one snapshot, whatever level they ask for.
    begin_snapshot: "BEGIN READ ONLY",
    // A cluster with a single node refuses to give more.
    fetch: 1000,
    has_replicas: false,
    // Ten: four syncs side by side, their cancellations, and a person who tests. An hour: no
    // session of Outflow is idle for longer.
    account_limits: Some((
        " CONNECTION LIMIT 10 SESSION TIMEOUT 3600",
        "\nIt may hold 10 connections, and a session that is idle for an hour ends.",
    )),
    restricts_sessions: false,
};

const POSTGRES: Facts = Facts {
    name: "postgres",
    dialect: Dialect::Postgres,
    port: 5432,
    tls: TlsMode::Prefer,
    needs_password: false,
    has_iam: false,
    clock: "SELECT clock_timestamp()",
    clock_zone: "",
    clock_error: 0.0,
    exact_texts: &["SET bytea_output TO 'hex'", "SET intervalstyle TO 'postgres'"],
    plain_strings: Some("standard_conforming_strings"),
    label: "application_name",
    begin_snapshot: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    fetch: i32::MAX as u64,
    has_replicas: true,
    account_limits: None,
    restricts_sessions: true,
};

impl ServerKind {
    pub(crate) const fn facts(self) -> &'static Facts {
        match self {
            Self::Redshift => &REDSHIFT,
            Self::Postgres => &POSTGRES,
        }
    }
}
