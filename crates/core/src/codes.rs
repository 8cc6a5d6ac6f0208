//! Every code that a user can meet, in one table.
//!
//! A code never changes its meaning. Each has a page `docs/errors/CODE.md`, which is compiled in
//! and shown by `outflow explain CODE`.

use std::fmt;

macro_rules! codes {
    ($($doc:ident $code:ident $area:ident $kind:ident $title:literal;)*) => {
        /// A stable code. The variant says what happened. Users see the short form (`D016`), whose
        /// letter is the area.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $(#[doc = concat!(stringify!($doc), ": ", $title)] $code,)* }

        impl Code {
            /// All codes, in order.
            pub const ALL: &[Code] = &[$(Code::$code,)*];

            /// The short form that users see: `D016`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$code => stringify!($doc),)* }
            }

            /// One line on what the code means.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$code => $title,)* }
            }

            /// The page: what happened, what Outflow did, what to do.
            pub const fn page(self) -> &'static str {
                match self { $(Code::$code => include_str!(concat!("../../../docs/errors/", stringify!($doc), ".md")),)* }
            }

            /// The area that the code belongs to.
            pub const fn area(self) -> Area {
                match self { $(Code::$code => Area::$area,)* }
            }

            /// What the caller can do about it.
            pub const fn kind(self) -> ErrorKind {
                match self { $(Code::$code => ErrorKind::$kind,)* }
            }
        }
    };
}

/// What the caller can do about an error. Control flow checks the kind or the variant, never
/// the short form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The same attempt may succeed later without a change.
    Transient,
    /// It fails until a person changes something outside the project: a disk, a server, another
    /// version.
    Permanent,
    /// Credentials or permissions are missing, wrong or expired.
    Auth,
    /// The project, the query, the data or the command line has to change.
    UserInput,
    /// A bug of Outflow.
    Bug,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; no action is needed.
    Note,
    /// Allowed, and probably not what was meant.
    Warning,
    /// It prevents the run.
    Error,
}

impl Severity {
    /// Its name in documents and messages.
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
    /// One row; it sets no exit code.
    Row,
    /// A destination cannot be reached or refuses: exit code 6.
    Destination,
    /// The spool on disk: exit code 1.
    Spool,
    /// The state on disk: exit code 1.
    State,
    /// The run itself: exit code 1.
    Engine,
    /// A guard makes the run await approval before anything is sent: exit code 1.
    Guard,
    /// Who asks is not known, or may not do it; a request of the API: exit code 2.
    Access,
}

