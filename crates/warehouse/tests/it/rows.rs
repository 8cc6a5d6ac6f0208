//! Streaming from PostgreSQL: everything arrives, once, in order, in pages of bounded memory.

use outflow_core::RowPage;
use outflow_core::ports::warehouse::Statement;

use crate::{read, select, shared, start, texts, values};

#[tokio::test]
async fn two_hundred_thousand_rows_arrive_in_order_and_unaltered() {
    let sql = "SELECT g, CASE WHEN g % 3 = 0 THEN NULL ELSE repeat(chr(945 + g % 20), g % 50) END, g::numeric / 8, ''
               FROM generate_series(1, 200000) g";
    let mut stream = start(&shared(), select(sql)).await.unwrap();
    let (mut page, mut g) = (RowPage::default(), 0_usize);
    while stream.next(&mut page).await.unwrap() {
        assert!(page.data.capacity() <= 512 << 10, "a page of {} bytes", page.data.capacity());
        for row in page.iter() {
            g += 1;
            let text = char::from_u32(945 + g as u32 % 20).unwrap().to_string().repeat(g % 50);
            let fields = texts(row, 4);
            assert_eq!(fields[0].as_deref(), Some(g.to_string().as_str()));
            assert_eq!(fields[1], (g % 3 != 0).then_some(text));
            assert_eq!(fields[2].as_deref().unwrap().parse::<f64>().unwrap(), g as f64 / 8.0);
            assert_eq!(fields[3].as_deref(), Some(""));
        }
    }
    assert_eq!(g, 200_000);
}

#[tokio::test]
async fn a_large_row_passes_and_its_memory_is_given_back() {
    let sql =
        "SELECT g, repeat('x', CASE g WHEN 50 THEN 20000000 ELSE 1000 END) FROM generate_series(1, 2000) g";
    let mut stream = start(&shared(), select(sql)).await.unwrap();
    let (mut page, mut count, mut largest, mut last) = (RowPage::default(), 0, 0, 0);
    while stream.next(&mut page).await.unwrap() {
        count += page.rows.len();
        largest = largest.max(page.iter().map(|row| row.size()).max().unwrap());
        last = page.data.capacity();
    }
    assert_eq!((count, largest), (2000, 20_000_000 + 8 + 2));
    assert!(last <= 1 << 20, "{last}");
}

#[tokio::test]
async fn results_without_rows_or_without_columns_are_results() {
    let (columns, rows) = read(&shared(), select("SELECT 1 AS a, 'x' AS \"B c\" WHERE false")).await.unwrap();
    assert_eq!(columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["a", "B c"]);
    assert!(rows.is_empty());
    let (columns, rows) = read(&shared(), select("SELECT FROM generate_series(1, 3)")).await.unwrap();
    assert_eq!((columns.len(), rows.len()), (0, 3));
}

/// The row after the last one that is asked for divides by zero.
#[tokio::test]
async fn a_limit_is_the_servers_limit_too() {
    let limited = |limit| Statement {
        sql: "SELECT 12 / (4 - g) FROM generate_series(1, 10) g".into(),
        limit: Some(limit),
        ..Statement::default()
    };
    for limit in 0..4 {
        let (columns, rows) = read(&shared(), limited(limit)).await.unwrap();
        assert_eq!((columns.len(), rows.len() as u64), (1, limit));
    }
    assert!(read(&shared(), limited(4)).await.is_err());
    let all = Statement { limit: Some(u64::MAX), ..select("SELECT generate_series(1, 5)") };
    assert_eq!(read(&shared(), all).await.unwrap().1.len(), 5);
}

#[tokio::test]
async fn notices_in_the_middle_are_passed_over() {
    let database = outflow_testkit::Postgres::shared().database("notices");
    database.sql(
        "CREATE FUNCTION loud(i int) RETURNS int LANGUAGE plpgsql AS
         $$ BEGIN RAISE WARNING '%', repeat('careful', 100); RETURN i; END $$",
    );
    let mut settings = crate::settings(outflow_testkit::Postgres::shared());
    settings.database = "notices".into();
    let rows = values(&crate::server(settings), "SELECT loud(g) FROM generate_series(1, 3000) g").await;
    assert_eq!(rows.len(), 3000);
}

#[tokio::test]
async fn the_label_names_the_session() {
    let mut statement =
        select("SELECT current_setting('application_name'), current_setting('transaction_read_only')");
    statement.label = "outflow'; x-users".into();
    let (_, rows) = read(&shared(), statement).await.unwrap();
    assert_eq!(rows, [[Some("outflowx-users".to_owned()), Some("on".to_owned())]]);
}
