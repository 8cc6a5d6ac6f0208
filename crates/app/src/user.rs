//! The user of this machine as whom a process runs, by name.

use std::io;
use std::path::Path;
use std::sync::OnceLock;

use outflow_core::{Actor, files};
use tokio::net::UnixStream;

/// Where names of users are. Those of a directory service are not in it, and go by number.
const USERS: &str = "/etc/passwd";
/// A longer list is not read.
const LONGEST: u64 = 4 << 20;

/// The number of the user as whom this process runs, as the other end of its sockets sees it.
pub(crate) fn own_user() -> io::Result<u32> {
    let (one, _other) = UnixStream::pair()?;
    Ok(one.peer_cred()?.uid())
}

/// The user of this process, who is behind what no request says otherwise of.
pub(crate) fn local() -> Actor {
    static OWN: OnceLock<Actor> = OnceLock::new();
    OWN.get_or_init(|| own_user().map_or_else(|_| Actor::local("unknown"), by_number)).clone()
}

/// The user with this number.
pub(crate) fn by_number(user: u32) -> Actor {
    let users = files::read_text(Path::new(USERS), LONGEST).unwrap_or_default();
    Actor::local(name_in(&users, user).unwrap_or_else(|| format!("user {user}")))
}

/// The name of the user in a list `name:password:number:…`.
fn name_in(users: &str, user: u32) -> Option<String> {
    let number = user.to_string();
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, found) = (fields.next()?, fields.nth(1)?);
        (found == number && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_the_name_of_its_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\n\nodd\nada:x:10:10::/home/ada:/bin/sh\n:x:7:7\n";
        let name = |user| name_in(users, user);
        assert_eq!((name(0).as_deref(), name(10).as_deref()), (Some("root"), Some("ada")));
        assert_eq!((name(1), name(7)), (None, None));
    }
}
