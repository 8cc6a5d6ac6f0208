//! Who may use the service.

use outflow_core::ports::state::{
    AuditEntry, AuditResult, BROWSERS, ExternalIdentity, KnownBrowser, Role, SecretHash, SessionRecord,
    SessionsToEnd, State, StateReader, TokenRecord, TokenScope, Used, UserChange, UserRecord,
};
use outflow_core::{Actor, Code, Result};

use crate::made::at;

pub fn entry() -> AuditEntry {
    AuditEntry {
        at: at(1),
        actor: Actor::local("tester"),
        action: "user.create".to_owned(),
        subject: "user/ada".to_owned(),
        before: None,
        after: None,
        result: AuditResult::Done,
    }
}

fn user(name: &str, role: Role) -> UserRecord {
    let (name, password) = (name.to_owned(), Some(format!("$argon2id${name}")));
    UserRecord { name, role, password, external: None, created_at: at(3), disabled_at: None }
}

fn session(n: u8, user: &str, created: i64, expires: i64) -> SessionRecord {
    SessionRecord {
        hash: [n; 32],
        user: user.to_owned(),
        created_at: at(created),
        used_at: at(created),
        expires_at: at(expires),
        address: Some("192.0.2.1".to_owned()),
        agent: Some("ü\0 browser".to_owned()),
    }
}

fn token(n: u8) -> TokenRecord {
    TokenRecord {
        id: format!("tok_{n}"),
        hash: [n; 32],
        name: "ü\0 deploy".to_owned(),
        scope: TokenScope::Permissions(vec!["runs.read".to_owned()]),
        created_by: "ada".to_owned(),
        created_at: at(i64::from(n)),
        expires_at: Some(at(900)),
        used_at: None,
        revoked_at: None,
    }
}

fn is(result: Result<()>, code: Code) {
    assert_eq!(result.unwrap_err().code(), code);
}

/// A user who has signed in with a browser, and a token.
pub async fn some(state: &dyn State) {
    state.create_user(&user("ada", Role::Admin), &entry()).await.unwrap();
    let browser = KnownBrowser { hash: [1; 32], user: "ada".into(), used_at: at(5) };
    state.begin_session(&session(1, "ada", 5, 50), Some(&browser), &entry()).await.unwrap();
    state.create_token(&token(1), &entry()).await.unwrap();
}

/// Everything that can be read of people, as a text.
pub async fn everything(state: &dyn StateReader) -> Result<String> {
    let (users, sessions) = (state.users().await?, state.sessions(None).await?);
    Ok(format!("{users:?}{sessions:?}{:?}{:?}", state.tokens().await?, state.browser(&[1; 32]).await?))
}

pub async fn users(state: &dyn State) {
    assert_eq!(state.users().await.unwrap(), []);
    let external = ExternalIdentity { issuer: "https://id.example".into(), subject: "ü\0 7".into() };
    let mut ada = user("ada", Role::Admin);
    let bob = UserRecord { external: Some(external.clone()), password: None, ..user("bob", Role::Viewer) };
    state.create_first_user(&ada, &entry()).await.unwrap();
    is(state.create_first_user(&user("eve", Role::Admin), &entry()).await, Code::SetupRefused);
    state.create_user(&bob, &entry()).await.unwrap();
    is(state.create_user(&user("bob", Role::Admin), &entry()).await, Code::NameTaken);
    let same = UserRecord { external: bob.external.clone(), ..user("rob", Role::Viewer) };
    is(state.create_user(&same, &entry()).await, Code::NameTaken);
    assert_eq!(state.users().await.unwrap(), [ada.clone(), bob.clone()]);
    assert_eq!(state.user("bob").await.unwrap(), Some(bob.clone()));
    assert_eq!(state.user_of(&external).await.unwrap(), Some(bob));
    assert_eq!(state.user("rob").await.unwrap(), None);

    let change = UserChange::Password("$argon2id$other".into());
    state.change_user("ada", &change, &entry()).await.unwrap();
    ada.password = Some("$argon2id$other".into());
    for _ in 0..2 {
        state.change_user("bob", &UserChange::Role(Role::Member), &entry()).await.unwrap();
    }
    assert_eq!(state.user("ada").await.unwrap(), Some(ada));
    assert_eq!(state.user("bob").await.unwrap().unwrap().role, Role::Member);
    is(state.change_user("rob", &UserChange::Role(Role::Member), &entry()).await, Code::NoSuchPerson);
}

pub async fn last_admin(state: &dyn State) {
    for (name, role) in [("ada", Role::Admin), ("bob", Role::Admin), ("eve", Role::Member)] {
        state.create_user(&user(name, role), &entry()).await.unwrap();
    }
    let (demote, disable) = (UserChange::Role(Role::Member), UserChange::Disabled(Some(at(9))));
    state.change_user("bob", &disable, &entry()).await.unwrap();
    let before = state.users().await.unwrap();
    for change in [&demote, &disable] {
        is(state.change_user("ada", change, &entry()).await, Code::LastAdmin);
    }
    assert_eq!(state.users().await.unwrap(), before, "nothing has changed");
    state.change_user("bob", &UserChange::Disabled(None), &entry()).await.unwrap();
    state.change_user("ada", &demote, &entry()).await.unwrap();
    is(state.change_user("bob", &demote, &entry()).await, Code::LastAdmin);
}

/// Two writes at once that each leave one administrator, and together none.
pub async fn last_admin_at_once(state: &dyn State) {
    for name in ["ada", "bob"] {
        state.create_user(&user(name, Role::Admin), &entry()).await.unwrap();
    }
    let (demote, entry) = (UserChange::Role(Role::Viewer), entry());
    let (a, b) =
        tokio::join!(state.change_user("ada", &demote, &entry), state.change_user("bob", &demote, &entry));
    let refused: Vec<_> = [a, b].into_iter().filter_map(Result::err).map(|e| e.code()).collect();
    assert_eq!(refused, [Code::LastAdmin]);
}

