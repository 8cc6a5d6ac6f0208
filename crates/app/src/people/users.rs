//! Users: making, listing and changing them, and the first administrator.
//!
//! What always holds: a password that Outflow makes is shown once. A role that may do more than
//! whoever asks is neither given nor taken by them. The set-up token makes one user, once.

use std::time::Duration;

use outflow_core::ports::state::{Role, UserChange, UserRecord};
use outflow_core::{Actor, ActorKind, BoxFuture, Clock as _, Code, Error, Secret, SystemClock, Timestamp};
use outflow_engine::{Errors, FORMAT_VERSION};
use outflow_project::suggestion;
use serde::{Deserialize, Serialize};

use super::changes::PeopleChange;
use super::credential::{self, Kind};
use super::entries::UserEntry;
use super::permissions::Permissions;
use super::sign_in::{SignInRequest, SignedIn};
use super::tokens::too_much;
use super::{names, password};
use crate::{App, Caller};

/// The set-up token is valid for this long: an hour.
const SET_UP: Duration = Duration::from_secs(3600);

/// Every user, by name.
#[derive(Debug, Serialize, Deserialize)]
pub struct UserList {
    format_version: u32,
    /// The users.
    pub users: Vec<UserEntry>,
}

/// A user to make, or another password for one.
#[derive(Clone, Debug)]
pub struct NewUserRequest {
    /// The name.
    pub name: String,
    /// The role.
    pub role: Role,
    /// The password; `None`: Outflow makes one.
    pub password: Option<Secret>,
    /// What whoever asks may do.
    pub within: Permissions,
    /// Wait while another process holds the state.
    pub wait: bool,
}

/// A change of a user.
#[derive(Clone, Debug)]
pub struct UserChangeRequest {
    /// Their name.
    pub name: String,
    /// What is to be.
    pub to: NewUser,
    /// What whoever asks may do.
    pub within: Permissions,
    /// Wait while another process holds the state.
    pub wait: bool,
}

/// What is to be of a user.
#[derive(Clone, Debug)]
pub enum NewUser {
    /// This role.
    Role(Role),
    /// They may not sign in any more.
    Disabled,
    /// They may sign in again.
    Enabled,
    /// This password; `None`: Outflow makes one.
    Password(Option<Secret>),
}

/// A user as they are now.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UserDocument {
    format_version: u32,
    /// The user.
    #[serde(flatten)]
    pub user: UserEntry,
    /// The password that Outflow has made: the only time that it is shown.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "shown_once",
        deserialize_with = "read_once"
    )]
    #[schema(value_type = Option<String>)]
    pub password: Option<Secret>,
}

/// Somebody has the set-up token.
#[derive(Clone, Debug)]
pub struct SetUpRequest {
    /// The token.
    pub token: Secret,
    /// The first administrator, who signs in with it.
    pub sign_in: SignInRequest,
}

