//! A warehouse and a destination that follow a script, and an engine on the real spool and state.

mod copies;
mod nothing;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use outflow_core::outcome::Verdict;
use outflow_core::ports::destination::{
    BatchLimits, Destination, Endpoint, Envelope, Records, Request, RequestLimits,
};
use outflow_core::ports::state::{State, StateStore as _};
use outflow_core::ports::warehouse::{
    Check, Expected, OpenTransactions, RowStream, Session, Statement, Warehouse,
};
use outflow_core::run::{RunOptions, RunTrigger};
use outflow_core::sync::Schedule;
use outflow_core::{
    Answer, BoxFuture, CallMeta, CallType, Clock, Code, Column, ColumnType, Connection, Dialect, Error,
    FirstRun, Guards, Nulls, RateHint, References, Refusal, Reply, Result, RowPage, SyncSpec, SystemClock,
    Timestamp, VolatileFunction,
};
use outflow_engine::serve::BacklogQuota;
use outflow_engine::{Engine, Errors, Paused, RunDocument, RunRequest};
use outflow_spool::{DiskBaseline, DiskSpool};
use outflow_state::SqliteStore;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

pub use nothing::nothing_read;

/// Rows as texts.
type TextRows = Vec<Vec<Option<String>>>;

/// Columns of these names and types, as a warehouse describes them.
pub fn described(columns: &[(&'static str, ColumnType)]) -> Vec<Column> {
    let column = |(name, ty): &(&str, ColumnType)| Column {
        name: (*name).to_owned(),
        ty: *ty,
        declared: String::new(),
    };
    columns.iter().map(column).collect()
}

/// A result in memory. It records the statements that it received.
#[derive(Clone, Default)]
pub struct Table {
    pub columns: Vec<(&'static str, ColumnType)>,
    pub rows: Arc<Mutex<TextRows>>,
    pub statements: Arc<Mutex<Vec<String>>>,
    /// Breaks off after that many rows.
    pub breaks_after: Arc<Mutex<Option<usize>>>,
    pub clock: Arc<Mutex<i64>>,
    pub cancelled: Arc<AtomicUsize>,
    /// What a second statement in the same snapshot gives; `None`: the same rows.
    pub again: Arc<Mutex<Option<TextRows>>>,
    /// Each statement takes one of these before it gives rows.
    pub hold: Option<Arc<tokio::sync::Semaphore>>,
    /// This many connections panic.
    pub panics: Arc<AtomicUsize>,
}

impl Table {
    /// Users with these ids.
    pub fn users(ids: impl IntoIterator<Item = u64>) -> Self {
        let table = Self {
            columns: vec![("userid", ColumnType::Int), ("plan", ColumnType::Text)],
            clock: Arc::new(Mutex::new(1_000_000)),
            ..Self::default()
        };
        table.set(ids.into_iter().map(|id| (Some(id.to_string()), "pro")));
        table
    }

    /// The rows of these users are all that the sync's next run reads.
    pub fn set_again(&self, ids: impl IntoIterator<Item = u64>) {
        let rows = ids.into_iter().map(|id| vec![Some(id.to_string()), Some("pro".to_owned())]);
        *self.again.lock().unwrap() = Some(rows.collect());
    }

    pub fn set(&self, rows: impl IntoIterator<Item = (Option<String>, &'static str)>) {
        *self.rows.lock().unwrap() =
            rows.into_iter().map(|(id, plan)| vec![id, Some(plan.to_owned())]).collect();
    }
}

impl Warehouse for Table {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn source_id(&self) -> String {
        "table".to_owned()
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Session>>> {
        Box::pin(async {
            let is_due = self.panics.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
            assert!(is_due.is_err(), "planted");
            Ok(Box::new(self.clone()) as Box<dyn Session>)
        })
    }

    fn test<'a>(&'a self, _: &'a mut (dyn FnMut(Check) + Send)) -> BoxFuture<'a, ()> {
        // A table in memory has no steps.
        Box::pin(async {})
    }
}

impl Session for Table {
    fn clock(&mut self) -> BoxFuture<'_, Result<Timestamp>> {
        let seconds = *self.clock.lock().unwrap();
        Box::pin(async move { Ok(Timestamp::from_second(seconds).unwrap()) })
    }

    fn open_transactions(&mut self) -> BoxFuture<'_, Result<OpenTransactions>> {
        // A table in memory does not say.
        Box::pin(async { Ok(OpenTransactions::default()) })
    }

    fn volatile_functions<'a>(
        &'a mut self,
        _: &'a References,
    ) -> BoxFuture<'a, Result<Vec<VolatileFunction>>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn describe<'a>(&'a mut self, _: &'a str) -> BoxFuture<'a, Result<Vec<Column>>> {
        Box::pin(async { Ok(described(&self.columns)) })
    }

    fn explain<'a>(&'a mut self, _: &'a str) -> BoxFuture<'a, Result<Option<Expected>>> {
        let rows = self.rows.lock().unwrap().len() as u64;
        Box::pin(async move { Ok(Some(Expected { rows, width: 16 })) })
    }

    fn query(self: Box<Self>, statement: Statement) -> BoxFuture<'static, Result<Box<dyn RowStream>>> {
        self.statements.lock().unwrap().push(statement.sql);
        let mut rows = self.rows.lock().unwrap().clone();
        rows.truncate(statement.limit.map_or(usize::MAX, |l| l as usize));
        let columns = described(&self.columns);
        let breaks_after = *self.breaks_after.lock().unwrap();
        let (cancelled, hold) = (self.cancelled.clone(), self.hold.clone());
        let statements = self.statements.clone();
        let again = self.again.lock().unwrap().clone();
        Box::pin(async move {
            if let Some(hold) = hold {
                hold.acquire().await.unwrap().forget();
            }
            Ok(Box::new(Rows { columns, rows, again, at: 0, breaks_after, cancelled, statements })
                as Box<dyn RowStream>)
        })
    }
}

