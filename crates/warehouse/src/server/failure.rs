//! ErrorResponse: what the server says went wrong, as a coded error with its fix.
//!
//! SQLSTATEs decide, and where Redshift uses one for many things (28000 for a wrong password, XX000
//! for anything), the words of the message do.
//!
//! What always holds: the server's own words, its hint included, are [quoted](Error::quoting) and
//! so are in no log, because any of them may quote a row (`RAISE`, the error of a function). The
//! server's Detail is left out everywhere, and so are the values that messages about bad data
//! quote. What it does not do: decide on retries.

use std::fmt;

use outflow_core::{Code, Error, steers_terminal};

use super::kind::ServerKind;

/// A message of the server longer than this is cut.
const LONGEST: usize = 1000;

/// The fields of an ErrorResponse that we use.
#[derive(Default)]
struct Report<'a> {
    state: &'a str,
    message: String,
    detail: String,
    hint: String,
    routine: String,
    position: Option<usize>,
}

/// The error in the body of an ErrorResponse. Its position, if it has one, counts in `sql`.
#[cold]
pub(crate) fn of(body: &[u8], sql: &str, kind: Option<ServerKind>) -> Error {
    let report = Report::read(body);
    let code = report.code();
    let message = match report.state {
        "" => code.title().to_owned(),
        state => format!("{} (SQLSTATE {state})", code.title()),
    };
    let mut error = Error::new(code, message).quoting(report.words());
    let named = report.named().and_then(|name| place_of(sql, name));
    let position = report.position.filter(|_| !sql.is_empty());
    if let Some(position) = position.or(named.map(|named| named.position)) {
        let (line, column) = line_and_column(sql, position);
        error = error.at(format!("line {line}, column {column} of the query"));
    }
    if report.is_waking() {
        error = error.caused_by(Waking);
    }
    let in_quotes = named.is_some_and(|named| named.in_quotes);
    match report.help(code, kind, in_quotes) {
        "" => error,
        help => error.help(help),
    }
}

/// The same error from a server that was asked for TLS and has none: then it is not the missing
/// encryption that it refuses.
pub(crate) fn of_server_without_tls(error: Error) -> Error {
    if error.code() != Code::TlsRequired {
        return error;
    }
    let quoted = error.quoted().map(|words| words.reveal().to_owned()).unwrap_or_default();
    Error::new(Code::NotOnAllowList, Code::NotOnAllowList.title()).quoting(quoted).help(NOT_LISTED)
}

const NOT_LISTED: &str = "let the server accept this machine, user and database";

/// The cause of an error that passes by itself: a serverless Redshift wakes and has cancelled the
/// first statement.
#[derive(Debug)]
pub(crate) struct Waking;

impl fmt::Display for Waking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the workgroup is waking up")
    }
}

impl std::error::Error for Waking {}

impl Waking {
    /// Whether that is why.
    pub fn is_behind(error: &Error) -> bool {
        std::error::Error::source(error).is_some_and(|cause| cause.is::<Waking>())
    }
}

impl<'a> Report<'a> {
    fn read(body: &'a [u8]) -> Self {
        let mut report = Self::default();
        for field in body.split(|&byte| byte == 0) {
            let Some((kind, text)) = field.split_first() else { continue };
            match kind {
                b'C' if text.is_ascii() => {
                    report.state = std::str::from_utf8(text).unwrap_or_default();
                }
                b'M' => report.message = clean(text),
                b'D' => report.detail = clean(text),
                b'H' => report.hint = clean(text),
                b'R' => report.routine = clean(text),
                b'P' => {
                    report.position = std::str::from_utf8(text).ok().and_then(|digits| digits.parse().ok())
                }
                _ => {}
            }
        }
        if report.state.len() != 5 || !report.state.bytes().all(|b| b.is_ascii_alphanumeric()) {
            report.state = "";
        }
        // Class 22 is bad data, and its messages quote the value.
        if report.state.starts_with("22") {
            report.message = without_quoted(&report.message);
        }
        // Redshift reports a conflict of transactions by its number alone.
        if report.message == "1023" {
            report.message = "Serializable isolation violation on table".into();
        }
        if report.message.is_empty() {
            report.message = "the server reported an error without a message".into();
        }
        report
    }

