//! Receivers that refuse, hang and come back: a real state and real sockets, on loopback. Each test
//! waits for requests and commands, never for time.

use outflow_core::Secret;
use outflow_core::ports::state::StateStore as _;
use outflow_egress::{AddressPolicy, Client, Proxies, SigningKey};
use outflow_state::SqliteStore;
use outflow_testkit::{Receiver as Alarm, Reply, free_port};
use tempfile::TempDir;

use super::*;
use crate::alerts::Channel;

const PACE: Pace = Pace {
    first: Duration::from_millis(5),
    longest: Duration::from_millis(20),
    patience: Duration::from_secs(3600),
};
const IN_TIME: Duration = Duration::from_secs(30);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn fired(subject: &str) -> AlertRecord {
    AlertRecord {
        kind: "sync_failing".into(),
        subject: subject.into(),
        code: Some(Code::HostNotResolved),
        message: "it does not work".into(),
        since: at(0),
        recovered_at: None,
        reported: false,
    }
}

fn webhook(url: &str) -> Receiver {
    let key = Secret::new("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    let client = Client::usual(AddressPolicy::default(), Proxies::default());
    Receiver::new(Channel::Webhook { url: Secret::new(url), key: SigningKey::new(&key).unwrap(), client })
}

/// A dispatcher whose commands the test forwards.
struct Desk {
    dispatcher: Dispatcher,
    inbox: mpsc::UnboundedReceiver<Command>,
    _dir: TempDir,
}

impl Desk {
    async fn new(receivers: Vec<Receiver>, pace: Pace) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let state = SqliteStore::new(dir.path()).claim(None).await.unwrap();
        let (commands, inbox) = mpsc::unbounded_channel();
        let mut dispatcher = Dispatcher::new(commands, Arc::new(Mutex::new(receivers)), state, pace);
        dispatcher.spawn_workers();
        Self { dispatcher, inbox, _dir: dir }
    }

    fn state(&self) -> &dyn State {
        &*self.dispatcher.state
    }

    async fn put(&mut self, alert: AlertRecord) {
        self.state().put_alerts(&[alert]).await.unwrap();
        self.dispatcher.look().await.unwrap();
    }

    /// Waits until an alert counts as delivered.
    async fn reported(&mut self) {
        let command =
            tokio::time::timeout(IN_TIME, self.inbox.recv()).await.expect("a command in time").unwrap();
        assert!(matches!(command, Command::Told(_)));
        self.dispatcher.obey(command).await.unwrap();
    }
}

