//! Signals. Ctrl-C and SIGTERM: the first requests an orderly stop, the second ends the process at
//! once. SIGHUP: the project is to be read again.
//!
//! What always holds: a stop is over within [`STOP_WITHIN`], whoever hangs. Signals are taken by a
//! thread of their own, so that they have their effect even if all other threads are blocked.

use std::io::Write as _;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::exit::Exit;

/// A stop takes no longer. What is not done then is left as after a crash: nothing is lost.
const STOP_WITHIN: Duration = Duration::from_secs(60);
/// How long the last line may take: whoever reads stderr may hang, too.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Turns true at the first signal.
pub fn listen() -> watch::Receiver<bool> {
    listen_and(|| {})
}

/// The same, and does this at the first signal, on a thread of its own: whoever reads stderr may
/// hang, and the stop must not wait for them.
pub fn listen_and(first: impl FnOnce() + Send + 'static) -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    let (ready, is_ready) = sync_channel(1);
    let thread = std::thread::Builder::new().name("signals".to_owned());
    let started = thread.spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
            let _ = ready.send(());
            if let (Ok(interrupt), Ok(terminate)) = signals {
                obey(interrupt, terminate, &stop, first).await;
            }
        });
    });
    if started.is_ok() {
        // From here on no signal ends the process by itself.
        let _ = is_ready.recv();
    }
    stopped
}

async fn obey(
    mut interrupt: Signal,
    mut terminate: Signal,
    stop: &watch::Sender<bool>,
    first: impl FnOnce() + Send + 'static,
) {
    let mut next = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    next().await;
    stop.send_replace(true);
    std::thread::spawn(first);
    if tokio::time::timeout(STOP_WITHIN, next()).await.is_ok() {
        std::process::exit(Exit::Interrupted.code().into());
    }
    let words = format!("the stop took longer than {STOP_WITHIN:?}: the process ends as it is");
    std::thread::spawn(move || drop(writeln!(std::io::stderr().lock(), "{words}")));
    tokio::time::sleep(LAST_WORDS).await;
    std::process::exit(Exit::Failed.code().into());
}

/// One message for each SIGHUP. Those that come before the last one was handled count as one.
pub fn hang_ups() -> mpsc::Receiver<()> {
    let (reload, reloads) = mpsc::channel(1);
    if let Ok(mut hang_up) = signal(SignalKind::hangup()) {
        tokio::spawn(async move {
            while hang_up.recv().await.is_some() {
                // A full channel has a message already.
                let _ = reload.try_send(());
            }
        });
    }
    reloads
}
