//! Ports of this machine, and servers that run on a thread of their own.

use std::net::TcpListener;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::random::Rng;

/// An unused port of 127.0.0.1. It lies below the range from which systems take the ports of
/// outgoing connections, so none of those takes it either.
pub fn free_port() -> u16 {
    let mut rng = Rng::from_entropy();
    loop {
        let port = 20_000 + rng.below(12_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A server on a thread and a runtime of its own: it serves tests with and without a runtime alike,
/// and neither a busy nor a paused runtime of the test holds it up. It ends when this is dropped.
pub(crate) struct Server {
    pub port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on `port` (0: any) and runs `serve` with the listener until the drop.
    pub fn start<F>(port: u16, serve: impl FnOnce(tokio::net::TcpListener) -> F + Send + 'static) -> Server
    where
        F: Future<Output = ()>,
    {
        let listener =
            TcpListener::bind(("127.0.0.1", port)).expect("a port of 127.0.0.1 can be listened on");
        listener.set_nonblocking(true).expect("a listener can be non-blocking");
        let port = listener.local_addr().expect("a listener has an address").port();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime starts").block_on(async {
                let listener =
                    tokio::net::TcpListener::from_std(listener).expect("the runtime takes a listener");
                tokio::select! {
                    () = serve(listener) => {}
                    _ = stopped => {}
                }
            });
        });
        Server { port, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the server has been printed already; a second one here would abort the
            // test program.
            let _ = thread.join();
        }
    }
}
