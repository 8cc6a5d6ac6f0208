//! What the process and the operating system know about it, under the names that Prometheus' own
//! clients use. Memory, files and threads are known on Linux only.

use std::fs;

use outflow_core::Timestamp;

use super::snapshot::Snapshot;

/// Adds the samples. It has to be called on a thread of the runtime.
pub fn add(snapshot: &mut Snapshot, started: Timestamp) {
    snapshot.one(
        "outflow_async_tasks",
        Some(tokio::runtime::Handle::current().metrics().num_alive_tasks() as f64),
    );
    snapshot.one("process_start_time_seconds", Some(started.as_millisecond() as f64 / 1000.0));
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    snapshot.one("process_resident_memory_bytes", field("VmRSS").map(|kib| kib * 1024.0));
    let files = fs::read_dir("/proc/self/fd").ok();
    snapshot.one("process_open_fds", files.map(|entries| entries.count() as f64));
    snapshot.one("process_threads", field("Threads"));
}