impl App {
    /// Adds a user.
    ///
    /// # Errors
    /// C005: it is no name. A007: the password is too easy. A012: there is one of that name. A004:
    /// they would have more rights than whoever asks. The state, if it cannot be taken.
    pub fn create_user<'a>(
        &'a self,
        request: &'a NewUserRequest,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<UserDocument, Errors>> {
        Box::pin(async move {
            let name = checked_name(&request.name)?;
            if let Some(missing) = Permissions::of(request.role).beyond(request.within) {
                return Err(too_much(missing).into());
            }
            let (hash, made) = new_password(&name, request.password.as_ref()).await?;
            let user = new_user(name, request.role, hash);
            let entry = UserEntry::of(user.clone());
            let change = PeopleChange::CreateUser { user, is_first: false };
            self.change_people_for(change, request.wait, caller).await?;
            Ok(UserDocument { format_version: FORMAT_VERSION, user: entry, password: made })
        })
    }

    /// Every user; none before the first run.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn users<'a>(&'a self) -> BoxFuture<'a, Result<UserList, Error>> {
        Box::pin(async move {
            let users = match self.is_new().await? {
                true => Vec::new(),
                false => self.reader().await?.state.users().await?,
            };
            let users = users.into_iter().map(UserEntry::of).collect();
            Ok(UserList { format_version: FORMAT_VERSION, users })
        })
    }

    /// Changes a user. Their sessions end.
    ///
    /// # Errors
    /// A011: there is no such user. A008: it is the only administrator. A007, A004: as for
    /// [`App::create_user`]. The state, if it cannot be taken.
    pub fn change_user<'a>(
        &'a self,
        request: &'a UserChangeRequest,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<UserDocument, Errors>> {
        Box::pin(async move {
            let users = self.users().await?.users;
            let name = names::user_name(&request.name).unwrap_or_else(|_| request.name.clone());
            let user = users.iter().find(|user| user.name == name).ok_or_else(|| unknown(&name, &users))?;
            let of_both =
                [Some(user.role), if let NewUser::Role(role) = request.to { Some(role) } else { None }];
            for role in of_both.into_iter().flatten() {
                if let Some(missing) = Permissions::of(role).beyond(request.within) {
                    return Err(too_much(missing).into());
                }
            }
            let (to, made) = match &request.to {
                NewUser::Role(role) => (UserChange::Role(*role), None),
                NewUser::Disabled => (UserChange::Disabled(Some(SystemClock.now())), None),
                NewUser::Enabled => (UserChange::Disabled(None), None),
                NewUser::Password(password) => {
                    let (hash, made) = new_password(&name, password.as_ref()).await?;
                    (UserChange::Password(hash), made)
                }
            };
            let change = PeopleChange::ChangeUser { name: name.clone(), to };
            self.change_people_for(change, request.wait, caller).await?;
            self.people.throttle().forget(&name);
            let user = self.reader().await?.state.user(&name).await?;
            let user = UserEntry::of(user.ok_or_else(|| unknown(&name, &users))?);
            Ok(UserDocument { format_version: FORMAT_VERSION, user, password: made })
        })
    }

    /// Changes the password of whoever has signed in, ends all their sessions, and begins a new
    /// one.
    ///
    /// # Errors
    /// As for [`App::sign_in`] with the old password, and for [`App::create_user`] with the new
    /// one.
    pub fn change_own_password<'a>(
        &'a self,
        old: &'a SignInRequest,
        new: &'a Secret,
    ) -> BoxFuture<'a, Result<SignedIn, super::NotLetIn>> {
        Box::pin(async move {
            let signed_in = self.sign_in(old).await?;
            password::check(new.expose(), &signed_in.user.name)?;
            let to = UserChange::Password(password::hash_of(new).await?);
            let name = signed_in.user.name.clone();
            let actor = Actor { address: old.address.clone(), ..Actor::new(ActorKind::Person, &name) };
            let by = self.by(actor);
            by.change_people(PeopleChange::ChangeUser { name, to }).await?;
            Ok(by.begin_session(signed_in.user, None, old).await?)
        })
    }

    /// A set-up token with its end, if there is no user yet: for the process that serves, which
    /// shows it once, and not in its log. An earlier one counts for nothing any more.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn offer_set_up<'a>(&'a self) -> BoxFuture<'a, Result<Option<(Secret, Timestamp)>, Error>> {
        Box::pin(async move {
            if !self.users().await?.users.is_empty() {
                return Ok(None);
            }
            let (secret, hash) = credential::make(Kind::SetUp)?;
            let now = SystemClock.now();
            let until = now.checked_add(SET_UP).unwrap_or(now);
            *self.people.set_up() = Some((hash, until));
            Ok(Some((secret, until)))
        })
    }

    /// Makes the first administrator, who is signed in with it.
    ///
    /// # Errors
    /// A009: the token is another, or has ended, or there is a user. C005, A007: as for
    /// [`App::create_user`].
    pub fn set_up<'a>(&'a self, request: &'a SetUpRequest) -> BoxFuture<'a, Result<SignedIn, Error>> {
        Box::pin(async move {
            let (now, given) = (SystemClock.now(), credential::kept(request.token.expose()));
            let is_valid = || self.people.set_up().is_some_and(|(hash, until)| hash == given && now < until);
            if !is_valid() {
                let error = Error::new(Code::SetupRefused, "this set-up token is not valid, or not any more");
                return Err(error.help("start `outflow serve` again: it prints a new one"));
            }
            let name = checked_name(&request.sign_in.name)?;
            let (hash, _) = new_password(&name, Some(&request.sign_in.password)).await?;
            let user = new_user(name.clone(), Role::Admin, hash);
            let entry = UserEntry::of(user.clone());
            let address = request.sign_in.address.clone();
            let by = self.by(Actor { address, ..Actor::new(ActorKind::Person, name) });
            by.change_people(PeopleChange::CreateUser { user, is_first: true }).await?;
            *self.people.set_up() = None;
            by.begin_session(entry, None, &request.sign_in).await
        })
    }
}

fn new_user(name: String, role: Role, hash: String) -> UserRecord {
    let (password, created_at) = (Some(hash), SystemClock.now());
    UserRecord { name, role, password, external: None, created_at, disabled_at: None }
}

fn checked_name(typed: &str) -> Result<String, Error> {
    names::user_name(typed).map_err(|why| Error::new(Code::InvalidValue, why).at("name"))
}

/// The hash of the password that is given, or of one that is made and returned.
async fn new_password(user: &str, given: Option<&Secret>) -> Result<(String, Option<Secret>), Error> {
    match given {
        Some(given) => {
            password::check(given.expose(), user)?;
            Ok((password::hash_of(given).await?, None))
        }
        None => {
            let made = Secret::new(credential::random_password()?);
            Ok((password::hash_of(&made).await?, Some(made)))
        }
    }
}

fn unknown(name: &str, users: &[UserEntry]) -> Error {
    let names: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
    Error::new(Code::NoSuchPerson, format!("there is no user {name:?}")).help(suggestion(
        name,
        "the users are",
        &names,
    ))
}

fn read_once<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(d)?.map(Secret::new))
}

fn shown_once<S: serde::Serializer>(secret: &Option<Secret>, s: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(s)
}
