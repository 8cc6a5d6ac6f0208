//! Errors on demand, worded as Redshift words them.
//!
//! Redshift's own errors have the SQLSTATE XX000; what happened stands in a numeric code in the
//! many lines of the detail, or in the message alone.

use super::report::Report;

/// A failure. Those of a login strike when a client logs in; all others strike a query that reads a
/// table, when it is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Login: 28000 (not 28P01), also what expired temporary credentials get. Observed.
    BadPassword,
    /// Login: over the 500 connections of a cluster. The text is observed, its SQLSTATE 53300
    /// inferred.
    ConnectionLimit,
    /// Code 1016 in the detail. The code is inferred.
    DiskFull,
    /// Code 1020 in the detail: the queue's time-out, or an administrator. Observed.
    WlmAbort,
    /// A query monitoring rule. Observed.
    QmrAbort,
    /// Code 1023, message `1023`. Observed.
    SerializableConflict,
    /// A table was changed by another transaction. Observed.
    ConcurrentConflict,
    /// A table was rebuilt while the query ran. Observed.
    RebuiltTable,
    /// Missing rights that surface as an internal error. Observed.
    PermissionXX000,
    /// EXTRACT(epoch) beyond 32 bits. Observed.
    EpochOverflow,
    /// The results of all cursors exceed what the leader node holds. Observed.
    CursorCap,
    /// The query is cancelled on the user's or the administrator's word. Documented.
    Cancelled,
    /// The session is ended: 57P01 and then the end of the connection. Inferred.
    Terminated,
}

impl Failure {
    /// Whether it strikes when a client logs in.
    pub(super) fn at_login(self) -> bool {
        matches!(self, Failure::BadPassword | Failure::ConnectionLimit)
    }

    pub(super) fn report(self, user: &str, query: u64) -> Report {
        match self {
            Failure::BadPassword => bad_password(user),
            Failure::ConnectionLimit => {
                Report::fatal("53300", "connection limit \"500\" exceeded for non-bootstrap users")
            }
            Failure::DiskFull => internal("Disk Full", 1016, "node: 0", query, "fdisk_api.cpp:457"),
            Failure::WlmAbort => {
                internal("Query aborted.", 1020, "system requested abort", query, "query_abort.cpp:94")
            }
            Failure::QmrAbort => Report::error(
                "XX000",
                format!(
                    "Query ({query}) cancelled by WLM abort action of Query Monitoring Rule \"limit_rows\"."
                ),
            ),
            Failure::SerializableConflict => {
                let context = format!(
                    "Serializable isolation violation on table - 104862, transactions forming the cycle are: {query}, {} (pid:4711)",
                    query + 3
                );
                let report = internal("1023", 1023, &context, query, "xen_execute.cpp:9187");
                Report { message: "1023".to_owned(), ..report }
            }
            Failure::ConcurrentConflict => {
                Report::error("XX000", "could not complete because of conflict with concurrent transaction")
            }
            Failure::RebuiltTable => Report::error("XX000", "could not open relation with OID 104862"),
            Failure::PermissionXX000 => Report::error("XX000", "permission denied for schema reporting"),
            Failure::EpochOverflow => internal(
                "Overflow or underflow for DATEPART/EXTRACT 'epoch'",
                8001,
                "EXTRACT",
                query,
                "funcs_timestamp.cpp:301",
            ),
            Failure::CursorCap => Report::error(
                "XX000",
                "exceeded the maximum size allowed for the total set of cursor data: 8000MB.",
            ),
            Failure::Cancelled => Report::cancelled(query),
            Failure::Terminated => terminated(),
        }
    }
}

/// The same text for a wrong password, an unknown user, and temporary credentials without TLS.
pub(super) fn bad_password(user: &str) -> Report {
    Report::fatal("28000", format!("password authentication failed for user \"{user}\""))
}

pub(super) fn terminated() -> Report {
    Report::fatal("57P01", "terminating connection due to administrator command")
}

/// What the first statement gets after a serverless session was restored.
pub(super) fn restored() -> Report {
    Report::error("57014", "Query cancelled.").with(b'R', "NFTSetupSessionStateOnRestore")
}

/// An internal error, with the block that Redshift puts into the detail.
fn internal(message: &str, code: u32, context: &str, query: u64, location: &str) -> Report {
    let rule = "-".repeat(47);
    let detail = format!(
        "\n  {rule}\n  error:  {message}\n  code:      {code}\n  context:   {context}\n  query:     {query}\n  location:  {location}\n  \
         process:   query0_117_{query} [pid=31072]\n  {rule}\n"
    );
    Report::error("XX000", message).with(b'D', detail)
}
