//! Every code that a user can meet, in one table.
//!
//! A code never changes its meaning. Each has a page `docs/errors/CODE.md`, which is compiled in and shown by `outflow explain CODE`.

use std::fmt;

macro_rules! codes {
    ($($code:ident $area:ident $title:literal;)*) => {
        /// A stable code. The letter says the area: C configuration, Q query, S source, R row, D destination, P spool, T state, E engine, G guard.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $(#[doc = $title] $code,)* }

        impl Code {
            /// All codes, in order.
            pub const ALL: &[Code] = &[$(Code::$code,)*];

            /// The code as text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$code => stringify!($code),)* }
            }

            /// One line on what the code means.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$code => $title,)* }
            }

            /// The page: what happened, what Outflow did, what to do.
            pub const fn page(self) -> &'static str {
                match self { $(Code::$code => include_str!(concat!("../../../docs/errors/", stringify!($code), ".md")),)* }
            }

            /// The area that the code belongs to.
            pub const fn area(self) -> Area {
                match self { $(Code::$code => Area::$area,)* }
            }
        }
    };
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing need be done.
    Note,
    /// Allowed, and likely not what was meant.
    Warning,
    /// It cannot or must not go on like this.
    Error,
}

impl Severity {
    /// The word in documents and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Where an error belongs. The command line's exit code follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// The project's files or the command line: exit code 2.
    Configuration,
    /// The text of a query: exit code 2.
    Query,
    /// The source cannot be reached or refuses: exit code 5.
    Source,
    /// One row; never an exit code of its own.
    Row,
    /// A destination cannot be reached or refuses: exit code 6.
    Destination,
    /// The spool on disk: exit code 1.
    Spool,
    /// The state on disk: exit code 1.
    State,
    /// The run itself: exit code 1.
    Engine,
    /// A guard holds the run before anything is sent: exit code 1.
    Guard,
}

