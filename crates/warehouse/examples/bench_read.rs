//! Reads a query to its end and prints rows and bytes a second, for profiling: `bench_read HOST
//! PORT DATABASE USER PASSWORD QUERY`, or `bench_read FILE.db QUERY` for SQLite. TLS as
//! `SSL=require` and the like ask, else none.

use std::sync::Arc;
use std::time::Instant;

use outflow_core::ports::warehouse::{Statement, Warehouse};
use outflow_core::{Result, RowPage, SystemClock};
use outflow_warehouse::{Aws, Login, Server, ServerKind, ServerSettings, Sqlite, Tls, TlsMode};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (warehouse, sql): (Box<dyn Warehouse>, &str) = match &arguments[..] {
        [file, sql] => (Box::new(Sqlite::new(file.into())), sql),
        [host, port, database, user, password, sql] => {
            let mode = match std::env::var("SSL").as_deref() {
                Ok("require") => TlsMode::Require,
                _ => TlsMode::Disable,
            };
            let settings = ServerSettings {
                kind: ServerKind::Postgres,
                host: host.clone(),
                port: port.parse().expect("the port is a number"),
                database: database.clone(),
                login: Login::password(user, password),
                tls: Tls { mode, ..Tls::default() },
                allow_cleartext_password: true,
                allow_functions: Vec::new(),
                tunnel: None,
                connect_timeout: ServerSettings::CONNECT_TIMEOUT,
            };
            (Box::new(Server::new(settings, &Aws::new(|_| None, Arc::new(SystemClock)))?), sql)
        }
        _ => panic!("bench_read HOST PORT DATABASE USER PASSWORD QUERY, or bench_read FILE.db QUERY"),
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    runtime.block_on(read(&*warehouse, sql))
}

async fn read(warehouse: &dyn Warehouse, sql: &str) -> Result<()> {
    let begun = Instant::now();
    let statement = Statement { sql: sql.to_owned(), ..Statement::default() };
    let mut stream = warehouse.connect().await?.query(statement).await?;
    let mut page = RowPage::default();
    let (mut pages, mut rows, mut bytes) = (0_u64, 0_u64, 0_u64);
    while stream.next(&mut page).await? {
        pages += 1;
        rows += page.rows.len() as u64;
        bytes += page.iter().map(|row| row.size() as u64).sum::<u64>();
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{rows} rows, {bytes} bytes, {pages} pages in {seconds:.3} s: {:.0} rows/s, {:.0} MB/s",
        rows as f64 / seconds,
        bytes as f64 / seconds / 1e6
    );
    Ok(())
}
