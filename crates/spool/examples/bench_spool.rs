//! Writes and reads a run of calls like those of an ordinary sync, and says what each step costs.
//!
//! `cargo run --release -p outflow-spool --example bench_spool [CALLS] [FOLDER]`

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use outflow_core::ports::baseline::{Baseline, Compared, Comparison, ComparisonSpec, RetainedHashes};
use outflow_core::ports::spool::{CallBlock, Edits, Spool, SpoolHeader};
use outflow_core::{CallFlags, CallMeta, CallType, Result, RunId, RunKey, hash};
use outflow_spool::{DiskBaseline, DiskSpool};

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let calls: u64 = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let dir = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from).join("outflow-bench-spool");
    let _ = std::fs::remove_dir_all(&dir);
    let spool = DiskSpool::open(&dir.join("spool"), 0)?;
    let baseline = DiskBaseline::open(&dir.join("baseline"), 0)?;
    let samples = samples();
    let bytes: usize = samples.iter().map(String::len).sum();
    println!("{calls} calls of {} bytes", bytes / samples.len());

    // Of a run's calls one in this many is another one than in the run before.
    for (compare, run, previous, changed) in [
        (false, 1, None, u64::MAX),
        (true, 2, None, u64::MAX),
        (true, 3, Some(RunId(2)), 10),
        (true, 4, Some(RunId(2)), 2),
        (true, 5, Some(RunId(2)), 10_000),
        (true, 6, Some(RunId(2)), u64::MAX),
    ] {
        let mut step = Step::begin();
        let spec = ComparisonSpec::new(RunId(run), previous, RetainedHashes::All);
        let comparison = if compare { Some(baseline.begin(spec).await?) } else { None };
        let segments = write(&spool, &samples, calls, changed, run, comparison, &mut step).await?;
        let (mut reader, mut block) = (spool.read(RunId(run), &segments, 0, 0).await?, CallBlock::default());
        let (mut count, mut sum) = (0, 0_u64);
        while reader.next(&mut block).await? {
            count += block.calls.len();
            sum = block.calls.iter().fold(sum, |s, c| s ^ c.meta.key ^ u64::from(c.end - c.start));
        }
        step.end(&format!("run {run}: read {count} calls ({sum:x})"));
    }
    let _ = std::fs::remove_dir_all(&dir);
    Ok(())
}

async fn write(
    spool: &DiskSpool,
    samples: &[String],
    calls: u64,
    changed: u64,
    run: u64,
    mut comparison: Option<Box<dyn Comparison>>,
    step: &mut Step,
) -> Result<Vec<outflow_core::ports::spool::SegmentInfo>> {
    let writer = spool.create(SpoolHeader {
        run: RunId(run),
        sync: "users".into(),
        source: "warehouse.main".into(),
        call_type: CallType::Identify,
        columns: Vec::new(),
        max_bytes: None,
    });
    let mut writer = writer.await?;
    for ordinal in 0..calls {
        let json = samples[(ordinal % samples.len() as u64) as usize].as_bytes();
        let content = hash::seeded(if ordinal % changed == 1 { run.into() } else { 0 }, ordinal);
        let meta = CallMeta {
            ordinal,
            call_type: CallType::Identify,
            flags: CallFlags(0),
            key: content as u64,
            key2: 0,
        };
        writer.call(&meta, json)?;
        if let Some(comparison) = &mut comparison {
            comparison.feed(meta.key, content);
        }
        // As often as the engine does, whose pages have about this many rows.
        if ordinal % 1000 == 0 {
            writer.flush().await?;
            if let Some(comparison) = &mut comparison {
                comparison.flush().await?;
            }
        }
    }
    step.end(&format!("run {run}: write (compared: {})", comparison.is_some()));
    writer.seal().await?;
    let compared = match comparison {
        Some(comparison) => comparison.finish().await?,
        None => Compared::default(),
    };
    step.end(&format!("run {run}: compare"));
    let spooled = writer.finish(Edits { unchanged: compared.same, repeats: compared.repeats }).await?;
    step.end(&format!("run {run}: finish"));
    println!(
        "  {} segments, {:.1} MB, {} unchanged",
        spooled.segments.len(),
        spooled.bytes as f64 / 1e6,
        spooled.unchanged
    );
    Ok(spooled.segments)
}

/// Believable calls, all different.
fn samples() -> Vec<String> {
    let mut seed = 1_u64;
    let mut next = move |n: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % n
    };
    let mut samples = Vec::new();
    for ordinal in 0..20_000 {
        let id = RunKey(9).message_id(ordinal);
        let mut json = format!(
            r#"{{"messageId":"{}","timestamp":"2026-11-24T10:00:00.123456Z","type":"identify","userId":"{ordinal}","traits":{{"#,
            String::from_utf8_lossy(&id)
        );
        for (name, range) in [("first", 5_000), ("last", 9_000), ("city", 700), ("campaign", 300)] {
            let _ = write!(json, r#""{name}_name":"{name} number {}","#, next(range));
        }
        for name in ["created_at", "last_seen_at", "renewed_at"] {
            let (day, hour, second) = (next(28) + 1, next(24), next(60));
            let _ = write!(json, r#""{name}":"2025-07-{day:02}T{hour:02}:10:{second:02}Z","#);
        }
        for name in ["orders", "lifetime_value", "score", "visits"] {
            let _ = write!(json, r#""{name}":{},"#, next(100_000));
        }
        let _ = write!(
            json,
            r#""newsletter":{},"plan":"free","email":"person{ordinal}@example.com"}}}}"#,
            next(2) == 0
        );
        samples.push(json);
    }
    samples
}

/// Wall and CPU time since the last step, and the peak of memory so far.
struct Step {
    wall: Instant,
    cpu: f64,
}

impl Step {
    fn begin() -> Self {
        Self { wall: Instant::now(), cpu: cpu_seconds() }
    }

    fn end(&mut self, what: &str) {
        let cpu = cpu_seconds();
        println!(
            "  {what}: {:.2} s wall, {:.2} s CPU, peak {} kB",
            self.wall.elapsed().as_secs_f64(),
            cpu - self.cpu,
            field("/proc/self/status", "VmHWM:").unwrap_or_default()
        );
        (self.wall, self.cpu) = (Instant::now(), cpu);
    }
}

/// User and system time of this process in ticks of 10 ms (Linux).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let ticks = rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|l| l.starts_with(name))?;
    line.split_whitespace().nth(1).map(str::to_owned)
}
