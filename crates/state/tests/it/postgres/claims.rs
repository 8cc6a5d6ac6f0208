//! One process writes at a time, and a dead one is followed at once.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use outflow_core::Code;
use outflow_core::ports::state::{RunFilter, StateStore as _};
use outflow_testkit::{ChaosProxy, Fault, Postgres};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{claim, store, store_at, url};
use crate::made::new_run;

const CHILD: &str = "OUTFLOW_STATE_TEST_CHILD";
const CLAIMED: &str = "@@claimed";

/// Not a test: the process that claims until it is killed. Without its environment it does nothing.
#[tokio::test]
async fn the_child_process() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let _state = store_at(&url).claim(None).await.unwrap();
    println!("\n{CLAIMED}");
    std::io::stdout().flush().unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_has_the_claim() {
    let server = Postgres::start();
    waiting(server.port()).await;
    killed_process(server.port()).await;
    cut_off(server.port()).await;
    lost_session(&server).await;
    stale_token(&server).await;
}

/// A second handle is refused or waits, and goes on as soon as the first is gone.
async fn waiting(port: u16) {
    let first = claim(port, "waiting").await;
    let refused = store(port, "waiting").claim(None).await.err().unwrap();
    assert_eq!(refused.code(), Code::StateHeld);
    let process = format!("process {}", std::process::id());
    assert!(refused.message().contains(&process), "{refused}");

    let (stop, stopped) = oneshot::channel::<()>();
    let waits = Box::pin(async { stopped.await.unwrap() });
    let waiter = tokio::spawn(async move { store(port, "waiting").claim(Some(waits)).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.send(()).unwrap();
    assert_eq!(waiter.await.unwrap().err().unwrap().code(), Code::Interrupted);

    let forever = Box::pin(std::future::pending());
    let waiter = tokio::spawn(async move { store(port, "waiting").claim(Some(forever)).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiter.is_finished());
    let clone = first.clone();
    drop(first);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!waiter.is_finished(), "a clone still has the claim");
    drop(clone);
    let second = timeout(Duration::from_secs(5), waiter).await.unwrap().unwrap().unwrap();
    second.create_run(&new_run("users")).await.unwrap();
    let other = claim(port, "another_schema").await;
    assert_ne!(other.installation(), second.installation());
    assert_ne!(other.lease(), second.lease());
}

/// A process that is killed frees its claim at once.
async fn killed_process(port: u16) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "postgres::claims::the_child_process", "--nocapture", "--test-threads=1"])
        .env(CHILD, url(port, "killed"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == CLAIMED));
    assert_eq!(store(port, "killed").claim(None).await.err().unwrap().code(), Code::StateHeld);
    child.kill().unwrap();
    child.wait().unwrap();
    let killed = Instant::now();
    claim(port, "killed").await;
    assert!(killed.elapsed() < Duration::from_secs(2), "{:?}", killed.elapsed());
}

/// A process that the network cuts off loses its claim to another, and then writes nothing.
async fn cut_off(port: u16) {
    let proxy = ChaosProxy::start(port);
    let first = claim(proxy.port(), "cut_off").await;
    let run = first.create_run(&new_run("users")).await.unwrap().id;
    proxy.set(Fault::Refuse);
    proxy.reset_all();
    let second = claim(port, "cut_off").await;
    proxy.set(Fault::None);
    let refused = first.create_run(&new_run("users")).await.unwrap_err();
    assert_eq!(refused.code(), Code::StateHeld);
    let refused = first.forget_segments(run).await.unwrap_err();
    assert_eq!(refused.code(), Code::StateHeld);
    assert_eq!(first.runs(&RunFilter::default()).await.unwrap().len(), 1, "it may still look");
    assert_eq!(second.create_run(&new_run("users")).await.unwrap().id.0, 2);
    // The one that was cut off does not take the claim back, even once it is free.
    drop(second);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let third = claim(port, "cut_off").await;
    assert_eq!(first.create_run(&new_run("users")).await.unwrap_err().code(), Code::StateHeld);
    third.create_run(&new_run("users")).await.unwrap();
}

/// A holder whose session ends takes the lock again.
async fn lost_session(server: &Postgres) {
    let state = claim(server.port(), "lost_session").await;
    for _ in 0..3 {
        let ended = server.sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE application_name = 'outflow' AND pid <> pg_backend_pid()",
        );
        assert_ne!(ended, "0");
        state.create_run(&new_run("users")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let refused = store(server.port(), "lost_session").claim(None).await.err().unwrap();
        assert_eq!(refused.code(), Code::StateHeld);
    }
    assert_eq!(state.runs(&RunFilter::default()).await.unwrap().len(), 3);
}

/// Every write looks at the token, whatever has become of the lock.
async fn stale_token(server: &Postgres) {
    let state = claim(server.port(), "stale").await;
    state.create_run(&new_run("users")).await.unwrap();
    server.sql("UPDATE stale.claims SET token = '\\x00'");
    for _ in 0..2 {
        assert_eq!(state.create_run(&new_run("users")).await.unwrap_err().code(), Code::StateHeld);
        assert_eq!(state.scrub().await.unwrap_err().code(), Code::StateHeld);
    }
    assert_eq!(state.runs(&RunFilter::default()).await.unwrap().len(), 1);
}
