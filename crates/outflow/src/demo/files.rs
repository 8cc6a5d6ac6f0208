//! The demo's project on disk: the files that a user would write.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use outflow_core::{Code, Error};

use outflow_app::write_file;

/// The write key of the demo; the receiver requires it.
pub const WRITE_KEY: &str = "demo-write-key";

/// A folder with this file belongs to the demo and may be overwritten.
const MARK: &str = ".outflow-demo";

/// The six syncs: name, type, description, query. The queries are those that a newcomer finds in
/// the field's documentation, unchanged.
const SYNCS: [(&str, &str, &str, &str); 6] = [
    (
        "people",
        "identify",
        "Who someone is",
        "SELECT id AS userId, email_address AS email, fname, lname, msisdn AS phone\nFROM users\nWHERE last_updated >= {{last_sync_time}}\n",
    ),
    (
        "purchases",
        "track",
        "What someone did",
        "SELECT id AS userId, event_name AS event, products, total_price AS value\nFROM events\nWHERE timestamp > {{last_sync_time}}\n",
    ),
    (
        "companies",
        "group",
        "Which company someone belongs to",
        "SELECT companyId AS groupId, objectTypeId, companyname, employees, personId AS userId\nFROM companies\nWHERE last_updated >= {{last_sync_time}}\n",
    ),
    (
        "pageviews",
        "page",
        "Which pages someone saw",
        "SELECT id AS userId, metatitle as name, url, time_on_page\nFROM pages\nWHERE timestamp > {{last_sync_time}}\n",
    ),
    (
        "screenviews",
        "screen",
        "Which screens of the app someone saw",
        "SELECT id AS userId, screen_name as name, session_started\nFROM screens\nWHERE timestamp > {{last_sync_time}}\n",
    ),
    (
        "merges",
        "alias",
        "Which two identities are one person",
        "SELECT id AS userId, old_id as previousId\nFROM user_resolution\nWHERE timestamp >= {{last_sync_time}}\n",
    ),
];

/// How often syncs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As a newcomer's project would say it.
    Once,
    /// In the days of history: each sync at its own pace.
    Days,
    /// The same, and two of them so often that somebody who looks on sees them run.
    Live,
}

impl Pace {
    fn of(self, sync: &str) -> &'static str {
        match (self, sync) {
            (Self::Once, _) => "15m",
            (Self::Live, "purchases") => "1m",
            (Self::Live, "pageviews") => "5m",
            (_, "companies" | "screenviews") => "2h",
            (_, "merges") => "1d",
            _ => "1h",
        }
    }
}

/// Writes the project, in place of an earlier demo's. A folder with anything else in it is left
/// alone (C012).
pub fn write(dir: &Path, receiver: SocketAddr, pace: Pace) -> Result<(), Error> {
    let problem = |what: String| {
        Error::new(Code::ConflictingOptions, what).help("choose another folder: outflow demo --dir DIR")
    };
    if dir.join(MARK).exists() {
        fs::remove_dir_all(dir)
            .map_err(|e| problem(format!("{} cannot be replaced", dir.display())).caused_by(e))?;
    }
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(problem(format!("{} has files in it that are not the demo's", dir.display())));
    }
    write_file(&dir.join(MARK), "This folder is written anew by each `outflow demo`.\n")?;
    write_file(&dir.join("write-key"), WRITE_KEY)?;
    write_project(dir, receiver, pace)?;
    for (name, _, _, query) in SYNCS {
        write_file(&dir.join(format!("queries/{name}.sql")), query)?;
    }
    Ok(())
}

/// Writes the project's file.
pub fn write_project(dir: &Path, receiver: SocketAddr, pace: Pace) -> Result<(), Error> {
    write_file(&dir.join("outflow.yaml"), &project(receiver, pace))
}

fn project(receiver: SocketAddr, pace: Pace) -> String {
    let mut text = format!(
        "version: 1
id: outflow-demo
sources:
  shop:
    type: sqlite
    databases:
      main: {{ path: ./shop.db }}
    # Your Redshift in its place:
    # type: redshift
    # databases:
    #   main:
    #     host: ${{env:REDSHIFT_HOST}}
    #     database: analytics
    #     user: outflow_reader
    #     password: ${{env:REDSHIFT_PASSWORD}}
    destinations: [journeys, {{ name: audit, nulls: omit }}]
destinations:
  journeys:
    type: customerio-pipelines
    region: us
    write_key: ${{file:./write-key}}      # yours: ${{env:CIO_WRITE_KEY}}
    base_url: http://{receiver}/v1   # the demo's own receiver; without this line calls go to Customer.io
  audit:
    type: file
    path: ./delivered
syncs:
"
    );
    for (name, kind, description, _) in SYNCS {
        text += &format!(
            "  {name}:\n    description: {description}\n    source: shop.main\n    type: {kind}\n    \
             query: {{ file: queries/{name}.sql }}\n    schedule: {{ every: {} }}\n",
            pace.of(name)
        );
        if pace != Pace::Once && name == "companies" {
            text += "    guards: { max_rows: 60 }\n";
        }
    }
    text
}
