//! What the tests share.

use outflow_core::ports::spool::Rejection;
use outflow_core::run::FindingCount;
use outflow_core::{CallType, Code, Column, ColumnType, RowPage, RunKey};
use outflow_mapping::{Plan, RowEncoder, Shaped};

/// The run's clock, as calls show it.
pub const CLOCK: &str = "2026-11-24T10:20:30.456Z";

pub fn column(name: &str, ty: ColumnType) -> Column {
    Column { name: name.to_owned(), ty, declared: ty.name().to_owned() }
}

pub fn encoder(call: CallType, columns: &[Column]) -> RowEncoder {
    let plan = Plan::compile(call, columns).unwrap();
    RowEncoder::new(plan, RunKey(7), "2026-11-24T10:20:30.4567Z".parse().unwrap())
}

pub type Made = (Shaped, Vec<u8>, Vec<FindingCount>);

/// Shapes one row, as the sixth of its run, behind bytes that must stay.
pub fn run_row(call: CallType, columns: &[Column], row: &[Option<Vec<u8>>]) -> Result<Made, Box<Rejection>> {
    let mut encoder = encoder(call, columns);
    let mut page = RowPage::default();
    page.push(row.iter().map(Option::as_deref));
    let mut out = b"before".to_vec();
    let result = encoder.shape(page.iter().next().unwrap(), 5, &mut out);
    assert!(out.starts_with(b"before"));
    let text = out.split_off(6);
    match result {
        Ok(shaped) => Ok((shaped, text, encoder.findings())),
        Err(rejection) => {
            assert!(text.is_empty(), "a rejected row leaves nothing behind");
            assert!(encoder.findings().is_empty());
            Err(rejection)
        }
    }
}

/// A column with its value in the row at hand.
pub type Cell<'a> = (&'a str, ColumnType, Option<&'a str>);

/// Shapes one row given cell by cell.
pub fn run_cells(call: CallType, cells: &[Cell<'_>]) -> Result<Made, Box<Rejection>> {
    let columns: Vec<Column> = cells.iter().map(|(name, ty, _)| column(name, *ty)).collect();
    let row: Vec<Option<Vec<u8>>> =
        cells.iter().map(|(_, _, text)| text.map(|t| t.as_bytes().to_vec())).collect();
    run_row(call, &columns, &row)
}

/// The content of the call that such a row becomes, from `"type"` on.
pub fn content(call: CallType, cells: &[Cell<'_>]) -> String {
    let (_, text, _) = run_cells(call, cells).unwrap();
    let text = String::from_utf8(text).unwrap();
    let start = text.find("\"type\"").unwrap();
    text[start..].to_owned()
}

/// Code and column of the rejection that such a row becomes.
pub fn refused(call: CallType, cells: &[Cell<'_>]) -> (Code, String) {
    let rejection = run_cells(call, cells).unwrap_err();
    (rejection.code, rejection.column.unwrap_or_default())
}

/// One trait of an identify call, as it stands in the call.
pub fn trait_of(ty: ColumnType, text: Option<&str>) -> String {
    let content = content(CallType::Identify, &[("userId", ColumnType::Int, Some("1")), ("t", ty, text)]);
    content
        .strip_prefix(r#""type":"identify","userId":"1","traits":{"t":"#)
        .and_then(|rest| rest.strip_suffix("}}"))
        .unwrap()
        .to_owned()
}
