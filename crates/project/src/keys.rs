//! Every key of `outflow.yaml`: the one table behind the check and the JSON Schema.

use outflow_core::schema::{Key, Kind, Shape};
use outflow_warehouse::kinds;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// Longer than anybody keeps anything here, and far from where times end.
const TEN_YEARS: u64 = 3_650 * DAY;

const NULLS: Kind = Kind::Word(&["send", "omit"]);

/// The settings that a definition of the server may change. All others are the operator's.
pub const SETTINGS: [&str; 4] = ["id", "spool", "limits", "alerts"];

/// The top of a file. An included file may leave `version` out.
pub(super) const ROOT: Shape = Shape {
    what: "a project",
    keys: &[
        Key::new("version", Kind::Whole { min: 1, max: 1 }, "the version of the format"),
        Key::new(
            "id",
            Kind::Text,
            "what the ids of events begin with; a random text that never changes: 8 to 64 letters, digits, - and _",
        ),
        Key::new(
            "include",
            Kind::Either(&[Kind::Path, Kind::List(&Kind::Path)]),
            "files that are a part of the project",
        ),
        Key::new("spool", Kind::Table(&SPOOL), "how calls are kept until they are delivered"),
        Key::new(
            "state",
            Kind::Either(&[Kind::Text, Kind::Table(&STATE)]),
            "where what became of runs is remembered, and for how long; a text is the url",
        ),
        Key::new("audit", Kind::Table(&AUDIT), "the log of who changed what"),
        Key::new("secrets", Kind::Table(&SECRETS), "the secrets that Outflow keeps: ${secret:NAME}"),
        Key::new("limits", Kind::Table(&LIMITS), "how much `outflow serve` does side by side"),
        Key::new("alerts", Kind::Table(&ALERTS), "when something counts as wrong, and who is told"),
        Key::new("network", Kind::Table(&NETWORK), "which addresses databases and destinations may have"),
        Key::new("metrics", Kind::Table(&METRICS), "numbers of `outflow serve` for Prometheus"),
        Key::new("server", Kind::Table(&SERVER), "the API that `outflow serve` answers"),
        Key::new("definitions", Kind::Table(&DEFINITIONS), "what definitions of the server may use"),
        Key::new("sources", Kind::Named(&Kind::Table(&SOURCE)), "where rows come from"),
        Key::new("destinations", Kind::Named(&Kind::Table(&DESTINATION)), "where calls go"),
        Key::new("syncs", Kind::Named(&Kind::Table(&SYNC)), "what is read, how often, and what rows become"),
        Key::new(
            "targets",
            Kind::Named(&Kind::Table(&TARGET)),
            "what differs between environments: `--target NAME` merges it into the rest",
        ),
    ],
    open: false,
};

/// Any keys of the project. What comes of the merge is checked.
const TARGET: Shape = Shape { what: "a target", keys: &[], open: true };

const SPOOL: Shape = Shape {
    what: "the spool",
    keys: &[
        Key::new("disk_reserve", Kind::Size, "free space that is left alone; 1GiB by default"),
        Key::new("max_run_bytes", Kind::Size, "a run whose calls take more fails; syncs may say their own"),
        Key::new(
            "keep",
            Kind::Duration { min: 0, max: TEN_YEARS },
            "how long calls are kept after the last delivery; 7d by default",
        ),
    ],
    open: false,
};

const STATE: Shape = Shape {
    what: "a table of url and keep",
    keys: &[
        Key::new("url", Kind::Text, "a PostgreSQL database, postgres://…; the folder .outflow by default"),
        Key::new(
            "keep",
            Kind::Duration { min: 0, max: TEN_YEARS },
            "how long runs, their counts and dead letters are kept after the run's end; 90d by default",
        ),
    ],
    open: false,
};

const AUDIT: Shape = Shape {
    what: "the audit log",
    keys: &[Key::new(
        "keep",
        Kind::Duration { min: DAY, max: TEN_YEARS },
        "how long its entries are kept; for ever by default",
    )],
    open: false,
};

const SECRETS: Shape = Shape {
    what: "a table of key",
    keys: &[Key::new(
        "key",
        Kind::Table(&SECRET_KEY),
        "where the key comes from that encrypts them; a file that Outflow makes by default",
    )],
    open: false,
};

