//! What the operating system says of this process, under the names that Prometheus' own clients use. Linux only; elsewhere nothing is told.

use std::fs;

use super::text::Text;

/// Writes memory, open files and threads.
pub fn write(text: &mut Text) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    let one = |value: Option<f64>| value.map(|v| (&[][..], v));
    let memory = one(field("VmRSS").map(|kib| kib * 1024.0));
    text.gauge("process_resident_memory_bytes", "Memory of the process that is in RAM.", memory);
    text.gauge("process_threads", "Threads of the process.", one(field("Threads")));
    let files = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64);
    text.gauge("process_open_fds", "Open file descriptors of the process.", one(files));
}
