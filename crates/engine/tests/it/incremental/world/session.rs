//! A world as the engine reads it: its clocks, its sessions and its results.

use outflow_core::ports::warehouse::{
    Check, Expected, OpenTransactions, RowStream, Session, Statement, Warehouse,
};
use outflow_core::{
    BoxFuture, Clock, Code, Column, Dialect, Error, References, Result, RowPage, Timestamp, Uptime,
    VolatileFunction,
};

use super::{BEGIN, SECOND, Shared, Version};

impl Clock for Shared {
    fn now(&self) -> Timestamp {
        let world = self.lock();
        Timestamp::from_microsecond(world.now + world.own_skew + 12_345_678).unwrap()
    }

    fn uptime(&self) -> Option<Uptime> {
        let world = self.lock();
        world.boot.map(|boot| Uptime { boot: boot.to_string(), us: world.now - BEGIN })
    }
}

impl Warehouse for Shared {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn source_id(&self) -> String {
        self.lock().place.clone()
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Session>>> {
        Box::pin(async { Ok(Box::new(self.clone()) as Box<dyn Session>) })
    }

    fn test<'a>(&'a self, _: &'a mut (dyn FnMut(Check) + Send)) -> BoxFuture<'a, ()> {
        // A model has no steps.
        Box::pin(async {})
    }
}

impl Session for Shared {
    fn clock(&mut self) -> BoxFuture<'_, Result<Timestamp>> {
        Box::pin(async { Ok(self.lock().clock()) })
    }

    fn open_transactions(&mut self) -> BoxFuture<'_, Result<OpenTransactions>> {
        Box::pin(async {
            let mut world = self.lock();
            // Between the clock and this question, too.
            world.step(SECOND / 2);
            Ok(world.open())
        })
    }

    fn volatile_functions<'a>(
        &'a mut self,
        _: &'a References,
    ) -> BoxFuture<'a, Result<Vec<VolatileFunction>>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn describe<'a>(&'a mut self, _: &'a str) -> BoxFuture<'a, Result<Vec<Column>>> {
        Box::pin(async { Ok(self.lock().shape.columns()) })
    }

    fn explain<'a>(&'a mut self, _: &'a str) -> BoxFuture<'a, Result<Option<Expected>>> {
        Box::pin(async { Ok(None) })
    }

    fn query(self: Box<Self>, statement: Statement) -> BoxFuture<'static, Result<Box<dyn RowStream>>> {
        Box::pin(async move {
            let hold = if statement.hold { self.lock().hold.take() } else { None };
            if let Some(hold) = hold {
                self.lock().is_held = true;
                hold.begun.notify_one();
                hold.ended.notified().await;
                self.lock().is_held = false;
            }
            let mut world = self.lock();
            if world.dropped.is_some_and(|text| statement.sql.contains(text)) {
                return Err(Error::new(Code::UnknownTableOrColumn, "the table t is gone"));
            }
            let rows = world.query(&statement);
            let breaks_after = match world.breaks_later.checked_sub(1) {
                Some(left) => {
                    world.breaks_later = left;
                    None
                }
                None => world.breaks_after.take(),
            };
            let columns = world.shape.columns();
            let held = statement.hold.then(|| world.snapshot.clone());
            drop(world);
            let sql = statement.sql;
            Ok(Box::new(Rows { world: *self, columns, rows, breaks_after, held, sql }) as Box<dyn RowStream>)
        })
    }
}

struct Rows {
    world: Shared,
    columns: Vec<Column>,
    rows: Vec<Version>,
    breaks_after: Option<usize>,
    held: Option<Vec<Version>>,
    /// The statement.
    sql: String,
}

impl RowStream for Rows {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn next<'a>(&'a mut self, page: &'a mut RowPage) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            page.clear();
            let mut world = self.world.lock();
            // Writers do not wait for readers.
            world.step(SECOND / 2);
            let taken = self.rows.len().min(3);
            for version in self.rows.drain(..taken) {
                let fields = world.shape.fields(&version, &self.sql);
                page.push(fields.iter().map(|f| f.as_deref().map(str::as_bytes)));
            }
            match &mut self.breaks_after {
                Some(left) if *left < taken || taken == 0 => {
                    Err(Error::new(Code::ConnectionBroken, "it broke"))
                }
                Some(left) => {
                    *left -= taken;
                    Ok(true)
                }
                None => Ok(taken > 0),
            }
        })
    }

    fn requery_snapshot<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let mut world = self.world.lock();
            assert!(self.rows.is_empty(), "the result has not ended");
            let held = self.held.clone().expect("the statement does not hold its snapshot");
            let now = std::mem::replace(&mut world.snapshot, held);
            self.rows = world.read(sql);
            world.snapshot = now;
            self.breaks_after = std::mem::take(&mut world.breaks_again).then_some(0);
            Ok(())
        })
    }

    fn cancel(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}