    fn code(&self) -> Code {
        let says = |words: &str| self.message.contains(words);
        match self.state {
            "28P01" | "28000" if says("pg_hba.conf") && self.is_unencrypted() => Code::TlsRequired,
            "28P01" | "28000" if says("pg_hba.conf") => Code::NotOnAllowList,
            "28P01" | "28000" | "08P01" | "08004" | "XX000" | "" if self.demands_tls() => Code::TlsRequired,
            "28P01" | "28000" => Code::SourceAuthFailed,
            "3D000" => Code::UnknownDatabase,
            "42501" => Code::PermissionDenied,
            "42P01" | "42703" | "3F000" => Code::UnknownTableOrColumn,
            "42601" if says("multiple commands") => Code::MultipleStatements,
            "42601" => Code::SyntaxError,
            "25006" => Code::QueryNotReadOnly,
            "57014" if self.is_waking() => Code::SourceUnavailable,
            "57014" => Code::StatementCancelled,
            "57P01" | "57P02" | "57P03" | "53300" => Code::SourceUnavailable,
            // Redshift does not always say more than XX000.
            _ if says("permission denied for") => Code::PermissionDenied,
            _ if says("connection limit") => Code::SourceUnavailable,
            _ if says("cancelled by WLM") || self.detail.contains("system requested abort") => {
                Code::StatementCancelled
            }
            _ => Code::DatabaseError,
        }
    }

    /// PostgreSQL and Redshift say of each connection that they refuse whether it is encrypted.
    fn is_unencrypted(&self) -> bool {
        self.message.ends_with("SSL off") || self.message.ends_with("no encryption")
    }

    /// Poolers and services have words of their own for it.
    fn demands_tls(&self) -> bool {
        let words = self.message.to_ascii_lowercase();
        [
            "connection is insecure",
            "ssl required",
            "ssl is required",
            "ssl connection is required",
            "requires ssl",
            "tls required",
            "sslmode=require",
        ]
        .iter()
        .any(|phrase| words.contains(phrase))
    }

    /// What the server says, with its hint and Redshift's own number.
    fn words(&self) -> String {
        let mut words = self.message.clone();
        if let Some(number) = self.internal().filter(|number| *number != self.message) {
            words += &format!(" (Redshift's code {number})");
        }
        if !self.hint.is_empty() {
            words += &format!(". The server's hint: {}", self.hint);
        }
        words
    }

    /// The column or table that the server does not know, as it writes it.
    fn named(&self) -> Option<&str> {
        let (kind, rest) = self.message.split_once(' ')?;
        let name = rest.strip_suffix(" does not exist")?;
        let is_known = matches!(self.state, "42P01" | "42703" | "3F000" | "XX000" | "");
        (is_known && matches!(kind, "column" | "relation" | "schema")).then(|| name.trim_matches('"'))
    }

