//! The destination `file`: each batch becomes a file of JSON lines.
//!
//! What always holds: a file `PATH/SYNC/RUN-KEY-ORDINAL.jsonl` is complete and durable, or does not
//! exist. A batch that is sent again replaces its own file and no other: KEY is made of the run's
//! key, which no run of another installation or of another history has. What it does not do:
//! append, or delete the files of earlier runs.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use bytes::Bytes;
use outflow_core::outcome::Verdict;
use outflow_core::ports::check::{Check, Step};
use outflow_core::ports::destination::{
    BatchLimits, Destination, Endpoint, Envelope, Records, Request, RequestLimits, ShownRequest,
};
use outflow_core::{Answer, BoxFuture, CallMeta, Code, Error, Nulls, Reply, hash};

use crate::call::Rules;
use crate::post::credential;
use crate::settings::Values;

const LINES: Envelope = Envelope::from_static(b"", b"\n", b"\n");
/// No more records than this go into a file.
const RECORDS: usize = 100_000;

/// A folder to which batches are written.
pub(crate) struct File {
    name: String,
    folder: PathBuf,
    limits: RequestLimits,
    endpoint: Endpoint,
    rules: Rules,
}

impl File {
    pub fn new(name: &str, values: &Values) -> Self {
        let bytes = values.number("max_file_bytes").unwrap_or(8 << 20) as usize;
        let mut rules = Rules::new(name, "File", &[]);
        rules.call_bytes = bytes - LINES.suffix.len();
        Self {
            name: name.to_owned(),
            folder: values.text("path").unwrap_or_default().into(),
            limits: RequestLimits { concurrency: 1, rate: None, burst: None },
            endpoint: Endpoint { envelope: LINES, limits: BatchLimits { records: RECORDS, bytes } },
            rules,
        }
    }
}

impl Destination for File {
    fn name(&self) -> &str {
        &self.name
    }

    fn credential(&self) -> u128 {
        credential("file", &self.folder.to_string_lossy(), [])
    }

    fn limits(&self) -> &RequestLimits {
        &self.limits
    }

    fn endpoints(&self) -> &[Endpoint] {
        std::slice::from_ref(&self.endpoint)
    }

    fn prepare(&self, call: &CallMeta, json: &[u8], nulls: Nulls, records: &mut Records<'_>) -> Verdict {
        self.rules.prepare(call, json, nulls, records)
    }

    fn show(&self, request: &Request) -> ShownRequest {
        let path = self.folder.join(safe(&request.sync)).join(file_name(request));
        ShownRequest { method: "write", address: path.display().to_string(), headers: Vec::new() }
    }

    fn test<'a>(&'a self, _sends_call: bool, report: &'a mut (dyn FnMut(Check) + Send)) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let (began, folder) = (Instant::now(), self.folder.clone());
            let tried = tokio::task::spawn_blocking(move || try_out(&folder)).await;
            let (summary, problems, exists) = match tried.unwrap_or_else(|e| Err(io::Error::other(e))) {
                Ok(nearest) if nearest == self.folder => ("can be written to".to_owned(), Vec::new(), true),
                Ok(nearest) => {
                    let summary =
                        format!("is made with the first call: {} can be written to", nearest.display());
                    (summary, Vec::new(), false)
                }
                Err(e) => {
                    let message = format!("cannot write to {}: {e}", self.folder.display());
                    let error = Error::new(Code::FileNotWritable, message)
                        .help("check the path, and the rights of the user who runs Outflow");
                    ("failed".to_owned(), vec![error], self.folder.is_dir())
                }
            };
            let details = vec![("exists", serde_json::json!(exists))];
            report(Check { step: Step::Folder, summary, problems, details, took: began.elapsed() });
        })
    }

    fn deliver<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let folder = self.folder.join(safe(&request.sync));
            let name = file_name(request);
            let body = request.body.clone();
            let written = tokio::task::spawn_blocking(move || write(&folder, &name, &body)).await;
            match written.unwrap_or_else(|e| Err(io::Error::other(e))) {
                Ok(()) => Reply::from(Answer::Delivered),
                Err(e) => {
                    let reason = format!("cannot write to {}: {e}", self.folder.display());
                    Answer::Stop { code: Code::FileNotWritable, status: None, reason }.into()
                }
            }
        })
    }
}

/// Whether files can be written to the folder, or to the nearest one above it that exists. Returns
/// which one that is; what was written is gone.
fn try_out(folder: &Path) -> io::Result<PathBuf> {
    let mut nearest = folder;
    // A path that cannot be looked at is tried as it is.
    while matches!(nearest.try_exists(), Ok(false)) {
        nearest = match nearest.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => break,
        };
    }
    let draft = nearest.join(format!(".outflow-test-{}", std::process::id()));
    let written = write_draft(&draft, &Bytes::from_static(b"a test of Outflow\n"));
    let removed = fs::remove_file(&draft);
    written.and(removed)?;
    Ok(nearest.to_owned())
}

/// The name of a batch's file. The ordinal has leading zeros, so that names sort in row order.
fn file_name(request: &Request) -> String {
    // Half of a hash of the key: a name tells nothing of the key itself, which makes message ids.
    let key = (hash::seeded(request.key.0, 0) >> 64) as u64;
    format!("{}-{key:016x}-{:012}.jsonl", request.run, request.first)
}

fn write(folder: &Path, name: &str, body: &Bytes) -> io::Result<()> {
    create_folders(folder)?;
    let draft = folder.join(format!(".{name}.part"));
    let result = write_draft(&draft, body).and_then(|()| fs::rename(&draft, folder.join(name)));
    if result.is_err() {
        // The first error is reported; a draft that stays is overwritten by the next attempt.
        fs::remove_file(&draft).ok();
    }
    result.and_then(|()| sync(folder))
}

fn write_draft(draft: &Path, body: &Bytes) -> io::Result<()> {
    let mut file = fs::File::create(draft)?;
    file.write_all(body)?;
    file.sync_data()
}

/// Makes the folder and the missing ones above it, each durable in its parent.
fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(Path::new(""));
    create_folders(parent)?;
    match fs::create_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(e) => Err(e),
        Ok(()) => sync(if parent.as_os_str().is_empty() { Path::new(".") } else { parent }),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// A sync's name as the name of a folder. Two syncs can share one, also those of two projects: file
/// names contain the run's key, and a run belongs to one sync.
fn safe(name: &str) -> String {
    let keep = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ') { c } else { '_' };
    let mut name: String = name.chars().map(keep).collect();
    name.truncate(name.floor_char_boundary(200));
    if name.trim_matches('.').is_empty() { "_".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_syncs_stay_inside_the_folder() {
        for (name, want) in [
            ("users", "users"),
            ("Users 2.0", "Users 2.0"),
            ("../evil", ".._evil"),
            ("a/b\\c:d", "a_b_c_d"),
            ("..", "_"),
            (".", "_"),
            ("", "_"),
            ("größe", "größe"),
            ("a\0b\n", "a_b_"),
        ] {
            assert_eq!(safe(name), want);
        }
        assert!(safe(&"ü".repeat(500)).len() <= 200);
    }
}