const SECRET_KEY: Shape = Shape {
    what: "one of file, env and command",
    keys: &[
        Key::new("file", Kind::Path, "the file with the key: 32 bytes in base64"),
        Key::new("env", Kind::Text, "the environment variable with the key"),
        Key::new("command", Kind::List(&Kind::Text), "the program that prints the key, and its arguments"),
    ],
    open: false,
};

const LIMITS: Shape = Shape {
    what: "the limits",
    keys: &[
        Key::new(
            "extractions",
            Kind::Whole { min: 1, max: 1_000 },
            "queries that run at a time; 8 by default",
        ),
        Key::new(
            "per_database",
            Kind::Whole { min: 1, max: 1_000 },
            "queries that run at a time on one database; 2 by default, and databases may say their own",
        ),
        Key::new(
            "backlog",
            Kind::Size,
            "room of all calls that wait for destinations that are behind; 10GiB by default",
        ),
        Key::new(
            "backlog_age",
            Kind::Duration { min: 60, max: 3650 * DAY },
            "how long runs may wait for a destination before new ones leave it out; by default an hour, and 10 intervals of the sync",
        ),
        Key::new(
            "audit_after",
            Kind::Duration { min: 0, max: 30 * DAY },
            "how long after its end a run is recounted; 1m by default",
        ),
    ],
    open: false,
};

const PERCENT: Kind = Kind::Whole { min: 0, max: 100 };

const ALERTS: Shape = Shape {
    what: "the alerts",
    keys: &[
        Key::new(
            "failed_runs",
            Kind::Whole { min: 1, max: 1_000 },
            "runs of a sync that failed in a row; 3 by default",
        ),
        Key::new("rejected_percent", PERCENT, "rejected rows of a run; more than 5 by default"),
        Key::new("skipped_percent", PERCENT, "skipped slots of a sync in 24 hours; more than 20 by default"),
        Key::new(
            "no_success_for",
            Kind::Duration { min: 60, max: 366 * DAY },
            "how long no run of a sync with a schedule may succeed; 6h by default, and two intervals at least",
        ),
        Key::new(
            "disk_above_reserve",
            Kind::Size,
            "free space above the disk's reserve; less than 1GiB by default",
        ),
        Key::new("to", Kind::List(&Kind::Table(&RECEIVER)), "who is told"),
    ],
    open: false,
};

const RECEIVER: Shape = Shape {
    what: "a receiver of alerts",
    keys: &[
        Key::new("webhook", Kind::Table(&ALERT_WEBHOOK), "an address that takes signed POST requests"),
        Key::new("email", Kind::Table(&ALERT_EMAIL), "people, by e-mail"),
    ],
    open: false,
};

const ALERT_WEBHOOK: Shape = Shape {
    what: "a webhook for alerts",
    keys: &[
        Key::new("url", Kind::Text, "the address").required(),
        Key::new("secret", Kind::Secret, "a reference to the key that signs: whsec_ and base64").required(),
    ],
    open: false,
};

const ALERT_EMAIL: Shape = Shape {
    what: "e-mail for alerts",
    keys: &[
        Key::new("server", Kind::Text, "the mail server's name or address").required(),
        Key::new(
            "port",
            Kind::Whole { min: 1, max: 65_535 },
            "465 for tls: implicit, 587 for starttls, 25 for none by default",
        ),
        Key::new("tls", Kind::Word(&["implicit", "starttls", "none"]), "starttls by default"),
        Key::new("ca", Kind::Path, "a PEM file with the roots to trust in place of the public ones"),
        Key::new("user", Kind::Text, "the user's name, if the server asks for one"),
        Key::new("password", Kind::Secret, "a reference to the user's password"),
        Key::new("from", Kind::Text, "the sender's address").required(),
        Key::new("to", Kind::List(&Kind::Text), "the recipients' addresses").required(),
    ],
    open: false,
};

const NETWORK: Shape = Shape {
    what: "the network",
    keys: &[
        Key::new(
            "addresses",
            Kind::Word(&["any", "public"]),
            "any, or public for those of the internet alone, and of the networks in allow; any by default",
        ),
        Key::new(
            "allow",
            Kind::List(&Kind::Text),
            "private networks that are let through, such as 10.0.0.0/8",
        ),
    ],
    open: false,
};

const METRICS: Shape = Shape {
    what: "the metrics",
    keys: &[Key::new("listen", Kind::Text, "the address to listen on, such as 127.0.0.1:9464").required()],
    open: false,
};