fn kinds(alarm: &Alarm) -> Vec<String> {
    let body = |r: &outflow_testkit::Request| serde_json::from_slice::<serde_json::Value>(&r.body).unwrap();
    let kind = |r| body(r)["type"].as_str().unwrap().strip_prefix("alert.").unwrap().to_owned();
    alarm.requests().iter().map(kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_again_under_the_same_id_until_it_is_taken() {
    let alarm = Alarm::start().await;
    let bad = [500, 503, 429, 408, 425].map(Reply::status);
    alarm.script(bad.into_iter().chain([
        Reply::close(),
        Reply::reset_after_request(),
        Reply::garbage(),
        Reply::html(),
        Reply::ok(),
    ]));
    let mut desk = Desk::new(vec![webhook(&alarm.url())], PACE).await;
    desk.put(fired("users")).await;
    desk.reported().await;
    assert!(desk.state().alerts().await.unwrap()[0].reported);
    let requests = alarm.requests();
    assert!(requests.len() >= 8, "{}", requests.len());
    assert!(requests.iter().all(|r| r.header("webhook-id") == requests[0].header("webhook-id")));
    desk.put(fired("others")).await;
    desk.reported().await;
    assert_ne!(alarm.requests().last().unwrap().header("webhook-id"), requests[0].header("webhook-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_pass_is_given_up_at_once_and_counts_as_told() {
    for status in [301, 307, 400, 401, 403, 404, 410, 422] {
        let alarm = Alarm::start().await;
        alarm.always(if status < 400 {
            Reply::redirect(status, &alarm.url())
        } else {
            Reply::status(status)
        });
        let mut desk = Desk::new(vec![webhook(&alarm.url())], PACE).await;
        desk.put(fired("users")).await;
        desk.reported().await;
        assert_eq!(alarm.requests().len(), 1, "{status}");
        assert!(desk.state().alerts().await.unwrap()[0].reported, "{status}");
    }
    // A network's own refusal is given up when patience has ended.
    let nobody = webhook(&format!("http://127.0.0.1:{}", free_port()));
    let mut desk = Desk::new(vec![nobody], Pace { patience: Duration::from_millis(30), ..PACE }).await;
    desk.put(fired("users")).await;
    desk.reported().await;
    assert!(desk.state().alerts().await.unwrap()[0].reported);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_delays_no_other() {
    let (hangs, well) = (Alarm::start().await, Alarm::start().await);
    hangs.always(Reply::silence());
    let mut desk = Desk::new(vec![webhook(&hangs.url()), webhook(&well.url())], PACE).await;
    desk.put(fired("users")).await;
    desk.reported().await;
    desk.put(fired("others")).await;
    desk.reported().await;
    desk.put(AlertRecord { recovered_at: Some(at(9)), reported: true, ..fired("users") }).await;
    desk.reported().await;
    assert_eq!(kinds(&well), ["fired", "fired", "recovered"]);
    assert_eq!(hangs.requests().len(), 1);
    assert_eq!(desk.state().alerts().await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_ends_while_nobody_can_be_told_is_told_with_its_end() {
    let alarm = Alarm::start().await;
    alarm.always(Reply::status(503));
    let mut desk = Desk::new(vec![webhook(&alarm.url())], PACE).await;
    desk.put(fired("users")).await;
    desk.put(AlertRecord { recovered_at: Some(at(9)), ..fired("users") }).await;
    tokio::task::block_in_place(|| alarm.wait_for_requests_blocking(2, IN_TIME));
    alarm.clear();
    alarm.always(Reply::ok());
    desk.reported().await;
    desk.reported().await;
    let mut kinds = kinds(&alarm);
    kinds.dedup();
    assert_eq!(kinds, ["fired", "recovered"]);
    assert_eq!(desk.state().alerts().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_process_tells_what_nobody_took_and_nothing_else() {
    let alarm = Alarm::start().await;
    let mut desk = Desk::new(vec![webhook(&alarm.url())], PACE).await;
    let told = AlertRecord { reported: true, ..fired("reported") };
    let over = AlertRecord { recovered_at: Some(at(5)), ..fired("over") };
    desk.state().put_alerts(&[told, over, fired("unreported")]).await.unwrap();
    desk.dispatcher.look().await.unwrap();
    desk.reported().await;
    let left: Vec<_> =
        desk.state().alerts().await.unwrap().into_iter().map(|a| (a.subject, a.reported)).collect();
    assert_eq!(left, [("reported".to_owned(), true), ("unreported".to_owned(), true)]);
    assert_eq!(alarm.calls().len(), 1);
    assert_eq!(alarm.calls()[0]["data"]["subject"], "unreported");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_full_of_messages_gets_no_more_and_without_receivers_all_counts_as_told() {
    let alarm = Alarm::start().await;
    alarm.always(Reply::silence());
    let mut desk = Desk::new(vec![webhook(&alarm.url())], PACE).await;
    let many: Vec<AlertRecord> = (0..WAITING + 3).map(|n| fired(&format!("sync{n:04}"))).collect();
    desk.state().put_alerts(&many).await.unwrap();
    desk.dispatcher.look().await.unwrap();
    // One is being sent, a thousand wait, and the rest was dropped at once.
    desk.reported().await;
    desk.dispatcher.receivers.lock().unwrap().clear();
    desk.dispatcher.obey(Command::Receivers).await.unwrap();
    desk.put(fired("alone")).await;
    let alerts = desk.state().alerts().await.unwrap();
    assert!(alerts.iter().find(|a| a.subject == "alone").unwrap().reported);
    assert!(alerts.iter().any(|a| !a.reported), "what waits is not reported");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatch_that_failed_begins_again_with_what_is_not_reported() {
    let (refuses, alarm, dir) = (Alarm::start().await, Alarm::start().await, tempfile::tempdir().unwrap());
    refuses.always(Reply::status(500));
    let state = SqliteStore::new(dir.path()).claim(None).await.unwrap();
    state.put_alerts(&[fired("users")]).await.unwrap();
    let (notifier, dispatch) = start(vec![webhook(&refuses.url())], state.clone(), PACE);
    let first = tokio::spawn(dispatch.clone().run());
    tokio::task::block_in_place(|| refuses.wait_for_requests_blocking(1, IN_TIME));
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    notifier.set(vec![webhook(&alarm.url())]);
    let second = tokio::spawn(dispatch.run());
    alarm.wait_for_calls(1, IN_TIME).await;
    assert_eq!(kinds(&alarm), ["fired"]);
    second.abort();
}
