//! Signals. Ctrl-C and SIGTERM: the first requests an orderly stop, the second ends the process at
//! once. SIGHUP: the project is to be read again.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// Turns true at the first signal.
pub fn listen() -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        for round in 0.. {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if round > 0 {
                std::process::exit(130);
            }
            stop.send_replace(true);
        }
    });
    stopped
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