    fn help(&self, code: Code, kind: Option<ServerKind>, in_quotes: bool) -> &'static str {
        match code {
            Code::SourceAuthFailed if kind == Some(ServerKind::Postgres) => "check user and password",
            Code::UnknownDatabase if kind == Some(ServerKind::Postgres) => {
                "check `database`: SELECT datname FROM pg_database names those that there are"
            }
            Code::SyntaxError => {
                "look at this place and just before it: mostly a comma or a parenthesis is missing, or one too many"
            }
            Code::UnknownTableOrColumn if in_quotes && self.message.starts_with("column") => {
                "double quotes hold the name of a column: if a text is meant, put it in single quotes"
            }
            Code::UnknownTableOrColumn if self.message.starts_with("schema") => {
                "check the spelling of the schema: SELECT nspname FROM pg_namespace names those that there are"
            }
            Code::UnknownTableOrColumn
                if self.message.starts_with("relation") && self.named().is_some_and(|n| n.contains('.')) =>
            {
                "check the spelling of the schema and of the table: the schema has no such table, or there is no such schema"
            }
            Code::UnknownTableOrColumn if self.message.starts_with("column") => {
                "check the spelling of the column"
            }
            Code::SourceAuthFailed => {
                "check user and password; temporary (IAM) passwords expire within the hour"
            }
            Code::UnknownDatabase => "check `database`; Redshift's first database is usually called dev",
            Code::PermissionDenied => "grant this user USAGE on the schema and SELECT on the table",
            Code::UnknownTableOrColumn => {
                "check the spelling and write schema.table; this user's search_path may differ from yours"
            }
            Code::StatementCancelled => {
                "raise the time-out, or make the query faster; in Redshift, a workload queue's rule or an administrator may have ended it"
            }
            Code::SourceUnavailable => {
                "the server is starting, stopping, or out of connections: try again in a minute"
            }
            Code::NotOnAllowList => NOT_LISTED,
            Code::TlsRequired => {
                "use `ssl: verify-full` (or `ssl: require`, which does not check who answers); if it refuses the encrypted connection, too, its \
                 allow-list does not have this machine, user and database"
            }
            Code::QueryNotReadOnly => {
                "the query runs in a read-only transaction: it must be a SELECT that changes nothing"
            }
            Code::MultipleStatements => "write one statement in each query",
            Code::DatabaseError => self.help_for_others(),
            _ => "",
        }
    }

    /// A serverless Redshift that wakes cancels the first statement from this routine.
    fn is_waking(&self) -> bool {
        self.state == "57014" && self.routine.starts_with("NFTSetupSessionState")
    }

    /// The number that Redshift gives its own errors, in the many lines of the detail. The rest of
    /// the detail may quote rows.
    fn internal(&self) -> Option<&str> {
        let (_, rest) = self.detail.split_once("code:")?;
        let number = rest.trim_start().split(|c: char| !c.is_ascii_digit()).next()?;
        (!number.is_empty() && number.len() <= 6).then_some(number)
    }

    /// Help with errors that have no separate code.
    fn help_for_others(&self) -> &'static str {
        let says = |words: &str| self.message.contains(words) || self.detail.contains(words);
        if self.state == "42883" {
            "a date or time is not comparable with a number: compare it with {{last_sync_time | timestamp}}; a function may be missing in this database"
        } else if says("not supported on Redshift tables") {
            "the query uses a function that only the leader node has, such as NOW(): use GETDATE() and LISTAGG"
        } else if self.internal() == Some("1016") || says("Disk Full") {
            "the cluster has no room left for the query's intermediate results: free some, or let the query take less"
        } else if says("EXTRACT 'epoch'") {
            "EXTRACT(epoch …) of a TIMESTAMP is a 32-bit number on Redshift: compare the column itself with {{last_sync_time | timestamp}}"
        } else if says("total set of cursor data") {
            "other sessions hold too many cursors: Outflow uses none; run it again when they are closed"
        } else if says("could not open relation with OID") {
            "a table was rebuilt while the query ran: run it again"
        } else if says("Serializable isolation violation") || says("concurrent transaction") {
            "another transaction was in the way: run it again"
        } else {
            ""
        }
    }
}

/// Where a name stands in the query, if it does once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Named {
    /// The character, from 1 on.
    position: usize,
    in_quotes: bool,
}

fn place_of(sql: &str, name: &str) -> Option<Named> {
    if name.is_empty() || !name.is_ascii() {
        return None;
    }
    // Offsets hold for both, as only ASCII letters change.
    let (text, name) = (sql.to_ascii_lowercase(), name.to_ascii_lowercase());
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let mut found = text.match_indices(&name).filter(|(at, _)| {
        !is_part(text[..*at].chars().next_back()) && !is_part(text[at + name.len()..].chars().next())
    });
    let (at, _) = found.next()?;
    if found.next().is_some() {
        return None;
    }
    let in_quotes = text[..at].ends_with('"') && text[at + name.len()..].starts_with('"');
    let at = at - usize::from(in_quotes);
    Some(Named { position: sql[..at].chars().count() + 1, in_quotes })
}

/// Text on one line, of bearable length.
fn clean(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut clean: String =
        text.chars().take(LONGEST).map(|c| if steers_terminal(c) { ' ' } else { c }).collect();
    clean.truncate(clean.trim_end_matches([' ', '.']).len());
    clean
}

/// The message with all between its first and last quotation mark replaced.
fn without_quoted(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => format!("{}\"…{}", &message[..first], &message[last..]),
        (Some(first), _) => format!("{}…", &message[..first]),
        _ => message.to_owned(),
    }
}

