//! Who may use the service, from a front end: tokens, users, sessions.

mod abuse;

use std::path::Path;
use std::time::Duration;

use outflow_app::people::{
    Credential, How, LinkRequest, NewTokenRequest, NewUser, NewUserRequest, NotLetIn, Permission,
    Permissions, Principal, RevokeTokenRequest, Role, SetUpRequest, SignInRequest, SignedIn,
    UserChangeRequest,
};
use outflow_app::{App, Caller};
use outflow_core::{Actor, ActorKind, Code, Error, Secret};
use rusqlite::Connection;

const PASSWORD: &str = "correct horse battery";

/// An installation with an administrator `ada`, and with a member `bob`.
async fn installation(dir: &Path) -> App {
    let app = App::new(dir.to_owned(), None);
    for (name, role) in [("ada", Role::Admin), ("bob", Role::Member)] {
        create(&app, name, role).await;
    }
    app
}

async fn create(app: &App, name: &str, role: Role) {
    let password = Some(Secret::new(PASSWORD));
    let within = Permissions::of(Role::Admin);
    let request = NewUserRequest { name: name.to_owned(), role, password, within, wait: true };
    app.create_user(&request, &Caller::silent()).await.unwrap();
}

fn sign_in_request(name: &str, password: &str) -> SignInRequest {
    SignInRequest {
        name: name.to_owned(),
        password: Secret::new(password),
        browser: None,
        address: Some("192.0.2.7".to_owned()),
        agent: Some("a browser".to_owned()),
    }
}

async fn sign_in(app: &App, name: &str, password: &str) -> Result<SignedIn, NotLetIn> {
    app.sign_in(&sign_in_request(name, password)).await
}

async fn by_session(app: &App, signed_in: &SignedIn) -> Result<Principal, Error> {
    app.authenticate(&Credential::Session(signed_in.session.clone()), None).await
}

async fn by_token(app: &App, token: &Secret) -> Result<Principal, Error> {
    app.authenticate(&Credential::Token(token.clone()), Some("192.0.2.7".to_owned())).await
}

async fn change(app: &App, name: &str, to: NewUser) -> Result<(), Code> {
    let within = Permissions::of(Role::Admin);
    let request = UserChangeRequest { name: name.to_owned(), to, within, wait: true };
    app.change_user(&request, &Caller::silent()).await.map(drop).map_err(|errors| errors.0[0].code())
}

fn token_request(role: Role) -> NewTokenRequest {
    NewTokenRequest {
        name: "deploy".to_owned(),
        role: Some(role),
        permissions: Vec::new(),
        expires_after: Some(Duration::from_secs(3600)),
        within: Permissions::of(Role::Admin),
        wait: true,
    }
}

