//! Columns that differ when the same row is read again: each run takes such a row for a new one.
//!
//! The sample is read once more, in a transaction of its own, and rows are paired by what their
//! calls are about. What always holds: a second reading that fails finds nothing. What it does not
//! do: tell a column that changes by itself from one that was changed between the two readings.

use outflow_core::ports::warehouse::{RowStream, Statement, Warehouse};
use outflow_core::{Code, Column, RowPage, RunKey, SyncSpec, Timestamp};
use outflow_mapping::{Plan, RowEncoder, subject};
use outflow_query::Query;

use crate::{Errors, read_only};

/// The rows of a sample: what each is about, if it becomes a call, and its columns.
pub(super) type Sample = Vec<(Option<u64>, Vec<Option<Vec<u8>>>)>;

/// Reads at most `limit` rows, and what they are about.
pub(super) async fn read(
    stream: &mut dyn RowStream,
    spec: &SyncSpec,
    columns: &[Column],
    limit: usize,
) -> Result<Sample, Errors> {
    let plan = Plan::compile(spec.call_type, columns)?;
    let mut encoder =
        RowEncoder::new(plan, RunKey(0), Timestamp::UNIX_EPOCH).on_invalid_value(spec.on_invalid_value);
    let (mut page, mut rows) = (RowPage::default(), Sample::new());
    while rows.len() < limit && stream.next(&mut page).await? {
        for row in page.iter() {
            let mut call = Vec::new();
            let shaped = encoder.shape(row, rows.len() as u64, &mut call);
            let about = shaped.ok().map(|shaped| subject(&shaped.meta, &call));
            rows.push((about, row.fields().map(|field| field.map(<[u8]>::to_vec)).collect()));
        }
    }
    rows.truncate(limit);
    Ok(rows)
}

/// A warning for each column that differs between two readings of the same rows.
pub(super) fn differences(columns: &[Column], first: &Sample, again: &Sample) -> Vec<(Code, String)> {
    let mut differs = vec![false; columns.len()];
    for ((about, row), (about_again, row_again)) in first.iter().zip(again) {
        if about.is_none() || about != about_again {
            continue;
        }
        for (differs, (field, field_again)) in differs.iter_mut().zip(row.iter().zip(row_again)) {
            *differs |= field != field_again;
        }
    }
    let named = columns.iter().zip(differs).filter(|(_, differs)| *differs);
    let say = |(column, _): (&Column, bool)| {
        let text = format!(
            "column {:?} differs when the same row is read again: each run would send the row again",
            column.name
        );
        (Code::UnstableColumn, text)
    };
    named.map(say).collect()
}

/// Reads the sample once more and says which columns differ. What fails says nothing.
pub(super) async fn look_again(
    spec: &SyncSpec,
    warehouse: &dyn Warehouse,
    query: &Query,
    statement: Statement,
    columns: &[Column],
    first: &Sample,
) -> Vec<(Code, String)> {
    let limit = first.len();
    let again = async {
        let session = warehouse.connect().await?;
        let mut stream = read_only::query(session, warehouse, query, statement).await?;
        let again = read(&mut *stream, spec, columns, limit).await;
        stream.cancel().await;
        again
    };
    match again.await {
        Ok(again) => differences(columns, first, &again),
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use outflow_core::ColumnType;

    use super::*;

    fn row(about: Option<u64>, fields: &[&str]) -> (Option<u64>, Vec<Option<Vec<u8>>>) {
        (about, fields.iter().map(|field| Some(field.as_bytes().to_vec())).collect())
    }

    #[test]
    fn a_column_is_named_if_it_differs_within_one_row() {
        let column = |name: &str| Column { name: name.into(), ty: ColumnType::Text, declared: String::new() };
        let columns = ["userId", "plan", "seen"].map(column);
        let first =
            vec![row(Some(1), &["1", "a", "x"]), row(Some(2), &["2", "b", "y"]), row(None, &["", "", ""])];
        assert_eq!(differences(&columns, &first, &first), []);
        let mut again = first.clone();
        again[1] = row(Some(2), &["2", "b", "z"]);
        again[2] = row(None, &["", "q", ""]);
        let [(code, text)] = differences(&columns, &first, &again).try_into().unwrap();
        assert!(code == Code::UnstableColumn && text.contains("\"seen\""), "{text}");
        let swapped = vec![first[1].clone(), first[0].clone()];
        assert_eq!(differences(&columns, &first, &swapped), [], "in another order nothing is known");
    }
}
