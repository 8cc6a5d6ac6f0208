//! Two days of history: what `outflow run --due` does each hour, under a clock that is behind.
//!
//! What always holds: when it ends, however it ends, the clock is right again.

use std::time::Duration;

use outflow_app::{Caller, Errors, RunRequest, Selection};
use outflow_core::SystemClock;

use super::{Stage, data, now_s};
use crate::output::Printer;

/// How far back the history goes, and how often syncs are looked at in it.
const BACK_S: u32 = 2 * 86_400;
const STEP_S: u32 = 3_600;
/// That long ago more companies came in than their sync sends without approval.
const IMPORT_S: u32 = 5 * 3_600;

/// Sets the clock right when it is dropped.
struct InThePast;

impl Drop for InThePast {
    fn drop(&mut self) {
        SystemClock::set_behind(0);
    }
}

/// Makes the history.
///
/// # Errors
/// Those of `outflow run --due`.
pub(super) async fn run(stage: &Stage, people: u32, caller: &Caller, printer: Printer) -> Result<(), Errors> {
    printer.say("two days of history: every sync runs as it is due");
    let _past = InThePast;
    let request = RunRequest {
        delivery_timeout: Duration::from_secs(60),
        parallel: 1,
        ..RunRequest::new(Selection::Due)
    };
    // A little behind each hour, as a timer would be.
    let end = now_s() / i64::from(STEP_S) * i64::from(STEP_S) + 1;
    let late = u32::try_from(now_s() - end).unwrap_or_default();
    let mut imported = false;
    for (round, behind) in (0..=BACK_S / STEP_S).rev().map(|steps| steps * STEP_S).enumerate() {
        if *caller.stop.borrow() {
            break;
        }
        SystemClock::set_behind(behind + late);
        let (at, round) = (now_s() - 5, u32::try_from(round).unwrap_or_default() + 2);
        stage.with_shop(move |path| data::change(path, at, round)).await?;
        if behind <= IMPORT_S && !imported {
            imported = true;
            stage.with_shop(move |path| data::import(path, at, people)).await?;
        }
        stage.app.run(&request, caller).await?;
    }
    Ok(())
}
