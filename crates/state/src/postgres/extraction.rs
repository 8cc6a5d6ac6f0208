//! Segments and findings of a run: the statements that transactions are made of.

use std::borrow::Cow;

use outflow_core::RunId;
use outflow_core::ports::spool::SegmentInfo;
use outflow_core::run::FindingCount;

use super::fault::Fault;
use super::rows::{bits, id, kind_name, to_json};
use super::session::Session;
use super::text::escape;

pub(super) async fn insert_segments(t: &Session, run: RunId, segments: &[SegmentInfo]) -> Result<(), Fault> {
    if segments.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO segments (run, kind, number, first, entries, bytes, locator)
               SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[],
               $6::bigint[], $7::text[])";
    let kinds: Vec<&str> = segments.iter().map(|s| kind_name(s.kind)).collect();
    let numbers: Vec<i64> = segments.iter().map(|s| i64::from(s.number)).collect();
    let numbers_of = |of: fn(&SegmentInfo) -> u64| segments.iter().map(|s| bits(of(s))).collect::<Vec<i64>>();
    let (first, entries) = (numbers_of(|s| s.first), numbers_of(|s| s.entries));
    let bytes = numbers_of(|s| s.bytes);
    let locators: Vec<Cow<'_, str>> = segments.iter().map(|s| escape(&s.locator)).collect();
    t.execute(sql, &[&id(run), &kinds, &numbers, &first, &entries, &bytes, &locators]).await?;
    Ok(())
}

/// Puts new segments in the place of old ones.
pub(super) async fn replace_segments(
    t: &Session,
    run: RunId,
    segments: &[(SegmentInfo, SegmentInfo)],
) -> Result<(), Fault> {
    if segments.is_empty() {
        return Ok(());
    }
    let sql = "DELETE FROM segments WHERE run = $1
               AND (kind, number) IN (SELECT * FROM unnest($2::text[], $3::bigint[]))";
    let kinds: Vec<&str> = segments.iter().map(|(old, _)| kind_name(old.kind)).collect();
    let numbers: Vec<i64> = segments.iter().map(|(old, _)| i64::from(old.number)).collect();
    t.execute(sql, &[&id(run), &kinds, &numbers]).await?;
    let new: Vec<SegmentInfo> = segments.iter().map(|(_, new)| new.clone()).collect();
    insert_segments(t, run, &new).await?;
    let sql = "UPDATE runs SET spool_bytes =
               (SELECT coalesce(sum(bytes), 0)::bigint FROM segments WHERE run = $1) WHERE id = $1";
    t.execute(sql, &[&id(run)]).await?;
    Ok(())
}

pub(super) async fn forget_segments(t: &Session, run: RunId) -> Result<(), Fault> {
    t.execute("DELETE FROM segments WHERE run = $1", &[&id(run)]).await?;
    Ok(())
}

pub(super) async fn insert_findings(t: &Session, run: RunId, findings: &[FindingCount]) -> Result<(), Fault> {
    let sql = "INSERT INTO findings (run, place, code, column_name, rows, samples)
               VALUES ($1, $2, $3, $4, $5, $6)";
    for (place, f) in (0_i64..).zip(findings) {
        let (column, samples) = (f.column.as_deref().map(escape), to_json(&f.samples));
        t.execute(sql, &[&id(run), &place, &f.code.as_str(), &column, &bits(f.rows), &samples]).await?;
    }
    Ok(())
}