const SERVER: Shape = Shape {
    what: "the server",
    keys: &[
        Key::new("listen", Kind::Text, "the address to listen on, such as 127.0.0.1:8080"),
        Key::new("tls", Kind::Table(&SERVER_TLS), "files for TLS; without them it is plain HTTP"),
        Key::new(
            "trusted_proxies",
            Kind::List(&Kind::Text),
            "ranges of addresses, such as 10.0.0.0/8, whose X-Forwarded-For and -Proto count",
        ),
        Key::new("oidc", Kind::Table(&OIDC), "the OpenID Connect provider that people sign in with"),
    ],
    open: false,
};

const ROLE: Kind = Kind::Word(&["viewer", "member", "admin"]);

const OIDC: Shape = Shape {
    what: "the provider",
    keys: &[
        Key::new("issuer", Kind::Text, "the provider's address, as its tokens say it").required(),
        Key::new("client_id", Kind::Text, "the application as the provider knows it").required(),
        Key::new("client_secret", Kind::Secret, "a reference to the application's secret").required(),
        Key::new("redirect_url", Kind::Text, "the callback's address; made of the request's host by default"),
        Key::new("scopes", Kind::List(&Kind::Text), "openid, profile and email by default"),
        Key::new("name_claim", Kind::Text, "the claim with the user's name; email by default"),
        Key::new("groups_claim", Kind::Text, "the claim with the groups; groups by default"),
        Key::new("roles", Kind::Table(&ROLES), "groups, each with viewer, member or admin"),
        Key::new("default_role", ROLE, "the role of those in no such group; they are refused by default"),
    ],
    open: false,
};

/// Groups of any names.
const ROLES: Shape = Shape { what: "a table of groups", keys: &[], open: true };

const SERVER_TLS: Shape = Shape {
    what: "the server's TLS",
    keys: &[
        Key::new("certificate", Kind::Path, "a PEM file with the certificate and its issuers").required(),
        Key::new("key", Kind::Path, "a PEM file with the private key").required(),
    ],
    open: false,
};

const DEFINITIONS: Shape = Shape {
    what: "a table of allow",
    keys: &[Key::new(
        "allow",
        Kind::List(&Kind::Word(&["env", "file", "paths"])),
        "what reaches into this machine: the references ${env:…} and ${file:…}, and paths; nothing by default",
    )],
    open: false,
};

const SOURCE: Shape = Shape {
    what: "a source",
    keys: &[
        Key::new("type", Kind::Word(&kinds::NAMES), "what the databases are").required(),
        Key::new("databases", Kind::Named(&Kind::Variants(&kinds::SHAPES)), "its databases by name")
            .required(),
        Key::new("destinations", Kind::List(&CONNECTION), "where the calls of all its syncs go"),
    ],
    open: false,
};

const CONNECTION: Kind = Kind::Either(&[Kind::Text, Kind::Table(&CONNECTION_TABLE)]);

const CONNECTION_TABLE: Shape = Shape {
    what: "a table of name and nulls",
    keys: &[
        Key::new("name", Kind::Text, "the destination's name").required(),
        Key::new("nulls", NULLS, "whether traits that are NULL are sent as null or left out"),
    ],
    open: false,
};

const DESTINATION: Shape = Shape {
    what: "a destination",
    keys: &[
        Key::new(
            "type",
            Kind::Text,
            "what the destination is: customerio-pipelines, segment, rudderstack, webhook or file",
        )
        .required(),
        Key::new("budget", Kind::Table(&BUDGET), "calls that may be sent to it"),
    ],
    open: true,
};

/// As many calls as anybody may want to name.
const CALLS: Kind = Kind::Whole { min: 0, max: 1_000_000_000_000_000 };

const BUDGET: Shape = Shape {
    what: "a budget",
    keys: &[Key::new("per_day", CALLS, "in a day of UTC"), Key::new("per_month", CALLS, "in a month of UTC")],
    open: false,
};

