//! What people have paused.

use outflow_core::ports::state::{Pausable, Pause, PauseKind, State};

use crate::made::at;

fn of(kind: PauseKind, name: &str) -> Pausable {
    Pausable { kind, name: name.to_owned() }
}

pub async fn kept(state: &dyn State) {
    assert_eq!(state.pauses().await.unwrap(), []);
    let all = [
        of(PauseKind::Destination, "journeys"),
        of(PauseKind::Destination, "ü\0 both"),
        of(PauseKind::Sync, "ü\0 both"),
    ];
    state.pause(&[all[2].clone(), all[0].clone(), all[1].clone()], at(5), &[]).await.unwrap();
    let paused = |of: &Pausable| Pause { of: of.clone(), since: at(5) };
    let expected: Vec<Pause> = all.iter().map(paused).collect();
    assert_eq!(state.pauses().await.unwrap(), expected);
    // Once more, and with another: the first time counts.
    state.pause(&[all[1].clone(), of(PauseKind::Sync, "orders")], at(9), &[]).await.unwrap();
    let times: Vec<_> = state.pauses().await.unwrap().into_iter().map(|pause| pause.since).collect();
    assert_eq!(times, [at(5), at(5), at(9), at(5)]);
}

pub async fn ended(state: &dyn State) {
    let (a, b) = (of(PauseKind::Sync, "a"), of(PauseKind::Destination, "a"));
    state.pause(&[a.clone(), b.clone()], at(5), &[]).await.unwrap();
    for _ in 0..2 {
        state.resume(std::slice::from_ref(&a), &[]).await.unwrap();
        assert_eq!(state.pauses().await.unwrap(), [Pause { of: b.clone(), since: at(5) }]);
    }
    state.pause(std::slice::from_ref(&a), at(7), &[]).await.unwrap();
    assert_eq!(state.pauses().await.unwrap()[1], Pause { of: a.clone(), since: at(7) });
    state.resume(&[a, b, of(PauseKind::Sync, "never")], &[]).await.unwrap();
    assert_eq!(state.pauses().await.unwrap(), []);
}