/// A statement on the state's database.
fn sql(dir: &Path, sql: &str) -> Vec<String> {
    let database = Connection::open(dir.join(".outflow/state.db")).unwrap();
    outflow_state::register_functions(&database).unwrap();
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_may_what_it_was_made_for_until_it_ends_or_is_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let app = App::new(dir.path().to_owned(), None).by(Actor::new(ActorKind::Person, "ada"));
    assert!(app.tokens().await.unwrap().tokens.is_empty(), "before the first run");
    let made = app.create_token(&token_request(Role::Member), &Caller::silent()).await.unwrap();
    let principal = by_token(&app, &made.secret).await.unwrap();
    assert_eq!((principal.actor.kind, &principal.actor.name), (ActorKind::Token, &made.entry.id));
    assert_eq!(principal.actor.address.as_deref(), Some("192.0.2.7"));
    assert!(principal.may(Permission::ReadRows) && !principal.may(Permission::ManageUsers));
    assert!(!principal.may(Permission::OwnAccount), "it has no account");
    let error = principal.require(Permission::ManageUsers).unwrap_err();
    assert_eq!(error.code(), Code::NotPermitted);
    assert!(error.message().ends_with("users.write"), "{error}");

    // The use is recorded beside the request: it is there at some time.
    let used = async {
        while app.tokens().await.unwrap().tokens[0].last_used_at.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), used).await.unwrap();
    let (entry, id) = (&app.tokens().await.unwrap().tokens[0], made.entry.id.clone());
    assert_eq!(
        (&*entry.state, &entry.created_by, entry.role),
        ("active", &"ada".to_owned(), Some(Role::Member))
    );

    sql(dir.path(), "UPDATE tokens SET expires_at = 1 RETURNING token");
    assert_eq!(by_token(&app, &made.secret).await.unwrap_err().code(), Code::CredentialExpired);
    sql(dir.path(), "UPDATE tokens SET expires_at = NULL RETURNING token");
    by_token(&app, &made.secret).await.unwrap();
    // By the token itself, as by its id.
    let request = RevokeTokenRequest { token: made.secret.expose().to_owned(), wait: true };
    assert_eq!(app.revoke_token(&request, &Caller::silent()).await.unwrap().state, "revoked");
    assert_eq!(by_token(&app, &made.secret).await.unwrap_err().code(), Code::CredentialRefused);
    let unknown = RevokeTokenRequest { token: "tok_unknown".to_owned(), wait: true };
    let errors = app.revoke_token(&unknown, &Caller::silent()).await.unwrap_err();
    assert_eq!(errors.0[0].code(), Code::NoSuchPerson);

    let audit =
        sql(dir.path(), "SELECT action || ' ' || subject || ' ' || result FROM audit_log ORDER BY number");
    let expected = [
        format!("token.create token/{id} done"),
        format!("token.revoke token/{id} done"),
        "token.revoke token/tok_unknown refused".to_owned(),
    ];
    assert_eq!(audit, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_credential_is_refused_and_a_session_is_no_token() {
    let dir = tempfile::tempdir().unwrap();
    let app = installation(dir.path()).await;
    let session = sign_in(&app, "ada", PASSWORD).await.unwrap().session;
    let token = app.create_token(&token_request(Role::Viewer), &Caller::silent()).await.unwrap().secret;
    let other = App::new(tempfile::tempdir().unwrap().keep(), None);
    let foreign = other.create_token(&token_request(Role::Admin), &Caller::silent()).await.unwrap().secret;
    let wrong = format!("{}x", &token.expose()[..52]);
    for text in ["", "ofl_", "Bearer", &wrong, foreign.expose(), session.expose(), "ofl_\u{0}\u{ffff}"] {
        let error = by_token(&app, &Secret::new(text)).await.unwrap_err();
        assert_eq!(error.code(), Code::CredentialRefused, "{error}");
        assert!(text.is_empty() || !format!("{error:?}").contains(text) || text.len() < 10, "{error:?}");
    }
    for text in ["", token.expose(), foreign.expose()] {
        let error = app.authenticate(&Credential::Session(Secret::new(text)), None).await.unwrap_err();
        assert_eq!(error.code(), Code::CredentialRefused, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_may_what_their_role_allows_until_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let app = installation(dir.path()).await;
    for (name, password) in [("ada", "wrong horse battery"), ("eve", PASSWORD), ("", ""), ("a/b", PASSWORD)] {
        let refused = sign_in(&app, name, password).await.unwrap_err();
        assert_eq!(refused.error.code(), Code::SignInRefused, "{name}");
        assert_eq!(refused.error.message(), "user name or password wrong", "for all alike");
    }
    let (first, second) =
        (sign_in(&app, "ADA", PASSWORD).await.unwrap(), sign_in(&app, "bob", PASSWORD).await.unwrap());
    let (ada, bob) = (by_session(&app, &first).await.unwrap(), by_session(&app, &second).await.unwrap());
    assert_eq!((ada.actor.kind, ada.actor.name.as_str()), (ActorKind::Person, "ada"));
    assert!(ada.may(Permission::ManageUsers) && !bob.may(Permission::ManageUsers));
    assert_eq!(app.sessions(None).await.unwrap().sessions.len(), 2);

    // A change of rights, of the password, and to be disabled each end what was begun before.
    change(&app, "bob", NewUser::Role(Role::Viewer)).await.unwrap();
    assert_eq!(by_session(&app, &second).await.unwrap_err().code(), Code::CredentialRefused);
    let third = sign_in(&app, "bob", PASSWORD).await.unwrap();
    assert_ne!(third.session.expose(), second.session.expose());
    assert!(!by_session(&app, &third).await.unwrap().may(Permission::ReadRows), "a viewer sees no rows");
    let other = "another horse battery";
    change(&app, "bob", NewUser::Password(Some(Secret::new(other)))).await.unwrap();
    assert_eq!(by_session(&app, &third).await.unwrap_err().code(), Code::CredentialRefused);
    assert!(sign_in(&app, "bob", PASSWORD).await.is_err());
    let fourth = sign_in(&app, "bob", other).await.unwrap();
    change(&app, "bob", NewUser::Disabled).await.unwrap();
    assert_eq!(by_session(&app, &fourth).await.unwrap_err().code(), Code::CredentialRefused);
    assert_eq!(sign_in(&app, "bob", other).await.unwrap_err().error.code(), Code::SignInRefused);
    for to in [NewUser::Role(Role::Member), NewUser::Disabled] {
        assert_eq!(change(&app, "ada", to).await, Err(Code::LastAdmin));
    }
    by_session(&app, &first).await.expect("what is refused ends no session");

    app.sign_out(&ada).await.unwrap();
    assert_eq!(by_session(&app, &first).await.unwrap_err().code(), Code::CredentialRefused);
    let audit = sql(dir.path(), "SELECT action FROM audit_log WHERE result = 'refused' ORDER BY number");
    let begun = ["session.begin"; 6];
    assert_eq!(audit, [&begun[..], &["user.set_role", "user.disable"]].concat());
    let kept = sql(
        dir.path(),
        "SELECT coalesce(value_before, '') || coalesce(value_after, '') || subject FROM audit_log",
    );
    let all = kept.join("\n");
    for secret in [PASSWORD, other, "argon2id", first.session.expose(), first.browser.expose()] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_ended_one_by_one_or_all() {
    let dir = tempfile::tempdir().unwrap();
    let app = installation(dir.path()).await;
    let mut begun = Vec::new();
    for _ in 0..3 {
        begun.push(sign_in(&app, "ada", PASSWORD).await.unwrap());
    }
    let principal = by_session(&app, &begun[0]).await.unwrap();
    let How::Session { id, .. } = &principal.how else { panic!("{principal:?}") };
    let sessions = app.sessions(Some("ada")).await.unwrap().sessions;
    let own = sessions.iter().find(|session| session.id == *id).unwrap();
    assert_eq!((own.address.as_deref(), own.agent.as_deref()), (Some("192.0.2.7"), Some("a browser")));
    assert_eq!(app.end_sessions("ada", Some(id)).await.unwrap(), 1);
    assert!(by_session(&app, &begun[0]).await.is_err() && by_session(&app, &begun[1]).await.is_ok());
    let gone = app.end_sessions("ada", Some(id)).await.unwrap_err();
    let others = app.end_sessions("bob", Some(id)).await.unwrap_err();
    assert_eq!((gone.code(), others.code()), (Code::NoSuchPerson, Code::NoSuchPerson));
    assert_eq!(app.end_sessions("ada", None).await.unwrap(), 2);
    assert!(by_session(&app, &begun[2]).await.is_err());

    // Unused for 12 hours, or 7 days old.
    for set in ["used_at = used_at - 43200000000", "expires_at = created_at"] {
        let session = sign_in(&app, "ada", PASSWORD).await.unwrap();
        sql(dir.path(), &format!("UPDATE sessions SET {set} RETURNING user_name"));
        assert_eq!(by_session(&app, &session).await.unwrap_err().code(), Code::CredentialExpired);
        assert!(app.sessions(None).await.unwrap().sessions.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_changed_by_whoever_has_it_and_a_made_one_works() {
    let dir = tempfile::tempdir().unwrap();
    let app = installation(dir.path()).await;
    let (before, new) =
        (sign_in(&app, "bob", PASSWORD).await.unwrap(), Secret::new("four words without sense"));
    let wrong = app.change_own_password(&sign_in_request("bob", "not this horse"), &new).await.unwrap_err();
    assert_eq!(wrong.error.code(), Code::SignInRefused);
    let easy = Secret::new("Password1234");
    let easy = app.change_own_password(&sign_in_request("bob", PASSWORD), &easy).await.unwrap_err();
    assert_eq!(easy.error.code(), Code::PasswordRefused);
    let after = app.change_own_password(&sign_in_request("bob", PASSWORD), &new).await.unwrap();
    assert!(by_session(&app, &before).await.is_err());
    by_session(&app, &after).await.unwrap();

    let request = NewUserRequest {
        name: "Eve@Example.com".to_owned(),
        role: Role::Viewer,
        password: None,
        within: Permissions::of(Role::Admin),
        wait: true,
    };
    let made = app.create_user(&request, &Caller::silent()).await.unwrap();
    assert_eq!(made.user.name, "eve@example.com");
    sign_in(&app, "eve@example.com", made.password.unwrap().expose()).await.unwrap();
    let again = app.create_user(&request, &Caller::silent()).await.unwrap_err();
    assert_eq!(again.0[0].code(), Code::NameTaken);
    for within in [Role::Viewer, Role::Member] {
        let within = Permissions::of(within);
        let more =
            NewUserRequest { name: "mallory".to_owned(), role: Role::Admin, within, ..request.clone() };
        let refused = app.create_user(&more, &Caller::silent()).await.unwrap_err();
        assert_eq!(refused.0[0].code(), Code::NotPermitted);
        let change =
            UserChangeRequest { name: "ada".to_owned(), to: NewUser::Password(None), within, wait: true };
        let refused = app.change_user(&change, &Caller::silent()).await.unwrap_err();
        assert_eq!(refused.0[0].code(), Code::NotPermitted, "else they could sign in as ada");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_set_up_token_makes_one_administrator_once() {
    let dir = tempfile::tempdir().unwrap();
    let app = App::new(dir.path().to_owned(), None);
    let (earlier, _) = app.offer_set_up().await.unwrap().unwrap();
    let (token, _) = app.offer_set_up().await.unwrap().unwrap();
    let set_up = async |token: &Secret, name: &str, password: &str| {
        let request = SetUpRequest { token: token.clone(), sign_in: sign_in_request(name, password) };
        app.set_up(&request).await.map_err(|error| error.code())
    };
    for wrong in [&earlier, &Secret::new("oflsetup_"), &Secret::new("")] {
        assert_eq!(set_up(wrong, "ada", PASSWORD).await.unwrap_err(), Code::SetupRefused);
    }
    assert_eq!(set_up(&token, "a da", PASSWORD).await.unwrap_err(), Code::InvalidValue);
    assert_eq!(set_up(&token, "ada", "Password1234").await.unwrap_err(), Code::PasswordRefused);
    let signed_in = set_up(&token, "ada", PASSWORD).await.unwrap();
    assert!(by_session(&app, &signed_in).await.unwrap().may(Permission::ManageUsers));
    assert_eq!(set_up(&token, "eve", PASSWORD).await.unwrap_err(), Code::SetupRefused);
    assert!(app.offer_set_up().await.unwrap().is_none(), "there is a user");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_signs_its_user_in_once() {
    let dir = tempfile::tempdir().unwrap();
    let app = installation(dir.path()).await;
    let follow = async |code: &Secret| {
        let agent = Some("a browser".to_owned());
        let request = LinkRequest { code: code.clone(), browser: None, address: None, agent };
        app.follow_sign_in_link(&request).await.map_err(|error| error.code())
    };
    let earlier = app.make_sign_in_link("ada").unwrap();
    let code = app.make_sign_in_link("bob").unwrap();
    for wrong in [&earlier, &Secret::new("oflink_"), &Secret::new("")] {
        assert_eq!(follow(wrong).await.unwrap_err(), Code::LinkRefused);
    }
    let signed_in = follow(&code).await.unwrap();
    assert_eq!(signed_in.user.name, "bob");
    assert!(!by_session(&app, &signed_in).await.unwrap().may(Permission::ManageUsers), "a member");
    assert_eq!(follow(&code).await.unwrap_err(), Code::LinkRefused, "it counts once");
    let code = app.make_sign_in_link("bob").unwrap();
    change(&app, "bob", NewUser::Disabled).await.unwrap();
    assert_eq!(follow(&code).await.unwrap_err(), Code::LinkRefused, "who is disabled stays out");
    let code = app.make_sign_in_link("eve").unwrap();
    assert_eq!(follow(&code).await.unwrap_err(), Code::LinkRefused, "there is no eve");
}