codes! {
    C001 ProjectFileUnreadable Configuration UserInput "the project file cannot be read";
    C002 InvalidYaml Configuration UserInput "the project file is not valid YAML";
    C003 UnknownKey Configuration UserInput "unknown key";
    C004 UnsupportedKey Configuration UserInput "this version does not act on that key yet";
    C005 InvalidValue Configuration UserInput "a value is of the wrong kind or out of range";
    C006 MissingKey Configuration UserInput "a required key is missing";
    C007 UnknownReference Configuration UserInput "a name refers to nothing";
    C008 SecretUnresolved Configuration UserInput "a secret reference cannot be resolved";
    C009 SecretInFile Configuration UserInput "a secret stands in the file itself";
    C010 DuplicateName Configuration UserInput "a name is used twice";
    C011 NoSuchSyncOrRun Configuration UserInput "no such sync or run";
    C012 ConflictingOptions Configuration UserInput "these options do not go together";
    C013 QueryTextChanged Configuration UserInput "YAML changes the text of a query";
    C014 LookalikeInFile Configuration UserInput "a character of the project file is not what it looks like";
    C016 SecretWithControlCharacter Configuration UserInput "a secret begins or ends with an invisible character";
    C017 DefinedTwice Configuration UserInput "a name is defined in the files and on the server";
    C018 DefinitionChanged Configuration UserInput "the definition has changed meanwhile";
    C019 NotAllowedHere Configuration UserInput "a definition of the server may not use that";
    C020 OwnedByFiles Configuration UserInput "the project's files own that definition";
    C021 SyncNotRenamed Configuration UserInput "the sync cannot get that name now";
    C022 NoSuchDefinition Configuration UserInput "there is no such definition";
    C030 SecretKeyUnavailable Configuration Auth "the key of the secrets cannot be had";
    C031 SecretKeyWrong Configuration Auth "a secret is encrypted under another key";
    C032 SecretDamaged Configuration Permanent "a secret does not decrypt";
    C033 NoSuchSecret Configuration UserInput "no such secret";
    C034 SecretNotForAddress Configuration UserInput "a secret was not set for this address";
    C035 SecretInUse Configuration UserInput "a secret is in use";
    C040 ServerUnreachable Configuration Transient "the server cannot be reached";
    C041 NotAnOutflow Configuration UserInput "the address is not that of an Outflow";
    C042 OtherServerVersion Configuration Permanent "the server speaks another version of the API";
    C043 NotOverServer Configuration UserInput "the command does not work over a server";
    C044 NoServerToken Configuration Auth "there is no token for the server";
    C045 ServersFile Configuration Permanent "the file of servers cannot be used";
    Q001 QueryNotReadOnly Query UserInput "the query does not only read";
    Q002 MultipleStatements Query UserInput "more than one statement";
    Q003 UnknownVariable Query UserInput "unknown variable";
    Q004 FieldFilledTwice Query UserInput "two columns fill the same field";
    Q005 RequiredColumnMissing Query UserInput "a required column is missing";
    Q006 QueryNotIncremental Query UserInput "the query does not use last_sync_time";
    Q007 UnterminatedQuery Query UserInput "the query text ends inside a quote or a comment";
    Q008 CursorColumnMissing Query UserInput "the cursor column is not in the result";
    Q009 ColumnNotPlaceable Query UserInput "a column cannot be placed";
    Q010 TimestampComparedWithNumber Query UserInput "a timestamp is compared with a number";
    Q011 TextComparedWithNumber Query UserInput "a text is compared with a number";
    Q012 VolatileFunctionCalled Query UserInput "a function that may do more than read";
    Q013 EventKeyMissing Query UserInput "a column of event_key is not in the result";
    Q014 SecondIds Query UserInput "events would go out under second ids";
    Q016 LookalikeInQuery Query UserInput "a character of the query is not what it looks like";
    Q017 StrayComma Query UserInput "a comma with nothing behind it";
    Q018 UnreadableList Query UserInput "SQL that this database cannot read";
    Q101 SelectStar Query UserInput "the query selects every column";
    Q102 FunctionAroundComparedColumn Query UserInput "a function stands around the compared column";
    Q103 DuplicateColumn Query UserInput "two columns have the same name";
    Q104 OrderOrLimit Query UserInput "ORDER BY or LIMIT in a query that reads what is new";
    Q105 SecretLikeColumn Query UserInput "a column's name looks like a secret";
    Q106 VolatileFunction Query UserInput "a function that gives another value in every run";
    Q107 LeaderNodeFunction Query UserInput "a function that runs on the leader node alone";
    Q108 ReservedWordAsName Query UserInput "a reserved word is used as a name";
    Q109 ManyColumns Query UserInput "very many columns";
    Q110 GroupWithoutUserId Query UserInput "a group query without a userId";
    Q111 EventNameIsCommand Query UserInput "an event name that Customer.io takes for a command";
    Q112 LateRows Query UserInput "rows may be stamped before they are loaded";
    Q113 ManyRowsOften Query UserInput "very many rows, very often";
    Q114 LocalTimes Query UserInput "times without a zone in a database that keeps local time";
    Q115 ConvertedToLocalTime Query UserInput "a time is converted to local time and loses its zone";
    Q116 DatabaseText Query UserInput "a column is sent as the database's own text";
    Q117 DeclaredTypeConverts Query UserInput "SQLite converts what is stored in a column of this type";
    Q120 UnstableColumn Query UserInput "a column differs when it is read again";
    Q121 LookalikeName Query UserInput "a name holds a character that is not what it looks like";
    Q122 PersonByEmail Query UserInput "calls name people by email alone";
    Q123 TemplateInString Query UserInput "a string looks like a template";
    Q124 NameNearField Query UserInput "a column has nearly the name of a field";
    Q125 VariableInResult Query UserInput "last_sync_time is in the result";
    Q126 SyntaxUnsupported Query UserInput "SQL that the warehouse does not have";
    Q127 DestinationRefuses Query UserInput "a destination refuses these calls";
    Q128 VariableWithoutBraces Query UserInput "last_sync_time without its braces";
    Q129 TwoObjectTypes Query UserInput "two columns give the object type";
    Q130 ComparedWithNull Query UserInput "a comparison with NULL is never true";
    Q201 CaseFolded Query UserInput "the database folds the case of a name";
    Q202 TrailingSemicolon Query UserInput "a semicolon at the end";
    Q203 UnknownTypeComparedWithNumber Query UserInput "a column of unknown type is compared with a number";
    Q204 IdsOfRunAndRow Query UserInput "events have ids of run and row";
    Q205 DateOfCreation Query UserInput "a date of creation under another name";
    Q206 AliasWithoutAs Query UserInput "a column takes another name without AS";
    Q207 FieldOfOtherCalls Query UserInput "a column fills a field of another type of call";
    S001 HostNotResolved Source Transient "the host name does not resolve";
    S002 ConnectionRefused Source Transient "the connection was refused";
    S003 SourceTimeout Source Transient "no answer in time";
    S004 TlsHandshakeFailed Source Permanent "the TLS handshake failed";
    S005 TlsNotOffered Source UserInput "the server does not offer TLS";
    S006 SourceAuthFailed Source Auth "user name or password refused";
    S007 UnknownDatabase Source UserInput "unknown database";
    S008 PermissionDenied Source Auth "permission denied";
    S009 UnknownTableOrColumn Source UserInput "unknown table or column";
    S010 DatabaseError Source Permanent "the database reported an error";
    S011 StatementCancelled Source Transient "the statement was cancelled or took too long";
    S012 ConnectionBroken Source Transient "the connection broke before the end of the result";
    S013 ProtocolViolation Source Permanent "the server's answer breaks the protocol";
    S014 SourceUnavailable Source Transient "the server takes no connections now";
    S015 ClearTextPassword Source Auth "a password would travel in clear text";
    S016 UnknownAuthMethod Source Auth "unknown way of authentication";
    S017 SqliteUnreadable Source UserInput "the SQLite file cannot be read";
    S018 SyntaxError Source UserInput "syntax error in the query";
    S019 RowTooLarge Source Permanent "a row is larger than the limit";
    S020 NotOnAllowList Source Auth "this address is not on the server's allow-list";
    S021 AwsCredentialsMissing Source Auth "no AWS credentials were found";
    S022 AwsCredentialsRefused Source Auth "AWS gave no database credentials";
    S023 TunnelFailed Source Permanent "the SSH tunnel cannot be opened";
    S024 TunnelHostKeyUnknown Source Auth "the SSH server's key is not the known one";
    S025 SourceAddressNotAllowed Source UserInput "the server's address is not allowed";
    S026 TlsRequired Source UserInput "the server takes no unencrypted connection";
    S101 ExcessPrivileges Source UserInput "the account can do more than read";
    S102 ClockSkew Source UserInput "the clocks differ";
    S103 ReplicaLag Source UserInput "the replica lags behind";
    S104 CertificateExpiring Source UserInput "the certificate expires soon";
    S105 CredentialsExpiring Source UserInput "the credentials expire soon";
    S106 NoReadableTable Source UserInput "no table can be read";
    S107 UnencryptedConnection Source UserInput "the connection is not protected";
    R001 MissingField Row UserInput "a required field is missing or blank";
    R002 InvalidIdentifier Row UserInput "not usable as an identifier";
    R003 InvalidTime Row UserInput "not a time, or outside the years 0001 to 9999";
    R004 NotFinite Row UserInput "NaN and infinity are not JSON";
    R005 InvalidUtf8 Row UserInput "not valid UTF-8";
    R006 InvalidJson Row UserInput "not valid JSON";
    R007 WrongType Row UserInput "the field wants another type";
    R008 InvalidObjectType Row UserInput "the object type is not a whole number";
    R009 CallTooLarge Row UserInput "the call would be larger than the limit";
    R010 ContradictoryObjectTypes Row UserInput "the row names two object types";
    R101 UnknownChannel Row UserInput "unknown channel or device type (sent as it is)";
    R102 LargeInteger Row UserInput "a number beyond 2^53 (sent with every digit)";
    R103 GroupWithoutPerson Row UserInput "a group call without a person";
    R104 ValueLeftOut Row UserInput "a value that cannot be sent (left out)";
    R105 LoneSurrogate Row UserInput "half of a surrogate pair in JSON (sent as U+FFFD)";
    R106 UnseenCharacters Row UserInput "invisible characters in an identifier";
    R107 PlaceholderIdentifier Row UserInput "an identifier such as null or undefined";
    R108 MixedTimeUnits Row UserInput "Unix times of several units in one column";
    R109 CursorValueIgnored Row UserInput "a cursor value that counts for nothing";
    D001 CallTooLargeForDestination Destination UserInput "the call is larger than the destination takes";
    D002 DestinationNeedsIdentifier Destination UserInput "the destination needs a userId or an anonymousId";
    D003 CallRefused Destination UserInput "the destination refused the call";
    D004 CallTypeUnsupported Destination UserInput "the destination has no such type of call";
    D010 DestinationUnreachable Destination Transient "the destination cannot be reached";
    D011 DestinationTimeout Destination Transient "the destination did not answer in time";
    D012 DestinationTlsFailed Destination Permanent "no secure connection to the destination";
    D013 DestinationAuthFailed Destination Auth "the destination refused the credentials";
    D014 DestinationAddressWrong Destination UserInput "the destination's address is wrong";
    D015 DestinationThrottled Destination Transient "the destination asked to slow down";
    D016 DestinationServerError Destination Transient "the destination reported an error of its own";
    D017 DestinationAnswerInvalid Destination Permanent "the destination's answer makes no sense";
    D018 AddressNotAllowed Destination UserInput "the address is not allowed";
    D019 FileNotWritable Destination Permanent "the file cannot be written";
    D020 DeliveryTimeout Destination Transient "gave up for now, with calls pending";
    D021 MostCallsRefused Destination Permanent "the destination refuses most calls alike";
    D022 CallRefusedAlone Destination UserInput "the destination refused this call and took others";
    D023 SyncRefused Destination Permanent "the destination refuses every call of this sync";
    D024 ProxyRefused Destination Auth "the proxy opens no way to the destination";
    D101 DestinationRemoved Destination UserInput "calls wait for a destination that the project no longer has";
    D102 ProxyIgnored Destination UserInput "a proxy is set that Outflow cannot use";
    D103 CertificateStoreUnusable Destination UserInput "the trusted certificates of this machine cannot be read";
    D104 SecretWithBlanks Destination UserInput "a secret begins or ends with a blank or a quotation mark";
    D105 DestinationPaused Destination UserInput "a person has paused the destination";
    D106 KeyNotProven Destination UserInput "whether the destination takes the key cannot be seen";
    D201 StillDelivered Destination UserInput "calls are still delivered to a destination that the sync no longer has";
    P001 DiskReserveReached Spool Transient "the result does not fit above the disk reserve";
    P002 MaxRunBytesExceeded Spool Permanent "the result is larger than max_run_bytes";
    P003 SpoolIo Spool Permanent "reading or writing the spool failed";
    P004 SegmentDamaged Spool Permanent "a segment is damaged";
    P005 SegmentMissing Spool Permanent "a segment is missing";
    T001 StateUnavailable State Permanent "the state cannot be opened";
    T002 StateHeld State Transient "another process holds the state";
    T003 StateTooNew State Permanent "the state was written by a newer version";
    T004 StateIo State Permanent "reading or writing the state failed";
    T005 StateDamaged State Permanent "the state is damaged";
    T006 FolderOfAnother State UserInput "the folder belongs to another installation";
    E001 Interrupted Engine Transient "interrupted";
    E002 CountsDiffer Engine Bug "the run's numbers do not add up";
    E003 RunLost Engine Permanent "the run is lost";
    E004 RunInProgress Engine Transient "the previous run is in progress";
    E005 BacklogFull Engine Transient "a destination's backlog is full";
    E006 AwaitingApproval Engine Permanent "the run awaits approval";
    E007 DestinationSkipped Engine Permanent "runs leave a destination out";
    E008 TaskFailed Engine Bug "a task of Outflow ended unexpectedly";
    E009 SourceChanged Engine UserInput "the sync reads another source than its run began with";
    E020 CallsMissing Engine Permanent "calls are missing at a destination";
    E101 ManySlotsSkipped Engine Permanent "many slots are skipped";
    E102 ClockJumped Engine Permanent "the clock of this machine has jumped";
    E103 SyncRemoved Engine UserInput "runs wait whose sync the project no longer has";
    E104 TransactionOpen Engine UserInput "a transaction is open for longer than runs read back";
    E120 BackfillRepeats Engine Permanent "a backfill may send calls again under new ids";
    E121 BaselineMissing Engine Permanent "what the run is compared with is missing";
    E122 RepeatedMessageIds Engine UserInput "one message id, several contents";
    E123 GapQueryFailed Engine UserInput "the query of a gap does not run any more";
    E126 StateRestored Engine Permanent "the state was restored from a backup";
    E127 SyncRenamed Engine UserInput "a new sync has the query of one that the project no longer has";
    G001 TooManyRows Guard UserInput "more rows than allowed";
    G002 TooManyRejected Guard UserInput "too many rows rejected";
    G003 UnusualRowCount Guard UserInput "an unusual number of rows";
    G004 ColumnsChanged Guard UserInput "the result's columns have changed";
    G005 TooManyWithoutIdentifier Guard UserInput "too many rows without an identifier";
    G006 BudgetExhausted Guard UserInput "the budget of calls is used up";
    A001 NotSignedIn Access Auth "the request does not say who asks";
    A002 CredentialRefused Access Auth "the token or the session is not valid";
    A003 CredentialExpired Access Auth "the token or the session has ended";
    A004 NotPermitted Access Auth "the role or the token does not allow this";
    A005 SignInRefused Access Auth "user name or password wrong";
    A006 TooManyAttempts Access Transient "too many attempts to sign in";
    A007 PasswordRefused Access UserInput "the password is too easy to guess";
    A008 LastAdmin Access UserInput "the last administrator stays one";
    A009 SetupRefused Access Auth "the first administrator cannot be made with this";
    A010 CrossSite Access Auth "the request comes from another site";
    A011 NoSuchPerson Access UserInput "no such user, session or token";
    A012 NameTaken Access UserInput "the name is taken";
    A020 NoSuchAddress Access UserInput "the API has no such address";
    A021 MethodNotAllowed Access UserInput "the address has no such method";
    A022 MalformedRequest Access UserInput "the request cannot be read";
    A023 RequestTooLarge Access UserInput "the request is too large";
    A024 UnsupportedMediaType Access UserInput "the body is of the wrong type";
    A025 ServerBusy Access Transient "Outflow is busy";
    A026 RequestTimeout Access Transient "the request took too long";
    A027 PreconditionFailed Access UserInput "it was changed in the meantime";
    A028 IdempotencyKeyReused Access UserInput "the idempotency key belongs to another request";
    A029 ProviderUnavailable Access Transient "the sign-in provider does not answer as it should";
    A030 ProviderRefused Access Auth "the sign-in provider refuses";
    A031 SignInNotBegun Access Auth "this browser has begun no such sign-in";
    A032 IdTokenRefused Access Auth "the token of the sign-in provider is not valid";
    A033 NotAdmitted Access Auth "this person may not sign in here";
    A034 NameOfAnother Access Auth "the name belongs to another user";
    A035 LinkRefused Access Auth "the link to sign in is not valid";
}

impl Code {
    /// The code of that name, in any case.
    pub fn from_name(name: &str) -> Option<Code> {
        Self::ALL.iter().copied().find(|c| c.as_str().eq_ignore_ascii_case(name))
    }

    /// How much it matters. The number decides: below 100 it is an error, from 100 on a warning,
    /// from 200 on a note. (Q006, older than the rule, is a warning.)
    pub fn severity(self) -> Severity {
        match self.as_str()[1..].parse::<u16>() {
            _ if self == Code::QueryNotIncremental => Severity::Warning,
            Ok(200..) => Severity::Note,
            Ok(100..) => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// Whether the row with this finding still becomes a call, and the query still runs.
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