const SYNC: Shape = Shape {
    what: "a sync",
    keys: &[
        Key::new("description", Kind::Text, "for people"),
        Key::new("tags", Kind::List(&Kind::Text), "words to select syncs by: `run tag:daily`"),
        Key::new("source", Kind::Text, "SOURCE.DATABASE, or SOURCE if that has one database").required(),
        Key::new(
            "type",
            Kind::Word(&["identify", "track", "group", "page", "screen", "alias"]),
            "the kind of call that each row becomes",
        )
        .required(),
        Key::new(
            "query",
            Kind::Either(&[Kind::Text, Kind::Table(&QUERY)]),
            "the query, or the file that it is in",
        )
        .required(),
        Key::new(
            "schedule",
            Kind::Either(&[Kind::Word(&["manual"]), Kind::Table(&SCHEDULE)]),
            "when it is due; only when asked for by default",
        ),
        Key::new(
            "destinations",
            Kind::List(&CONNECTION),
            "where its calls go, in place of the source's list",
        ),
        Key::new("nulls", NULLS, "for connections that do not say it; send by default"),
        Key::new(
            "lookback",
            Kind::Duration { min: 0, max: TEN_YEARS },
            "how long after its stamp a row may be committed; 5m by default",
        ),
        Key::new(
            "lookback_max",
            Kind::Duration { min: 0, max: TEN_YEARS },
            "how far open transactions may keep the next run's start back; 1h by default",
        ),
        Key::new(
            "event_key",
            Kind::List(&Kind::Text),
            "the columns that say which event a row is, for track, page and screen",
        ),
        Key::new("renamed_from", Kind::Text, "the name that the sync had first: the ids of its events stay"),
        Key::new("cursor", Kind::Text, "the column whose largest value is the next last_sync_time"),
        Key::new(
            "on_invalid_value",
            Kind::Word(&["omit_field", "reject_row"]),
            "what becomes of a row with a trait or property that cannot be sent; omit_field by default",
        ),
        Key::new(
            "first_run",
            Kind::Either(&[Kind::Word(&["beginning", "now"]), Kind::Time]),
            "what the first run takes: everything by default",
        ),
        Key::new("query_timeout", Kind::Duration { min: 1, max: 30 * DAY }, "how long the query may take"),
        Key::new("max_run_bytes", Kind::Size, "a run whose calls take more fails"),
        Key::new("guards", Kind::Table(&GUARDS), "what holds a run before anything is sent"),
        Key::new("enabled", Kind::Flag, "whether it runs without being named; true by default"),
    ],
    open: false,
};

const GUARDS: Shape = Shape {
    what: "guards",
    keys: &[
        Key::new("max_rows", CALLS, "rows that the result may have"),
        Key::new("max_rejected_percent", Kind::Whole { min: 0, max: 100 }, "rows that may be rejected"),
        Key::new(
            "max_row_change",
            Kind::Whole { min: 2, max: 1_000_000 },
            "times more or fewer rows than the middle of the last runs",
        ),
        Key::new(
            "columns",
            Kind::Word(&["ignore", "hold"]),
            "what a column does that is gone or of another type; ignore by default",
        ),
        Key::new(
            "max_null_identifier_percent",
            Kind::Whole { min: 0, max: 100 },
            "rows that may have no identifier",
        ),
        Key::new("max_calls_per_day", CALLS, "calls of the sync to all its destinations in a day of UTC"),
        Key::new("max_calls_per_month", CALLS, "the same in a month of UTC"),
    ],
    open: false,
};

const QUERY: Shape = Shape {
    what: "a table of file",
    keys: &[Key::new("file", Kind::Path, "the file with the query").required()],
    open: false,
};

const SCHEDULE: Shape = Shape {
    what: "a table of every and start, or of cron and timezone",
    keys: &[
        Key::new("every", Kind::Duration { min: 60, max: 366 * DAY }, "the interval"),
        Key::new("start", Kind::Either(&[Kind::Word(&["now"]), Kind::Time]), "not before this time"),
        Key::new("cron", Kind::Text, "minute hour day-of-month month day-of-week, in place of every"),
        Key::new("timezone", Kind::Text, "the time zone of cron, such as Europe/Berlin; UTC by default"),
    ],
    open: false,
};

/// Whether a table of a project has this key.
pub(super) fn is_known(name: &str) -> bool {
    has(&Kind::Table(&ROOT), name)
}

fn has(kind: &Kind, name: &str) -> bool {
    let table = |shape: &Shape| shape.keys.iter().any(|key| key.name == name || has(&key.kind, name));
    match kind {
        Kind::Table(shape) => table(shape),
        Kind::Variants(shapes) => shapes.iter().any(|shape| table(shape)),
        Kind::List(inner) | Kind::Named(inner) => has(inner, name),
        Kind::Either(kinds) => kinds.iter().any(|kind| has(kind, name)),
        _ => false,
    }
}
