//! The calls of a run that a destination refused for good, with its answer.

use outflow_core::ports::spool::{CallBlock, SegmentKind, SpoolReader};
use outflow_core::ports::state::DeadLetter;
use outflow_core::{Result, RunId, RunRecord};
use outflow_engine::operations::causes::Cause;
use outflow_engine::{Errors, FORMAT_VERSION, RunReader};
use serde::Serialize;
use serde_json::Value;

use crate::App;
use crate::look::{self, RunName};

/// Which dead letters.
#[derive(Clone, Debug, Default)]
pub struct DeadLettersRequest {
    /// The run.
    pub run: RunName,
    /// Of this destination alone.
    pub destination: Option<String>,
    /// How many for each destination; 0 for all.
    pub limit: u64,
}

/// Dead letters, and their causes.
#[derive(Debug, Serialize)]
pub struct DeadLetterList {
    format_version: u32,
    /// The run.
    pub run: RunId,
    /// Its sync.
    pub sync: String,
    /// How many there are.
    pub dead_letters: u64,
    /// The causes.
    pub causes: Vec<Cause>,
    /// The dead letters.
    pub entries: Vec<DeadLetterDocument>,
}

/// A dead letter with its call.
#[derive(Debug, Serialize)]
pub struct DeadLetterDocument {
    /// The destination.
    pub destination: String,
    /// The dead letter.
    #[serde(flatten)]
    pub letter: DeadLetter,
    /// The call; null once its segment is no longer kept.
    pub call: Value,
}

impl App {
    /// The dead letters of a run.
    pub async fn dead_letters(&self, request: &DeadLettersRequest) -> Result<DeadLetterList, Errors> {
        let DeadLettersRequest { run, destination, limit } = request.clone();
        let limit = if limit == 0 { u64::MAX >> 1 } else { limit };
        let reader = self.reader().await?;
        let record = look::run(&reader, &run).await?;
        let (mut entries, mut causes, mut total) = (Vec::new(), Vec::new(), 0);
        for delivery in reader.state.deliveries(record.id).await? {
            if destination.as_ref().is_some_and(|d| *d != delivery.destination) {
                continue;
            }
            total += delivery.counts.dead_letters;
            causes.extend(reader.causes(record.id, &delivery.destination).await?);
            let letters = reader.state.dead_letters(record.id, &delivery.destination, 0, limit).await?;
            let calls = calls(&reader, &record, &letters).await?;
            for (letter, call) in letters.into_iter().zip(calls) {
                let destination = delivery.destination.clone();
                entries.push(DeadLetterDocument { destination, letter, call });
            }
        }
        let RunRecord { id, sync, .. } = record;
        Ok(DeadLetterList {
            format_version: FORMAT_VERSION,
            run: id,
            sync,
            dead_letters: total,
            causes,
            entries,
        })
    }
}

/// The calls of dead letters, which come in position order.
async fn calls(reader: &RunReader, run: &RunRecord, letters: &[DeadLetter]) -> Result<Vec<Value>> {
    let Some(first) = letters.first().map(|letter| letter.position) else { return Ok(Vec::new()) };
    let mut segments = reader.state.segments(run.id).await?;
    segments.retain(|s| s.kind == SegmentKind::Calls);
    if segments.is_empty() {
        return Ok(vec![Value::Null; letters.len()]);
    }
    let reading = reader.spool.read(run.id, &segments, run.rows.unchanged, first).await?;
    let (mut reader, mut block) = (reading, CallBlock::default());
    let mut calls = Vec::with_capacity(letters.len());
    for letter in letters {
        calls.push(call_at(reader.as_mut(), &mut block, letter.position).await?);
    }
    Ok(calls)
}

async fn call_at(reader: &mut dyn SpoolReader, block: &mut CallBlock, position: u64) -> Result<Value> {
    while position >= block.first + block.calls.len() as u64 {
        if !reader.next(block).await? {
            return Ok(Value::Null);
        }
    }
    let call = position.checked_sub(block.first).and_then(|i| block.calls.get(i as usize));
    Ok(call.and_then(|c| serde_json::from_slice(block.json(c)).ok()).unwrap_or_default())
}