pub async fn sessions(state: &dyn State) {
    let (ada, bob) = (user("ada", Role::Admin), user("bob", Role::Member));
    for user in [&ada, &bob] {
        state.create_user(user, &entry()).await.unwrap();
    }
    let begin = async |session: &SessionRecord| state.begin_session(session, None, &entry()).await;
    let [a, b, c] = [session(1, "ada", 5, 50), session(2, "bob", 6, 20), session(3, "ada", 7, 50)];
    for session in [&a, &b, &c, &a] {
        begin(session).await.unwrap();
    }
    is(begin(&session(4, "eve", 7, 50)).await, Code::NoSuchPerson);
    assert_eq!(state.session(&[1; 32]).await.unwrap(), Some((a.clone(), ada)));
    assert_eq!(state.session(&[9; 32]).await.unwrap(), None);
    assert_eq!(state.sessions(None).await.unwrap(), [c.clone(), b.clone(), a.clone()]);
    assert_eq!(state.sessions(Some("ada")).await.unwrap(), [c.clone(), a.clone()]);
    // One that begins removes those that have ended by then.
    begin(&session(5, "ada", 20, 60)).await.unwrap();
    assert_eq!(state.sessions(Some("bob")).await.unwrap(), []);
    let end = async |which| state.end_sessions(&which, &entry()).await.unwrap();
    assert_eq!(end(SessionsToEnd::One([3; 32])).await, 1);
    assert_eq!(end(SessionsToEnd::One([3; 32])).await, 0);
    assert_eq!(end(SessionsToEnd::Of("ada".into())).await, 2);
    // Whoever has other rights signs in again, and who is disabled does not.
    let changes = [UserChange::Role(Role::Viewer), UserChange::Password("x".into())];
    for change in changes.into_iter().chain([UserChange::Disabled(Some(at(9)))]) {
        begin(&session(6, "bob", 21, 60)).await.unwrap();
        state.change_user("bob", &change, &entry()).await.unwrap();
        assert_eq!(state.sessions(None).await.unwrap(), [], "{change:?}");
    }
    is(begin(&session(7, "bob", 21, 60)).await, Code::NoSuchPerson);
}

pub async fn browsers(state: &dyn State) {
    for name in ["ada", "bob"] {
        state.create_user(&user(name, Role::Admin), &entry()).await.unwrap();
    }
    let browser =
        |n: u8, user: &str, used| KnownBrowser { hash: [n; 32], user: user.into(), used_at: at(used) };
    let (last, others) = (BROWSERS as u8 + 1, browser(200, "bob", 1));
    let begin = async |n, browser: &KnownBrowser| {
        let session = session(n, &browser.user, 1, 9);
        state.begin_session(&session, Some(browser), &entry()).await.unwrap();
    };
    begin(200, &others).await;
    for n in 1..=last {
        begin(n, &browser(n, "ada", i64::from(n))).await;
        begin(n, &browser(1, "ada", 100)).await;
    }
    let known = async |n: u8| state.browser(&[n; 32]).await.unwrap();
    assert_eq!(known(1).await, Some(browser(1, "ada", 100)), "it was used last");
    assert_eq!(known(2).await, None, "it is one too many");
    assert_eq!(known(3).await, Some(browser(3, "ada", 3)));
    state.change_user("ada", &UserChange::Role(Role::Member), &entry()).await.unwrap();
    assert!(known(1).await.is_some(), "another role is no reason to forget it");
    state.change_user("ada", &UserChange::Password("x".into()), &entry()).await.unwrap();
    assert_eq!((known(1).await, known(200).await), (None, Some(others)));
}

pub async fn tokens(state: &dyn State) {
    let of_role = TokenRecord { scope: TokenScope::Role(Role::Viewer), expires_at: None, ..token(2) };
    for token in [&token(1), &of_role] {
        state.create_token(token, &entry()).await.unwrap();
        is(state.create_token(token, &entry()).await, Code::NameTaken);
    }
    assert_eq!(state.tokens().await.unwrap(), [of_role.clone(), token(1)]);
    assert_eq!(state.token(&[1; 32]).await.unwrap(), Some(token(1)));
    assert_eq!(state.token(&[9; 32]).await.unwrap(), None);
    for time in [7, 9] {
        state.revoke_token("tok_1", at(time), &entry()).await.unwrap();
    }
    let revoked = TokenRecord { revoked_at: Some(at(7)), ..token(1) };
    assert_eq!(state.tokens().await.unwrap(), [of_role, revoked], "the first time counts");
    is(state.revoke_token("tok_9", at(7), &entry()).await, Code::NoSuchPerson);
}

pub async fn used(state: &dyn State) {
    state.create_user(&user("ada", Role::Admin), &entry()).await.unwrap();
    state.begin_session(&session(1, "ada", 5, 50), None, &entry()).await.unwrap();
    state.create_token(&token(1), &entry()).await.unwrap();
    let (of_session, of_token): (SecretHash, SecretHash) = ([1; 32], [1; 32]);
    for (time, expected) in [(8, 8), (6, 8), (9, 9)] {
        let used = [
            (Used::Session(of_session), at(time)),
            (Used::Token(of_token), at(time)),
            (Used::Token([9; 32]), at(time)),
        ];
        state.touch(&used).await.unwrap();
        let (session, _) = state.session(&of_session).await.unwrap().unwrap();
        let token = state.token(&of_token).await.unwrap().unwrap();
        assert_eq!((session.used_at, token.used_at), (at(expected), Some(at(expected))));
    }
}