struct Rows {
    columns: Vec<Column>,
    rows: TextRows,
    again: Option<TextRows>,
    at: usize,
    breaks_after: Option<usize>,
    cancelled: Arc<AtomicUsize>,
    statements: Arc<Mutex<Vec<String>>>,
}

impl RowStream for Rows {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn next<'a>(&'a mut self, page: &'a mut RowPage) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            page.clear();
            if self.breaks_after.is_some_and(|n| self.at >= n) {
                return Err(Error::new(Code::ConnectionBroken, "the connection broke"));
            }
            for row in self.rows.iter().skip(self.at).take(100) {
                page.push(row.iter().map(|f| f.as_deref().map(str::as_bytes)));
            }
            self.at += page.rows.len();
            Ok(!page.rows.is_empty())
        })
    }

    fn requery_snapshot<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        self.statements.lock().unwrap().push(sql.to_owned());
        self.at = 0;
        if let Some(again) = self.again.take() {
            self.rows = again;
        }
        Box::pin(async { Ok(()) })
    }

    fn cancel(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.cancelled.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {})
    }
}

type Script = dyn Fn(usize, &[Value]) -> Answer + Send + Sync;

/// A destination that answers by a script: the request's number from 0, and its calls.
pub struct Scripted {
    name: String,
    limits: RequestLimits,
    endpoint: Endpoint,
    script: Box<Script>,
    requests: AtomicUsize,
    under_way: AtomicUsize,
    pub most_under_way: AtomicUsize,
    /// Waits between tries as a real destination does, and not just for a moment.
    pub patient: AtomicBool,
    /// Each request takes one of these before it is answered, as at a slow destination.
    pub hold: Mutex<Option<Arc<tokio::sync::Semaphore>>>,
    /// What each answer says about the rate limit.
    pub hint: Mutex<RateHint>,
    pub taken: Mutex<Vec<Value>>,
    /// Calls with this plan or event are not for it.
    pub filters: Mutex<Option<&'static str>>,
}

impl Scripted {
    pub fn new(name: &str, script: impl Fn(usize, &[Value]) -> Answer + Send + Sync + 'static) -> Arc<Self> {
        Self::with_limits(name, BatchLimits { records: 10, bytes: 100_000 }, 4, script)
    }

