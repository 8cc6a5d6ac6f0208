//! Secrets, as ciphertexts.

use outflow_core::Actor;
use outflow_core::ports::state::{SecretRecord, State};

use super::audit::entry;
use crate::made::at;

fn secret(name: &str, id: u128) -> SecretRecord {
    SecretRecord {
        name: name.to_owned(),
        id,
        addresses: vec!["webhook url=https://a.example/ü".to_owned()],
        set_at: at(5),
        set_by: Actor { address: Some("192.0.2.7".to_owned()), ..Actor::local("ü\0 ada") },
        key_id: "key-1".to_owned(),
        wrapped: vec![0, 1, 255],
        sealed: vec![7; 300],
    }
}

pub async fn kept(state: &dyn State) {
    assert_eq!(state.secrets().await.unwrap(), []);
    let (a, b) = (secret("a", u128::MAX), secret("B", 1));
    state.set_secret(&a, &[entry(1, "secret.set")]).await.unwrap();
    state.set_secret(&b, &[entry(2, "secret.set")]).await.unwrap();
    // By name, capitals first.
    assert_eq!(state.secrets().await.unwrap(), [b.clone(), a.clone()]);
    let again = SecretRecord { addresses: Vec::new(), ..secret("a", 3) };
    state.set_secret(&again, &[entry(3, "secret.set")]).await.unwrap();

    let resealed = |of: &SecretRecord| SecretRecord {
        key_id: "key-2".to_owned(),
        wrapped: vec![2],
        sealed: vec![3],
        ..of.clone()
    };
    // One that was set again meanwhile, and one that was never there, stay as they are.
    let read_before = [resealed(&a), resealed(&b), resealed(&secret("c", 9))];
    assert_eq!(state.reseal_secrets(&read_before, &[entry(4, "secret.rotate")]).await.unwrap(), 1);
    assert_eq!(state.secrets().await.unwrap(), [resealed(&b), again.clone()]);

    assert!(state.remove_secret("B", &[entry(5, "secret.remove")]).await.unwrap());
    assert!(!state.remove_secret("B", &[entry(6, "secret.remove")]).await.unwrap());
    assert_eq!(state.secrets().await.unwrap(), [again]);
    let actions: Vec<String> =
        state.audit_chain(0, 10).await.unwrap().into_iter().map(|record| record.entry.action).collect();
    assert_eq!(actions, ["secret.set", "secret.set", "secret.set", "secret.rotate", "secret.remove"]);
}
