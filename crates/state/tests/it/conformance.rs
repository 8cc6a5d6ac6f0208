//! What every store of the state must do. Each check gets a separate empty store.

mod approval;
pub mod audit;
pub mod definitions;
mod deliveries;
mod gaps;
mod lists;
mod origin;
mod pauses;
pub mod people;
mod retention;
mod runs;
mod secrets;
mod watch;

use std::sync::Arc;

use outflow_core::ports::state::{RunFilter, State};
use outflow_core::{BoxFuture, Code, RunId};

use crate::made::{at, delivering, new_run, progress};
use crate::stores::claim;

/// What is checked, and how.
struct Check {
    what: &'static str,
    run: fn(&dyn State) -> BoxFuture<'_, ()>,
}

const fn check(what: &'static str, run: fn(&dyn State) -> BoxFuture<'_, ()>) -> Check {
    Check { what, run }
}

const CHECKS: &[Check] = &[
    check("an unknown sync starts from nothing", |s| Box::pin(runs::unknown_names(s))),
    check("a run is what it was created as", |s| Box::pin(runs::a_new_run(s))),
    check("keys and numbers are a run's own", |s| Box::pin(runs::keys_and_numbers(s))),
    check("an extraction may begin again", |s| Box::pin(runs::extraction_begins_again(s))),
    check("the commit makes everything true at once", |s| Box::pin(runs::the_commit(s))),
    check("a commit that does not add up changes nothing", |s| Box::pin(runs::a_wrong_commit(s))),
    check("a run without calls has succeeded", |s| Box::pin(runs::nothing_to_deliver(s))),
    check("calls for a skipped destination are cancelled at once", |s| Box::pin(deliveries::skipped(s))),
    check("an extraordinary run does not move the sync", |s| Box::pin(runs::no_move(s))),
    check("progress and dead letters are kept together", |s| Box::pin(deliveries::settling(s))),
    check("to settle twice is to settle once", |s| Box::pin(deliveries::settling_twice(s))),
    check("progress that does not add up changes nothing", |s| Box::pin(deliveries::wrong_progress(s))),
    check("the oldest unfinished run comes first", |s| Box::pin(runs::unfinished(s))),
    check("an ended run stays as it is", |s| Box::pin(runs::ended(s))),
    check("a run that awaits approval is not at its end and moves nothing", |s| Box::pin(approval::held(s))),
    check("a release moves the sync and makes the run deliver, once", |s| Box::pin(approval::releasing(s))),
    check("a discarded run leaves the sync, or skips its window", |s| Box::pin(approval::discarding(s))),
    check("past runs are those that were delivered", |s| Box::pin(retention::past(s))),
    check("what is sent is counted by day, once", |s| Box::pin(deliveries::usage(s))),
    check("rows that were read are counted by sync", |s| Box::pin(deliveries::rows_read(s))),
    check("a lost run opens a gap for each destination that lacks calls", |s| Box::pin(gaps::opening(s))),
    check("a gap closes with the commit, or the approval, of the run that fills it", |s| {
        Box::pin(gaps::filling(s))
    }),
    check("a lost backfill opens its gap again, and a lost replay its dead letters", |s| {
        Box::pin(gaps::losing_what_fills(s))
    }),
    check("a destination that is left out has a gap from the commit on", |s| Box::pin(gaps::leaving_out(s))),
    check("hashes stay as long as a gap needs them, and an open gap as long as it is open", |s| {
        Box::pin(gaps::keeping(s))
    }),
    check("a destination that is new to a sync or away from it has a gap", |s| Box::pin(gaps::members(s))),
    check("calls that are given up are a gap, once", |s| Box::pin(gaps::giving_up(s))),
    check("a gap that cannot be filled says why", |s| Box::pin(gaps::explaining(s))),
    check("what fills a gap sets nothing back that a run beside it moved", |s| Box::pin(gaps::beside(s))),
    check("runs are listed newest first", |s| Box::pin(retention::listing(s))),
    check("old segments are found and forgotten", |s| Box::pin(retention::old_segments(s))),
    check("runs to be compared with are known", |s| Box::pin(retention::compared(s))),
    check("ended runs are found page by page, and forgotten with all that is theirs", |s| {
        Box::pin(retention::forgetting(s))
    }),
    check("steps that a run's life does not have are refused", |s| Box::pin(runs::wrong_steps(s))),
    check("large numbers survive", |s| Box::pin(deliveries::large_numbers(s))),
    check("a run that its schedule set off fires its slot", |s| Box::pin(runs::slots(s))),
    check("a skipped run is recorded with what stood in its way", |s| Box::pin(runs::skipping(s))),
    check("a run ends when its last delivery has", |s| Box::pin(deliveries::concluding(s))),
    check("unfinished runs of all syncs are known", |s| Box::pin(runs::unfinished_everywhere(s))),
    check("a replay is linked both ways and marks what it sends again", |s| Box::pin(runs::replaying(s))),
    check("a purge replaces what it names and nothing else", |s| Box::pin(retention::purging(s))),
    check("an alert is reported once and its end once", |s| Box::pin(watch::alerts(s))),
    check("an alert that changed meanwhile is not counted as reported", |s| {
        Box::pin(watch::alerts_that_change(s))
    }),
    check("how a sync is doing follows from its runs", |s| Box::pin(watch::standings(s))),
    check("what is known of the local clock is kept", |s| Box::pin(watch::local_clock(s))),
    check("what tells of a restore is kept", |s| Box::pin(origin::kept(s))),
    check("a pause is kept with the time at which it was first given", |s| Box::pin(pauses::kept(s))),
    check("what is resumed is paused no longer, and nothing else", |s| Box::pin(pauses::ended(s))),
    check("the audit log keeps what is written, in its order", |s| Box::pin(audit::kept(s))),
    check("entries of the audit log are found", |s| Box::pin(audit::found(s))),
    check("a change and its entry are one transaction", |s| Box::pin(audit::with_the_change(s))),
    check("old entries go, and the log says which", |s| Box::pin(audit::expired(s))),
    check("definitions are kept in versions that are numbered on", |s| Box::pin(definitions::kept(s))),
    check("changes of definitions count together or not at all", |s| Box::pin(definitions::all_or_none(s))),
    check("the oldest versions go", |s| Box::pin(definitions::bounded(s))),
    check("what a sync has reached gets its new name", |s| Box::pin(definitions::renaming(s))),
    check("users are kept, each with a name and an identity of their own", |s| Box::pin(people::users(s))),
    check("the last administrator stays one", |s| Box::pin(people::last_admin(s))),
    check("of two changes at once one leaves an administrator", |s| Box::pin(people::last_admin_at_once(s))),
    check("a session ends when it is ended, and when its user changes", |s| Box::pin(people::sessions(s))),
    check("the browsers that a user last signed in from are known", |s| Box::pin(people::browsers(s))),
    check("a token is kept, also when it is revoked", |s| Box::pin(people::tokens(s))),
    check("the last use of a session and of a token is known", |s| Box::pin(people::used(s))),
    check("a secret is kept, resealed and removed, with its entry", |s| Box::pin(secrets::kept(s))),
    check("a restored sync is known until its next run", |s| Box::pin(origin::restored(s))),
    check("runs and slots are found that do not lie ahead", |s| Box::pin(runs::not_ahead(s))),
    check("a finished run is audited once, while it has segments", |s| Box::pin(watch::audits(s))),
    check("pending calls and recent runs are known", |s| Box::pin(watch::pending(s))),
    check("settlements of several deliveries count together or not at all", |s| {
        Box::pin(deliveries::settling_several(s))
    }),
    check("a settlement that skips a number is refused", |s| Box::pin(deliveries::settling_out_of_turn(s))),
    check("of two commits at once one takes the rest of a budget", |s| Box::pin(approval::budgets(s))),
    check("a list of runs is what its filter and each run say", |s| Box::pin(lists::runs(s))),
    check("how all syncs are is what each says", |s| Box::pin(lists::overview(s))),
    check("the last runs of other syncs are known", |s| Box::pin(lists::others(s))),
    check("definitions are listed by kind and name, page by page", |s| Box::pin(lists::definitions(s))),
    check("entries of the audit log are found behind a number", |s| Box::pin(lists::entries(s))),
    check("the last success of a sync is known behind runs that deliver", |s| {
        Box::pin(lists::last_success(s))
    }),
    check("reads see what is committed while many writes go on", |s| {
        Box::pin(deliveries::reading_meanwhile(s))
    }),
];

