//! Live events as server-sent events (SSE).
//!
//! What always holds: `id` is the number of an event in this process; `Last-Event-ID` goes on
//! behind it. What a client has missed and can no longer get is said by an event `gap`. A stream
//! ends after an hour, so that whoever has lost the permission loses the stream; clients connect
//! again by themselves.

use std::fmt::Write as _;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use outflow_app::live::{Heard, Live, LiveEvent};
use outflow_app::{RunListEntry, RunName};
use outflow_core::{Code, RunId, RunState};
use serde::Serialize;
use serde_json::json;
use tokio::time::{Instant, timeout, timeout_at};

use super::runs::{named, words_for};
use crate::access::{May, to};
use crate::context::Context;
use crate::extract::Path;
use crate::problem::Refusal;
use crate::reply::Answer;
use crate::stream::{self, Pieces};

/// A comment keeps proxies from closing a stream on which nothing happens.
const BEAT: Duration = Duration::from_secs(15);
/// A stream ends after this time.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Everything that happens, as it happens.
///
/// `event` is the kind, `data` the event as JSON. Progress of a run or a delivery comes at most
/// four times a second. With `Last-Event-ID` the stream goes on behind that event; an event `gap`
/// says which numbers are gone.
#[utoipa::path(get, path = "/api/v1/events", operation_id = "events", tag = "events",
    params(("Last-Event-ID" = Option<String>, Header, description = "`id` of the last event that was received")),
    responses((status = 200, body = LiveEvent, content_type = "text/event-stream")))]
pub(crate) async fn all(
    _: May<to::ReadStatus>,
    State(context): State<Context>,
    headers: HeaderMap,
) -> Answer<Response> {
    let place = context.listener()?;
    let live = context.app().live().ok_or_else(not_serving)?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    Ok(stream::events(move |pieces| async move {
        let _place = place;
        let (from, mut text) = resume(&live, last.as_deref());
        text.push_str("retry: 2000\n\n");
        let until = Instant::now().checked_add(LONGEST).unwrap_or_else(Instant::now);
        if pieces.send(text).await {
            let _ended = timeout_at(until, pass_on(&live, from, &pieces)).await;
        }
    }))
}

/// What happens to one run, from how it is now to its end.
///
/// The first event, `run`, is the run's document, and so is the last one, after which the stream
/// ends: when the run has ended, awaits approval, or could not be made.
#[utoipa::path(get, path = "/api/v1/runs/{run}/events", operation_id = "run_events", tag = "events",
    params(("run" = u64, Path, description = "its number")),
    responses((status = 200, body = LiveEvent, content_type = "text/event-stream")))]
pub(crate) async fn of_run(
    may: May<to::ReadRuns>,
    State(context): State<Context>,
    Path(run): Path<u64>,
) -> Answer<Response> {
    let place = context.listener()?;
    let live = context.app().live().ok_or_else(not_serving)?;
    let name = named(run)?;
    // Whoever listens first misses nothing that happens while the run is read.
    let listener = live.listen(None);
    let now = may.app.recorded_run(&name).await?;
    Ok(stream::events(move |pieces| async move {
        let _place = place;
        let follow = follow(&may, &live, listener, &name, now, &pieces);
        let _ended = timeout(LONGEST, follow).await;
    }))
}

async fn follow(
    may: &May<to::ReadRuns>,
    live: &Live,
    mut listener: outflow_app::live::Listener,
    name: &RunName,
    mut now: RunListEntry,
    pieces: &Pieces,
) {
    words_for(may, &mut now.document);
    let (run, mut is_over) = (now.document.run, is_over(now.document.state));
    if !pieces.send(frame(None, "run", &now)).await {
        return;
    }
    while !is_over {
        let Ok(heard) = timeout(BEAT, listener.next()).await else {
            if !pieces.send(": \n\n").await {
                return;
            }
            continue;
        };
        if heard.is_empty() {
            return;
        }
        for heard in &heard {
            let is_meant = match heard {
                Heard::Event(_, event) => event.run == Some(run),
                Heard::Gap(..) => true,
            };
            if is_meant && !pieces.send(text_of(live, heard)).await {
                return;
            }
            is_over |= matches!(heard, Heard::Event(_, event) if ends(event, run));
        }
    }
    if let Ok(mut end) = may.app.recorded_run(name).await {
        words_for(may, &mut end.document);
        pieces.send(frame(None, "run", &end)).await;
    }
}

fn is_over(state: RunState) -> bool {
    state.is_final() || state == RunState::AwaitingApproval
}

fn ends(event: &LiveEvent, run: RunId) -> bool {
    event.run == Some(run) && matches!(event.event, "run_ended" | "run_failed" | "run_awaits_approval")
}

/// Passes events on until the client is gone or the process no longer serves.
async fn pass_on(live: &Live, from: Option<u64>, pieces: &Pieces) {
    let mut listener = live.listen(from);
    loop {
        let text = match timeout(BEAT, listener.next()).await {
            Err(_) => ": \n\n".to_owned(),
            Ok(heard) if heard.is_empty() => return,
            Ok(heard) => heard.iter().map(|heard| text_of(live, heard)).collect(),
        };
        if !pieces.send(text).await {
            return;
        }
    }
}

/// Where to go on, and what to say of what is gone.
fn resume(live: &Live, last: Option<&str>) -> (Option<u64>, String) {
    let Some(last) = last else { return (None, String::new()) };
    let parts = last
        .split_once('-')
        .and_then(|(epoch, n)| Some((epoch.parse::<u64>().ok()?, n.parse::<u64>().ok()?)));
    match parts {
        Some((epoch, number)) if live.epoch() == epoch => (Some(number.saturating_add(1)), String::new()),
        _ => {
            let gap = json!({ "reason": "Outflow was started again, or the id is none of its own" });
            (None, frame(None, "gap", &gap))
        }
    }
}

fn text_of(live: &Live, heard: &Heard) -> String {
    match heard {
        Heard::Event(number, event) => {
            frame(Some(&format!("{}-{number}", live.epoch())), event.event, &**event)
        }
        Heard::Gap(from, to) => frame(None, "gap", &json!({ "from": from, "to": to })),
    }
}

/// One event as text. JSON has no line breaks, so `data` is one line.
fn frame(id: Option<&str>, event: &str, data: &impl Serialize) -> String {
    let mut text = String::new();
    if let Some(id) = id {
        let _ = writeln!(text, "id: {id}");
    }
    let data = serde_json::to_string(data).unwrap_or_default();
    let _ = write!(text, "event: {event}\ndata: {data}\n\n");
    text
}

fn not_serving() -> Refusal {
    Refusal::new(Code::Interrupted, "Outflow does not serve yet, or is about to stop").retry_after(2)
}
