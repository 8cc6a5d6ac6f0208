//! `outflow demo`: the whole product on embedded parts.
//!
//! A SQLite file stands in for the warehouse and a server on loopback for Customer.io; everything
//! between them is the engine that users run, on a project that is written to a folder and stays
//! there. By itself it makes two days of history, serves the page and the API on loopback, signs
//! the newcomer in by a link, and keeps rows changing and syncs running. `--once` runs every sync
//! twice instead, says what happened, and ends.
//!
//! What always holds: every run in the history was made by the engine, under a clock that was
//! behind ([`SystemClock::set_behind`]); nothing in it is written by hand.

mod data;
mod days;
mod files;
mod live;
mod receiver;
mod twice;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use outflow_app::{App, Caller, Errors, Event};
use outflow_core::{Clock as _, Code, Error, SystemClock};

use crate::cli::Demo;
use crate::exit::Exit;
use crate::output::{Printer, count};
use crate::progress::Display;
use crate::signals;
use files::Pace;
use receiver::Receiver;

/// What the demo plays with.
struct Stage {
    app: App,
    folder: PathBuf,
    receiver: Receiver,
}

impl Stage {
    /// Writes the project and the shop, and has the receiver listen.
    async fn build(args: &Demo, pace: Pace) -> Result<Self, Errors> {
        let receiver = Receiver::start().await?;
        files::write(&args.dir, receiver.address(), pace)?;
        let app = App::new(args.dir.clone(), None);
        let stage = Self { app, folder: args.dir.clone(), receiver };
        let people = args.people;
        stage.with_shop(move |path| data::create(path, people)).await?;
        Ok(stage)
    }

    /// Does something with the shop's file, on a thread of its own.
    async fn with_shop<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let path = self.folder.join("shop.db");
        let failed = || Error::new(Code::SqliteUnreadable, "the demo's warehouse cannot be written");
        match tokio::task::spawn_blocking(move || work(&path)).await {
            Ok(result) => result.map_err(|e| failed().caused_by(e)),
            Err(join) => Err(failed().caused_by(join)),
        }
    }
}

/// Runs the demo.
pub async fn demo(args: &Demo, printer: Printer) -> Result<Exit, Errors> {
    let stop = signals::listen();
    let pace = if args.once { Pace::Once } else { Pace::Days };
    let stage = Stage::build(args, pace).await?;
    let shop = args.dir.join("shop.db");
    printer.say(&format!("a shop with {} people in {}", count(args.people.into()), shop.display()));
    if args.once {
        let display = Display::new(printer);
        let listener = Arc::new(move |event: Event<'_>| {
            if let Event::Run { sync, event } = event {
                display.run(sync, event);
            }
        });
        return twice::two_rounds(&stage, &Caller { stop, listener }, printer).await;
    }
    stage.receiver.suppress(data::SUPPRESSED);
    let caller = Caller { stop, listener: Arc::new(|_| {}) };
    days::run(&stage, args.people, &caller, printer).await?;
    if !*caller.stop.borrow() {
        live::serve(&stage, args.listen, &caller, printer).await?;
    }
    Ok(Exit::Done)
}

/// The present second.
fn now_s() -> i64 {
    SystemClock.now().as_second()
}