codes! {
    C001 Configuration "the project file cannot be read";
    C002 Configuration "the project file is not valid YAML";
    C003 Configuration "unknown key";
    C004 Configuration "this version does not act on that key yet";
    C005 Configuration "a value is of the wrong kind or out of range";
    C006 Configuration "a required key is missing";
    C007 Configuration "a name refers to nothing";
    C008 Configuration "a secret reference cannot be resolved";
    C009 Configuration "a secret stands in the file itself";
    C010 Configuration "a name is used twice";
    C011 Configuration "no such sync or run";
    C012 Configuration "these options do not go together";
    Q001 Query "the query does not only read";
    Q002 Query "more than one statement";
    Q003 Query "unknown variable";
    Q004 Query "two columns fill the same field";
    Q005 Query "a required column is missing";
    Q006 Query "the query does not use last_sync_time";
    Q007 Query "the query text ends inside a quote or a comment";
    Q008 Query "the cursor column is not in the result";
    Q009 Query "a column cannot be placed";
    Q010 Query "a timestamp is compared with a number";
    Q011 Query "a text is compared with a number";
    Q101 Query "the query selects every column";
    Q102 Query "a function stands around the compared column";
    Q103 Query "two columns have the same name";
    Q104 Query "ORDER BY or LIMIT in a query that reads what is new";
    Q105 Query "a column's name looks like a secret";
    Q106 Query "a function that gives another value in every run";
    Q107 Query "a function that runs on the leader node alone";
    Q108 Query "a reserved word is used as a name";
    Q109 Query "very many columns";
    Q110 Query "a group query without a userId";
    Q111 Query "an event name that Customer.io takes for a command";
    Q112 Query "rows may be stamped before they are loaded";
    Q113 Query "very many rows, very often";
    Q201 Query "the database folds the case of a name";
    Q202 Query "a semicolon at the end";
    Q203 Query "a column of unknown type is compared with a number";
    S001 Source "the host name does not resolve";
    S002 Source "the connection was refused";
    S003 Source "no answer in time";
    S004 Source "the TLS handshake failed";
    S005 Source "the server does not offer TLS";
    S006 Source "user name or password refused";
    S007 Source "unknown database";
    S008 Source "permission denied";
    S009 Source "unknown table or column";
    S010 Source "the database reported an error";
    S011 Source "the statement was cancelled or took too long";
    S012 Source "the connection broke before the end of the result";
    S013 Source "the server's answer breaks the protocol";
    S014 Source "the server takes no connections now";
    S015 Source "a password would travel in clear text";
    S016 Source "unknown way of authentication";
    S017 Source "the SQLite file cannot be read";
    S018 Source "syntax error in the query";
    S019 Source "a row is larger than the limit";
    S020 Source "this address is not on the server's allow-list";
    S021 Source "no AWS credentials were found";
    S022 Source "AWS gave no database credentials";
    S023 Source "the SSH tunnel cannot be opened";
    S024 Source "the SSH server's key is not the known one";
    S101 Source "the account can do more than read";
    S102 Source "the clocks differ";
    S103 Source "the replica lags behind";
    S104 Source "the certificate expires soon";
    S105 Source "the credentials expire soon";
    S106 Source "no table can be read";
    S107 Source "the connection is not protected";
    R001 Row "a required field is missing or blank";
    R002 Row "not usable as an identifier";
    R003 Row "not a time, or outside the years 0001 to 9999";
    R004 Row "NaN and infinity are not JSON";
    R005 Row "not valid UTF-8";
    R006 Row "not valid JSON";
    R007 Row "the field wants another type";
    R008 Row "the object type is not a whole number";
    R009 Row "the call would be larger than the limit";
    R101 Row "unknown channel or device type (sent as it is)";
    R102 Row "a whole number beyond 2^53 (sent with every digit)";
    R103 Row "a group call without a person";
    D001 Destination "the call is larger than the destination takes";
    D002 Destination "the destination needs a userId or an anonymousId";
    D003 Destination "the destination refused the call";
    D004 Destination "the destination has no such type of call";
    D010 Destination "the destination cannot be reached";
    D011 Destination "the destination did not answer in time";
    D012 Destination "no secure connection to the destination";
    D013 Destination "the destination refused the credentials";
    D014 Destination "the destination's address is wrong";
    D015 Destination "the destination asked to slow down";
    D016 Destination "the destination reported an error of its own";
    D017 Destination "the destination's answer makes no sense";
    D018 Destination "the address is not allowed";
    D019 Destination "the file cannot be written";
    D020 Destination "gave up for now, with calls pending";
    D021 Destination "the destination refuses most calls alike";
    P001 Spool "the result does not fit above the disk reserve";
    P002 Spool "the result is larger than max_run_bytes";
    P003 Spool "reading or writing the spool failed";
    P004 Spool "a segment is damaged";
    P005 Spool "a segment is missing";
    T001 State "the state cannot be opened";
    T002 State "another process holds the state";
    T003 State "the state was written by a newer version";
    T004 State "reading or writing the state failed";
    E001 Engine "interrupted";
    E002 Engine "the run's numbers do not add up";
    E003 Engine "the run is lost";
    E004 Engine "the previous run is in progress";
    E005 Engine "a destination's backlog is full";
    E006 Engine "the run is held";
    E007 Engine "a destination is detached";
    E101 Engine "many slots are skipped";
    G001 Guard "more rows than allowed";
    G002 Guard "too many rows rejected";
    G003 Guard "an unusual number of rows";
    G004 Guard "the result's columns have changed";
    G005 Guard "too many rows without an identifier";
    G006 Guard "the budget of calls is used up";
}

impl Code {
    /// The code of that name, in any case.
    pub fn from_name(name: &str) -> Option<Code> {
        Self::ALL.iter().copied().find(|c| c.as_str().eq_ignore_ascii_case(name))
    }

    /// How much it matters. The number says it: below 100 it is an error, from 100 on a warning, from 200 on a note. (Q006, older than the rule, is a warning.)
    pub fn severity(self) -> Severity {
        match self.as_str()[1..].parse::<u16>() {
            _ if self == Code::Q006 => Severity::Warning,
            Ok(200..) => Severity::Note,
            Ok(100..) => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// Whether things go on all the same: a row with this finding still becomes a call, a query still runs.
    pub fn is_warning(self) -> bool {
        self.severity() != Severity::Error
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let name = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Code::from_name(&name).ok_or_else(|| serde::de::Error::custom(format!("unknown code {name}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_that_begins_with_its_title() {
        for code in Code::ALL {
            let head = format!("# {code}: {}\n", code.title());
            assert!(code.page().starts_with(&head), "docs/errors/{code}.md must begin with {head:?}");
            assert!(code.page().contains("## What to do"), "docs/errors/{code}.md must say what to do");
        }
    }
}
