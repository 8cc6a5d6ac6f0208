//! The file destination on a real folder.

use std::fs;
use std::path::Path;

use outflow_core::outcome::Verdict;
use outflow_core::ports::destination::Request;
use outflow_core::{Answer, CallFlags, CallType, Code, Nulls, RunId, RunKey, hash};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{build, meta, prepare, request};

fn calls(n: usize) -> Vec<Value> {
    (0..n).map(|i| json!({"messageId": format!("m{i}"), "userId": i.to_string()})).collect()
}

/// The part of a file's name that is made of the run's key.
fn tag(key: RunKey) -> String {
    format!("{:016x}", (hash::seeded(key.0, 0) >> 64) as u64)
}

/// Every file below `folder`, by its path there.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for sync in fs::read_dir(folder).unwrap() {
        for file in fs::read_dir(sync.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_batch_is_a_file_of_lines_in_a_folder_of_its_sync() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("deep/er");
    let destination = build("file", json!({"path": path}));
    for first in [0, 2000] {
        assert_eq!(
            destination.deliver(&request(&*destination, first, &calls(2))).await.answer,
            Answer::Delivered
        );
    }
    let lines = "{\"messageId\":\"m0\",\"userId\":\"0\"}\n{\"messageId\":\"m1\",\"userId\":\"1\"}\n";
    let name = |n| format!("users/7-{}-{n:012}.jsonl", tag(RunKey(7)));
    assert_eq!(files(&path), [(name(0), lines.to_owned()), (name(2000), lines.to_owned())]);
}

#[tokio::test]
async fn a_batch_that_is_sent_again_replaces_itself() {
    let folder = TempDir::new().unwrap();
    let destination = build("file", json!({"path": folder.path()}));
    let mut first = request(&*destination, 5, &calls(1));
    assert_eq!(destination.deliver(&first).await.answer, Answer::Delivered);
    let again = request(&*destination, 5, &calls(3));
    assert_eq!(destination.deliver(&again).await.answer, Answer::Delivered);
    assert_eq!(files(folder.path()).len(), 1);
    assert_eq!(files(folder.path())[0].1.lines().count(), 3);
    first.run = RunId(8);
    assert_eq!(destination.deliver(&first).await.answer, Answer::Delivered);
    assert_eq!(files(folder.path()).len(), 2, "another run's calls are other calls");
}

/// Two projects, or a state that was deleted or restored, count their runs from the same number.
#[tokio::test]
async fn runs_of_the_same_number_and_sync_never_overwrite_each_other() {
    let folder = TempDir::new().unwrap();
    let destination = build("file", json!({"path": folder.path()}));
    for (key, n) in [(1, 5), (2, 1), (1 << 64, 2), (1, 5)] {
        let request = Request { key: RunKey(key), ..request(&*destination, 0, &calls(n)) };
        assert_eq!(destination.deliver(&request).await.answer, Answer::Delivered);
    }
    let mut lines: Vec<usize> = files(folder.path()).iter().map(|f| f.1.lines().count()).collect();
    lines.sort_unstable();
    assert_eq!(lines, [1, 2, 5], "each run has its file, and the repeat replaced its own");
}

#[tokio::test]
async fn a_draft_that_a_crash_left_behind_is_in_nobodys_way() {
    let folder = TempDir::new().unwrap();
    let destination = build("file", json!({"path": folder.path()}));
    fs::create_dir(folder.path().join("users")).unwrap();
    let name = format!("7-{}-000000000000.jsonl", tag(RunKey(7)));
    fs::write(folder.path().join(format!("users/.{name}.part")), "{\"half").unwrap();
    assert_eq!(destination.deliver(&request(&*destination, 0, &calls(1))).await.answer, Answer::Delivered);
    let files = files(folder.path());
    assert_eq!((files.len(), files[0].0.as_str()), (1, &*format!("users/{name}")));
}

#[tokio::test]
async fn a_sync_cannot_write_outside_the_folder() {
    let folder = TempDir::new().unwrap();
    let destination = build("file", json!({"path": folder.path().join("out")}));
    let mut request = request(&*destination, 0, &calls(1));
    for sync in ["../../evil", "..", "/tmp/evil", "a/b"] {
        request.sync = sync.to_owned();
        assert_eq!(destination.deliver(&request).await.answer, Answer::Delivered, "{sync}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "only the folder itself");
    assert_eq!(files(&folder.path().join("out")).len(), 4);
}

#[tokio::test]
async fn what_cannot_be_written_stops_the_destination() {
    let folder = TempDir::new().unwrap();
    let taken = folder.path().join("taken");
    fs::write(&taken, "a file").unwrap();
    let destination = build("file", json!({"path": taken}));
    match destination.deliver(&request(&*destination, 0, &calls(1))).await.answer {
        Answer::Stop { code: Code::FileNotWritable, status: None, reason } => {
            assert!(reason.contains("taken"), "{reason}")
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read_to_string(&taken).unwrap(), "a file");
}

#[tokio::test]
async fn a_file_that_cannot_take_its_name_leaves_no_draft() {
    let folder = TempDir::new().unwrap();
    let destination = build("file", json!({"path": folder.path()}));
    let blocked = folder.path().join(format!("users/7-{}-000000000000.jsonl/in the way", tag(RunKey(7))));
    fs::create_dir_all(blocked).unwrap();
    let answer = destination.deliver(&request(&*destination, 0, &calls(1))).await.answer;
    assert!(matches!(answer, Answer::Stop { code: Code::FileNotWritable, .. }), "{answer:?}");
    assert_eq!(fs::read_dir(folder.path().join("users")).unwrap().count(), 1, "no draft is left");
}

#[test]
fn a_call_that_no_file_can_hold_is_refused_and_anyone_may_be_unnamed() {
    let destination = build("file", json!({"path": "x", "max_file_bytes": 65536}));
    let mut flags = CallFlags::EMAIL_ONLY;
    flags.set(CallFlags::NO_PERSON);
    let call = meta(CallType::Group, flags);
    let verdict = |bytes| prepare(&*destination, &call, &vec![b' '; bytes], Nulls::Send).0;
    assert_eq!(verdict(65_535), Verdict::Send);
    match verdict(65_536) {
        Verdict::Refuse(refusal) => assert_eq!(refusal.code, Code::CallTooLargeForDestination),
        other => panic!("{other:?}"),
    }
}