    pub fn with_limits(
        name: &str,
        batch: BatchLimits,
        concurrency: usize,
        script: impl Fn(usize, &[Value]) -> Answer + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            limits: RequestLimits { concurrency, rate: None, burst: None },
            endpoint: Endpoint { envelope: Envelope::from_static(b"[", b",", b"]"), limits: batch },
            script: Box::new(script),
            requests: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
            patient: AtomicBool::new(false),
            hold: Mutex::default(),
            hint: Mutex::default(),
            taken: Mutex::default(),
            filters: Mutex::default(),
        })
    }

    /// How often each user id was taken.
    pub fn users(&self) -> HashMap<String, usize> {
        let mut users = HashMap::new();
        for call in self.taken.lock().unwrap().iter() {
            *users.entry(call["userId"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
        users
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Destination for Scripted {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> &RequestLimits {
        &self.limits
    }

    fn endpoints(&self) -> &[Endpoint] {
        std::slice::from_ref(&self.endpoint)
    }

    fn prepare(&self, _: &CallMeta, json: &[u8], _: Nulls, records: &mut Records<'_>) -> Verdict {
        let call = serde_json::from_slice::<Value>(json).unwrap();
        let value = call["traits"]["plan"].as_str().or(call["event"].as_str());
        let filtered = *self.filters.lock().unwrap();
        match value {
            Some("not for us") => Verdict::Filter,
            Some(value) if filtered.is_some_and(|word| value.starts_with(word)) => Verdict::Filter,
            Some("too large") => Verdict::Refuse(refusal(Code::CallTooLargeForDestination, None)),
            _ => {
                records.push(0, |out| out.extend_from_slice(json));
                Verdict::Send
            }
        }
    }

    fn test<'a>(&'a self, _: bool, _: &'a mut (dyn FnMut(Check) + Send)) -> BoxFuture<'a, ()> {
        // It has no steps.
        Box::pin(async {})
    }

    fn deliver<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let calls: Vec<Value> = serde_json::from_slice(&request.body).unwrap();
            assert_eq!(calls.len(), request.records);
            let limits = self.endpoint.limits;
            assert!(request.body.len() <= limits.bytes && calls.len() <= limits.records);
            let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_under_way.fetch_max(now, Ordering::SeqCst);
            tokio::task::yield_now().await;
            let hold = self.hold.lock().unwrap().clone();
            if let Some(hold) = hold {
                hold.acquire().await.unwrap().forget();
            }
            let answer = (self.script)(self.requests.fetch_add(1, Ordering::SeqCst), &calls);
            let refused: Vec<usize> = match &answer {
                Answer::Delivered => vec![],
                Answer::Partial(refused) => refused.iter().map(|r| r.0).collect(),
                _ => (0..calls.len()).collect(),
            };
            let taken = calls.into_iter().enumerate().filter(|(i, _)| !refused.contains(i)).map(|(_, c)| c);
            self.taken.lock().unwrap().extend(taken);
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            Reply { answer, hint: self.hint.lock().unwrap().clone() }
        })
    }

    fn backoff(&self, failures: u32) -> Duration {
        match self.patient.load(Ordering::SeqCst) {
            true => Duration::from_secs(1 << failures.min(6)),
            false => Duration::from_millis(2),
        }
    }
}

pub fn refusal(code: Code, status: Option<u16>) -> Refusal {
    Refusal { code, status, reason: "no".to_owned() }
}

pub fn retry(code: Code) -> Answer {
    Answer::Retry { code, status: None, reason: "later".to_owned(), after: None }
}

pub fn stop(code: Code) -> Answer {
    Answer::Stop { code, status: Some(401), reason: "no".to_owned() }
}

/// An engine in a new folder.
pub struct House {
    pub dir: TempDir,
    pub engine: Engine,
    pub stop: watch::Sender<bool>,
    /// What was found of a restore when it was opened.
    pub restored: Option<Error>,
}

impl House {
    pub fn new(destinations: &[&Arc<Scripted>]) -> Self {
        Self::in_dir(tempfile::tempdir().unwrap(), destinations)
    }

    fn in_dir(dir: TempDir, destinations: &[&Arc<Scripted>]) -> Self {
        Self::of(dir, destinations.iter().map(|d| Arc::clone(d) as Arc<dyn Destination>))
    }

    pub fn of(dir: TempDir, destinations: impl IntoIterator<Item = Arc<dyn Destination>>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let engine = Engine {
            state: claimed(dir.path()),
            spool: Arc::new(DiskSpool::open(&dir.path().join("spool"), 0).unwrap()),
            baseline: Arc::new(DiskBaseline::open(&dir.path().join("baseline"), 0).unwrap()),
            clock: Arc::new(SystemClock) as Arc<dyn Clock>,
            destinations: destinations.into_iter().map(|d| (d.name().to_owned(), d)).collect(),
            paused: Paused::default(),
            limiters: Arc::default(),
            budgets: Arc::default(),
            stop: stopped,
        };
        let restored = on_a_thread(engine.look_for_restore());
        Self { dir, engine, stop, restored }
    }

    /// The process ends; another one finds what it left.
    pub fn reopened(self, destinations: &[&Arc<Scripted>]) -> Self {
        let Self { dir, engine, .. } = self;
        drop(engine);
        Self::in_dir(dir, destinations)
    }

    pub async fn run(
        &self,
        spec: &SyncSpec,
        warehouse: &dyn Warehouse,
    ) -> std::result::Result<RunDocument, Errors> {
        self.run_with(spec, warehouse, RunOptions::default()).await
    }

    pub async fn run_with(
        &self,
        spec: &SyncSpec,
        warehouse: &dyn Warehouse,
        options: RunOptions,
    ) -> std::result::Result<RunDocument, Errors> {
        let result = self.engine.run(spec, warehouse, &request(options)).await;
        if let Ok(document) = &result {
            assert!(document.rows.closed(), "{:?}", document.rows);
            for (name, d) in &document.destinations {
                assert!(d.counts.closed(), "{name}: {:?}", d.counts);
            }
            let found = self.engine.reader().verify(document.run).await.unwrap();
            assert!(found.differences.is_empty(), "{found:?}");
        }
        result
    }

    /// A run beside the unfinished ones.
    pub async fn run_beside(
        &self,
        spec: &SyncSpec,
        warehouse: &dyn Warehouse,
        options: RunOptions,
    ) -> RunDocument {
        let run = self.engine.run_beside(spec, warehouse, &request(options)).await.unwrap();
        let found = self.engine.reader().verify(run.run).await.unwrap();
        assert!(run.rows.closed() && found.differences.is_empty(), "{found:?}");
        run
    }

    pub fn state(&self) -> &dyn State {
        self.engine.state.as_ref()
    }
}

fn claimed(dir: &Path) -> Arc<dyn State> {
    let store = SqliteStore::new(dir);
    on_a_thread(async { store.claim(None).await })
}

/// On a thread of its own, as houses are built inside of runtimes and outside of them.
fn on_a_thread<T: Send>(work: impl Future<Output = Result<T>> + Send) -> T {
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(work).unwrap()
    };
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

pub fn request(options: RunOptions) -> RunRequest {
    RunRequest {
        options,
        trigger: RunTrigger::Manual,
        due_at: None,
        delivery_timeout: Some(Duration::from_millis(400)),
        backlog: BacklogQuota::default(),
        side: None,
        observer: Arc::new(|_| {}),
    }
}

/// A sync of users to these destinations.
pub fn users_to(destinations: &[&str]) -> SyncSpec {
    SyncSpec {
        name: "users".into(),
        description: String::new(),
        tags: Vec::new(),
        source: "shop".into(),
        database: "main".into(),
        dialect: Dialect::Postgres,
        call_type: CallType::Identify,
        query: "SELECT id AS userId, plan FROM users WHERE updated >= {{last_sync_time}}".into(),
        schedule: Schedule::Manual,
        connections: destinations
            .iter()
            .map(|d| Connection { destination: (*d).to_owned(), nulls: Nulls::Send })
            .collect(),
        lookback: Duration::from_secs(1),
        lookback_max: Duration::from_secs(3_600),
        cursor: None,
        ids: Default::default(),
        on_invalid_value: Default::default(),
        first_run: FirstRun::Beginning,
        enabled: true,
        query_timeout: None,
        max_run_bytes: None,
        guards: Guards::default(),
    }
}

pub fn codes(errors: &Errors) -> Vec<Code> {
    errors.0.iter().map(Error::code).collect()
}
