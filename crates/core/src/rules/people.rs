//! Whether a user may be changed so.

use crate::ports::state::{Role, UserChange, UserRecord};
use crate::{Code, Error, Result};

/// Whether this change of a user leaves somebody who can administer the service. `other_admins`:
/// how many active administrators there are beside them.
///
/// # Errors
/// `LastAdmin`.
pub fn check_user_change(user: &UserRecord, change: &UserChange, other_admins: u64) -> Result<()> {
    let takes_away = match change {
        UserChange::Role(role) => *role != Role::Admin,
        UserChange::Disabled(since) => since.is_some(),
        UserChange::Password(_) => false,
    };
    if takes_away && user.is_active_admin() && other_admins == 0 {
        let message = format!("{} is the only administrator who can sign in", user.name);
        return Err(Error::new(Code::LastAdmin, message)
            .help("make another user an administrator first, then change this one"));
    }
    Ok(())
}

/// What a user is after a change.
#[must_use]
pub fn changed_user(mut user: UserRecord, change: &UserChange) -> UserRecord {
    match change {
        UserChange::Role(role) => user.role = *role,
        UserChange::Disabled(None) => user.disabled_at = None,
        // The first time counts.
        UserChange::Disabled(Some(at)) => user.disabled_at = user.disabled_at.or(Some(*at)),
        UserChange::Password(hash) => user.password = Some(hash.clone()),
    }
    user
}

/// `NoSuchPerson`: there is no user of this name.
pub fn no_such_user(name: &str) -> Error {
    Error::new(Code::NoSuchPerson, format!("there is no user {name:?} who can sign in"))
}

/// `NoSuchPerson`: there is no token of this id.
pub fn no_such_token(id: &str) -> Error {
    Error::new(Code::NoSuchPerson, format!("there is no token {id:?}"))
}

/// `NameTaken`: `what` is `user` or `token`.
pub fn name_taken(what: &str, name: &str) -> Error {
    Error::new(Code::NameTaken, format!("there is a {what} {name:?} already"))
}

/// `SetupRefused`: the first user is made already.
pub fn not_the_first_user() -> Error {
    Error::new(Code::SetupRefused, "there are users already, so the set-up is over")
        .help("sign in; an administrator makes further users")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn user(role: Role, is_disabled: bool) -> UserRecord {
        let at = Timestamp::UNIX_EPOCH;
        let disabled_at = is_disabled.then_some(at);
        let name = "ada".to_owned();
        UserRecord { name, role, password: None, external: None, created_at: at, disabled_at }
    }

    #[test]
    fn an_administrator_stays_whatever_is_changed() {
        let now = Some(Timestamp::UNIX_EPOCH);
        let changes = [
            UserChange::Role(Role::Admin),
            UserChange::Role(Role::Member),
            UserChange::Role(Role::Viewer),
            UserChange::Disabled(now),
            UserChange::Disabled(None),
            UserChange::Password("hash".to_owned()),
        ];
        let mut refused = 0;
        for role in Role::ALL {
            for (is_disabled, others) in [(false, 0), (false, 1), (true, 0), (true, 1)] {
                for change in &changes {
                    let before = user(role, is_disabled);
                    let had = others + u64::from(before.is_active_admin());
                    let allowed = check_user_change(&before, change, others);
                    let has = others + u64::from(changed_user(before, change).is_active_admin());
                    assert_eq!(allowed.is_err(), had > 0 && has == 0, "{role:?} {is_disabled} {change:?}");
                    refused += u32::from(allowed.is_err());
                }
            }
        }
        assert_eq!(refused, 3, "the only administrator: two roles, and to be disabled");
    }
}
