//! A link that signs one user in, once: what `outflow demo` prints.
//!
//! What always holds: a link is made in the process that serves, for a user who is there, counts
//! once and for an hour, and ends with the process. What it does not do: let a request make one.

use std::time::Duration;

use outflow_core::ports::state::SecretHash;
use outflow_core::{Actor, ActorKind, BoxFuture, Code, Error, Secret};

use super::credential::{self, Kind};
use super::entries::UserEntry;
use super::sign_in::{SignInRequest, SignedIn};
use crate::App;

/// A link counts for this long.
const WITHIN: Duration = Duration::from_secs(3600);

/// The link that counts now.
pub(crate) struct Link {
    code: SecretHash,
    user: String,
    /// By the clock of [`super::Shared::now`].
    ends: Duration,
}

/// A browser that follows a link.
#[derive(Clone, Debug)]
pub struct LinkRequest {
    /// The link's code.
    pub code: Secret,
    /// What an earlier sign-in gave this browser, if it has something.
    pub browser: Option<Secret>,
    /// From where.
    pub address: Option<String>,
    /// What the browser says that it is.
    pub agent: Option<String>,
}

impl App {
    /// The code of a link that signs this user in, once. An earlier one counts for nothing any
    /// more.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn make_sign_in_link(&self, user: &str) -> Result<Secret, Error> {
        let (secret, code) = credential::make(Kind::Link)?;
        let ends = self.people.now().saturating_add(WITHIN);
        *self.people.link() = Some(Link { code, user: user.to_owned(), ends });
        Ok(secret)
    }

    /// Begins the session of the user whom the link is for.
    ///
    /// # Errors
    /// A035: there is no such link, or it was used, or has ended, or its user may not sign in.
    pub fn follow_sign_in_link<'a>(
        &'a self,
        request: &'a LinkRequest,
    ) -> BoxFuture<'a, Result<SignedIn, Error>> {
        Box::pin(async move {
            let name = self.take_link(&request.code).ok_or_else(refused)?;
            let user = self.reader().await?.state.user(&name).await?;
            let user = user.filter(|user| user.disabled_at.is_none()).ok_or_else(refused)?;
            let address = request.address.clone();
            let by = self.by(Actor { address, ..Actor::new(ActorKind::Person, &user.name) });
            let sign_in = SignInRequest {
                name: user.name.clone(),
                password: Secret::default(),
                browser: request.browser.clone(),
                address: request.address.clone(),
                agent: request.agent.clone(),
            };
            by.begin_session(UserEntry::of(user), None, &sign_in).await
        })
    }

    /// The user of the link with this code. It is gone after this; another code leaves it.
    fn take_link(&self, code: &Secret) -> Option<String> {
        let (given, now) = (credential::kept(code.expose()), self.people.now());
        let link = self.people.link().take_if(|link| link.code == given)?;
        (link.ends > now).then_some(link.user)
    }
}

fn refused() -> Error {
    Error::new(Code::LinkRefused, "this link to sign in is not valid, or not any more")
        .help("sign in with a name and a password, or start `outflow demo` again for a new link")
}