/// The place of the `position`th character, both from 1.
pub(crate) fn line_and_column(sql: &str, position: usize) -> (usize, usize) {
    let (mut line, mut column) = (1, 1);
    for c in sql.chars().take(position.saturating_sub(1)) {
        if c == '\n' {
            (line, column) = (line + 1, 1);
        } else {
            column += 1;
        }
    }
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(fields: &[(char, &str)], sql: &str) -> Error {
        let body: String =
            fields.iter().map(|(kind, text)| format!("{kind}{text}\0")).chain(["\0".into()]).collect();
        of(body.as_bytes(), sql, None)
    }

    fn help(fields: &[(char, &str)], sql: &str, kind: ServerKind) -> (Option<String>, String) {
        let body: String = fields.iter().map(|(tag, text)| format!("{tag}{text}\0")).collect();
        let error = of(body.as_bytes(), sql, Some(kind));
        (error.place().map(str::to_owned), error.help_text().unwrap_or_default().to_owned())
    }

    #[test]
    fn help_fits_the_server_and_what_it_does_not_know() {
        use ServerKind::{Postgres, Redshift};
        let sql = "SELECT id AS \"userId\",\n  \"Order Placed\" AS event, nope FROM analytics.users";
        let column = [('C', "42703"), ('M', "column \"order placed\" does not exist")];
        let (place, says) = help(&column, sql, Redshift);
        assert_eq!(place.as_deref(), Some("line 2, column 3 of the query"));
        assert!(says.contains("single quotes"), "{says}");
        let (place, says) = help(&[('C', "42703"), ('M', "column \"nope\" does not exist")], sql, Redshift);
        assert_eq!(place.as_deref(), Some("line 2, column 28 of the query"));
        assert_eq!(says, "check the spelling of the column");
        let relation = [('C', "42P01"), ('M', "relation \"analytics.users\" does not exist")];
        let (place, says) = help(&relation, sql, Postgres);
        assert!(place.is_some() && says.contains("the schema") && !says.contains("schema.table"), "{says}");
        let (_, says) = help(&[('C', "42P01"), ('M', "relation \"users\" does not exist")], "", Postgres);
        assert!(says.contains("schema.table"), "{says}");
        for (state, word) in [("3D000", "dev"), ("28P01", "IAM")] {
            let fields = [('C', state), ('M', "password authentication failed")];
            assert!(help(&fields, "", Redshift).1.contains(word), "{state}");
            assert!(!help(&fields, "", Postgres).1.contains(word), "{state}");
        }
        let syntax = [('C', "42601"), ('M', "syntax error at or near \"plan\"")];
        assert!(help(&syntax, sql, Redshift).1.contains("comma"));
        for (sql, name) in
            [("SELECT a, a FROM t", "a"), ("SELECT ab FROM t", "a"), ("SELECT é", "e"), ("", "")]
        {
            assert_eq!(place_of(sql, name), None, "{sql}");
        }
    }

    fn words(error: &Error) -> &str {
        error.quoted().unwrap().reveal()
    }

    #[test]
    fn each_sqlstate_has_its_code() {
        let cases = [
            ("28P01", "password authentication failed for user \"x\"", Code::SourceAuthFailed),
            ("28000", "password authentication failed for user \"x\"", Code::SourceAuthFailed),
            ("28000", "no pg_hba.conf entry for host \"1.2.3.4\"", Code::NotOnAllowList),
            (
                "28000",
                "no pg_hba.conf entry for host \"1.2.3.4\", user \"u\", database \"d\", SSL on",
                Code::NotOnAllowList,
            ),
            (
                "28000",
                "no pg_hba.conf entry for host \"::ffff:1.2.3.4\", user \"u\", database \"d\", SSL off",
                Code::TlsRequired,
            ),
            (
                "28000",
                "no pg_hba.conf entry for host \"1.2.3.4\", user \"u\", database \"d\", no encryption",
                Code::TlsRequired,
            ),
            ("28000", "connection is insecure (try using `sslmode=require`)", Code::TlsRequired),
            ("08P01", "SSL required", Code::TlsRequired),
            ("3D000", "database \"x\" does not exist", Code::UnknownDatabase),
            ("42501", "permission denied for relation x", Code::PermissionDenied),
            ("XX000", "permission denied for schema x", Code::PermissionDenied),
            ("42703", "column \"x\" does not exist", Code::UnknownTableOrColumn),
            ("42P01", "relation \"x\" does not exist", Code::UnknownTableOrColumn),
            ("42883", "operator does not exist: timestamp without time zone >= integer", Code::DatabaseError),
            ("42601", "syntax error at or near \"x\"", Code::SyntaxError),
            ("42601", "cannot insert multiple commands into a prepared statement", Code::MultipleStatements),
            ("25006", "cannot execute INSERT in a read-only transaction", Code::QueryNotReadOnly),
            ("57014", "canceling statement due to user request", Code::StatementCancelled),
            ("57P03", "the database system is starting up", Code::SourceUnavailable),
            ("53300", "too many clients already", Code::SourceUnavailable),
            ("57P01", "terminating connection due to administrator command", Code::SourceUnavailable),
            ("", "connection limit \"500\" exceeded for non-bootstrap users", Code::SourceUnavailable),
            (
                "XX000",
                "Query (1) cancelled by WLM abort action of Query Monitoring Rule",
                Code::StatementCancelled,
            ),
            ("0A000", "Specified types or functions not supported on Redshift tables", Code::DatabaseError),
        ];
        for (state, message, code) in cases {
            assert_eq!(error(&[('C', state), ('M', message)], "").code(), code, "{state} {message}");
        }
        let waking = [('C', "57014"), ('M', "Query cancelled."), ('R', "NFTSetupSessionStateOnRestore")];
        assert_eq!(error(&waking, "").code(), Code::SourceUnavailable);
        let full =
            [('C', "XX000"), ('M', "Disk Full"), ('D', "error: Disk Full code: 1016 context: node: 0")];
        assert_eq!(error(&full, "").message(), "the database reported an error (SQLSTATE XX000)");
        assert_eq!(words(&error(&full, "")), "Disk Full (Redshift's code 1016)");
        assert!(error(&full, "").help_text().is_some_and(|help| help.contains("no room left")));
        let aborted = [('C', "XX000"), ('M', "1020"), ('D', "code: 1020 context: system requested abort")];
        assert_eq!(error(&aborted, "").code(), Code::StatementCancelled);
    }

    #[test]
    fn positions_count_characters_and_lines() {
        let sql = "SELECT 'é',\n  nope FROM t";
        let e = error(&[('C', "42703"), ('M', "column \"nope\" does not exist"), ('P', "15")], sql);
        assert_eq!(e.place(), Some("line 2, column 3 of the query"));
        assert!(e.message().ends_with("(SQLSTATE 42703)"), "{e}");
        assert_eq!(words(&e), "column \"nope\" does not exist");
        assert_eq!(line_and_column(sql, usize::MAX).0, 2);
    }

    #[test]
    fn values_and_control_characters_stay_out() {
        let e = error(
            &[
                ('C', "22P02"),
                ('M', "invalid input syntax for type integer: \"ada@\u{1b}[31m\"x\""),
                ('D', "Key (email)=(ada@example.com)"),
            ],
            "",
        );
        assert_eq!(words(&e), "invalid input syntax for type integer: \"…\"");
        assert!(!format!("{e} {e:?}").contains("ada"));
        assert_eq!(words(&error(&[('C', "XX000"), ('M', "a\u{1b}[31m\nb")], "")), "a [31m b");
    }

    #[test]
    fn no_field_of_the_report_stands_in_what_may_be_logged() {
        for state in ["P0001", "22012", "38000", "42501", "57014", "28000", "XX000", "42601", ""] {
            let fields: Vec<(char, &str)> =
                "SVMDHWstcdnqFLRpP".chars().map(|kind| (kind, "code: 123456 \"canary\" row")).collect();
            let e = error(&[&fields[..], &[('C', state)]].concat(), "SELECT 1");
            let logged = format!("{e} {e:?} {:?} {:?}", e.place(), e.help_text());
            assert!(!logged.contains("canary") && !logged.contains("123456"), "{state}: {logged}");
        }
    }

    #[test]
    fn a_report_of_nonsense_is_still_an_error() {
        for body in
            [&b""[..], b"\0\0\0", b"C\xff\xff\0M\xfe\0P\xff\0", b"C42\xc3\xa91\0", b"P99999999999999999999\0"]
        {
            assert_eq!(of(body, "SELECT 1", None).code(), Code::DatabaseError, "{body:?}");
        }
    }

    #[test]
    fn the_servers_hint_is_passed_on() {
        let e = error(&[('C', "42703"), ('M', "x"), ('H', "Perhaps you meant \"u.email\".")], "");
        assert_eq!(words(&e), "x. The server's hint: Perhaps you meant \"u.email\"");
    }
}