/// Runs every check on the store that `fresh` makes for its number. Returns how many there are.
pub async fn suite(fresh: impl AsyncFn(usize) -> Arc<dyn State>) -> usize {
    for (number, Check { what, run }) in CHECKS.iter().enumerate() {
        println!("{what}");
        let state = fresh(number).await;
        run(&*state).await;
        assert_eq!(state.check_integrity().await.unwrap(), Vec::<String>::new(), "{what}");
    }
    CHECKS.len()
}

/// A store whose claim another one has taken over writes nothing, and may still read.
pub async fn a_stale_claim_writes_nothing(stale: &dyn State, owner: &dyn State) {
    assert_ne!(stale.lease(), owner.lease());
    assert_eq!(stale.installation(), owner.installation());
    let run = delivering(owner, "users", 5).await;
    let mut record = owner.deliveries(run).await.unwrap().remove(0);
    let progress = progress(run, &mut record, 2);
    for result in [
        stale.settle(std::slice::from_ref(&progress)).await,
        stale.create_run(&new_run("users")).await.map(drop),
        stale.set_fired("users", at(5)).await,
        stale.forget_segments(run).await,
        stale.scrub().await,
        stale.pause(&[], at(5), &[]).await,
        stale.resume(&[], &[]).await,
        stale.record(&[]).await,
        stale.reseal_secrets(&[], &[]).await.map(drop),
        stale.remove_secret("x", &[]).await.map(drop),
        stale.expire_audit(at(5), at(5)).await.map(drop),
        stale.put_definitions(&[]).await.map(drop),
        stale.touch(&[]).await,
        stale.revoke_token("tok_1", at(5), &people::entry()).await,
    ] {
        assert_eq!(result.unwrap_err().code(), Code::StateHeld);
    }
    assert_eq!(stale.runs(&RunFilter::default()).await.unwrap().len(), 1, "it may still read");
    owner.settle(&[progress]).await.unwrap();
    assert_eq!(owner.segments(run).await.unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let fresh =
        async |number: usize| claim(&dir.path().join(number.to_string()).to_string_lossy()).await.unwrap();
    println!("{} checks of SQLite", suite(fresh).await);
}

/// Three runs with this many calls.
pub async fn three(state: &dyn State, calls: u64) -> [RunId; 3] {
    let users = async || delivering(state, "users", calls).await;
    [users().await, users().await, users().await]
}

pub fn refused<T: std::fmt::Debug>(result: outflow_core::Result<T>) {
    let error = result.unwrap_err();
    assert_eq!(error.code(), Code::StateIo, "{error}");
    assert!(error.help_text().is_some());
}

/// Settles calls at `journeys`, every other one as a dead letter: positions 1, 3, 5, …
pub async fn with_letters(state: &dyn State, run: RunId, letters: u64) {
    for _ in 0..letters {
        let mut delivery = state.deliveries(run).await.unwrap()[0].clone();
        state.settle(&[progress(run, &mut delivery, 2)]).await.unwrap();
    }
}
