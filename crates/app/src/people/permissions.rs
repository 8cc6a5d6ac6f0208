//! What there is to be allowed, and which role allows it.

use std::fmt::Write as _;

use outflow_core::ports::state::Role;
use serde::{Serialize, Serializer};

macro_rules! permissions {
    ($($variant:ident $name:literal $role:ident $what:literal;)*) => {
        /// Something that whoever asks may do, or may not. A front end asks for one before it calls
        /// a use case.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission { $(#[doc = $what] $variant,)* }

        impl Permission {
            /// All of them, in the order of the docs.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in scopes of tokens and in documents.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it allows.
            pub const fn what(self) -> &'static str {
                match self { $(Self::$variant => $what,)* }
            }

            /// The role from which on it is given.
            const fn first_role(self) -> Role {
                match self { $(Self::$variant => Role::$role,)* }
            }
        }
    };
}

permissions! {
    ReadProject "project.read" Viewer "See sources, destinations, connections, syncs and their versions; export them.";
    ReadStatus "status.read" Viewer "See what runs, what waits, what is due next, and the version; follow live events.";
    ReadRuns "runs.read" Viewer "See runs with their counts, gaps, and the codes of rejected rows; verify a run.";
    ReadUsage "usage.read" Viewer "See how many rows were read and calls were sent.";
    ReadAlerts "alerts.read" Viewer "See alerts and who receives them.";
    ReadSelf "self.read" Viewer "See who one is and what one may do. Every token has it.";
    OwnAccount "account.own" Viewer "See and end one's own sessions; change one's own password. People only.";
    ReadRows "rows.read" Member "See values of rows: previews, rejected rows, dead letters, and requests to destinations.";
    QuerySources "sources.query" Member "Put load on a database: test it, read its catalogue, check and estimate a query.";
    TestDestinations "destinations.test" Member "Test a destination.";
    WriteProject "project.write" Member "Add, change, rename and remove sources, destinations, connections and syncs; import them.";
    StartRuns "runs.start" Member "Run a sync now, fill gaps, replay.";
    DecideRuns "runs.decide" Member "Approve and reject runs that await approval; give up calls that wait.";
    Pause "pauses.write" Member "Pause, resume and enable syncs; pause and resume destinations.";
    ListSecrets "secrets.list" Member "See the names of secrets and where they are used; never a value.";
    WriteSecrets "secrets.write" Admin "Set, rotate and remove secrets.";
    ManageAlerts "alerts.write" Admin "Change who receives alerts; send a test alert.";
    ManageSettings "settings.write" Admin "Change the installation's settings; reload; check the whole state.";
    PurgePeople "purge" Admin "Remove a person from the calls and rows that are kept.";
    ManageUsers "users.write" Admin "See and change users and their sessions.";
    ManageTokens "tokens.write" Admin "See, make and revoke API tokens.";
    ReadAudit "audit.read" Admin "Read and export the audit log.";
    ReadMetrics "metrics.read" Viewer "Read the metrics.";
}

impl Permission {
    /// The permission of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|permission| permission.name() == name)
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

/// What a role allows: the one table.
pub fn allows(role: Role, permission: Permission) -> bool {
    role >= permission.first_role()
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u64);

impl Permissions {
    /// All that a role allows.
    pub fn of(role: Role) -> Self {
        Permission::ALL.iter().copied().filter(|permission| allows(role, *permission)).collect()
    }

    /// Whether the permission is one of these.
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & bit(permission) != 0
    }

    /// With this one, too.
    #[must_use]
    pub const fn with(self, permission: Permission) -> Self {
        Self(self.0 | bit(permission))
    }

    /// Without this one.
    #[must_use]
    pub const fn without(self, permission: Permission) -> Self {
        Self(self.0 & !bit(permission))
    }

    /// One of these that the others do not have, but for what everybody has.
    pub fn beyond(self, others: Self) -> Option<Permission> {
        let everybodys = Self::default().with(Permission::OwnAccount).with(Permission::ReadSelf);
        self.iter().find(|permission| !everybodys.contains(*permission) && !others.contains(*permission))
    }

    /// Each of them, in the order of the docs.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.contains(*permission))
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |bits, permission| bits | bit(permission)))
    }
}

const fn bit(permission: Permission) -> u64 {
    1_u64.wrapping_shl(permission as u32)
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.iter())
    }
}

/// The page `docs/reference/permissions.md`.
pub fn permissions_page() -> String {
    let mut page = include_str!("permissions.md").to_owned();
    let _ = writeln!(
        page,
        "| permission | allows to | viewer | member | admin |\n| --- | --- | --- | --- | --- |"
    );
    for permission in Permission::ALL {
        let _ = write!(page, "| `{}` | {} |", permission.name(), permission.what());
        for role in Role::ALL {
            page += if allows(role, *permission) { " yes |" } else { " – |" };
        }
        page.push('\n');
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_all_that_the_one_before_may_and_more() {
        let [viewer, member, admin] = Role::ALL.map(Permissions::of);
        for permission in Permission::ALL {
            assert!(admin.contains(*permission), "{permission:?}");
            assert!(!viewer.contains(*permission) || member.contains(*permission), "{permission:?}");
        }
        let of = |permissions: Permissions| permissions.iter().count();
        assert!(0 < of(viewer) && of(viewer) < of(member) && of(member) < of(admin));
    }

    #[test]
    fn what_is_the_administrators_is_theirs_alone_and_rows_are_not_for_viewers() {
        use Permission::*;
        for permission in
            [WriteSecrets, ManageSettings, PurgePeople, ManageUsers, ManageTokens, ReadAudit, ManageAlerts]
        {
            assert!(!allows(Role::Member, permission), "{permission:?}");
        }
        assert!(!allows(Role::Viewer, ReadRows) && allows(Role::Member, ReadRows));
        // Nothing that a viewer may do changes anything but their own account.
        let viewer = Permissions::of(Role::Viewer);
        let changing: Vec<_> = viewer.iter().filter(|p| !p.name().ends_with(".read")).collect();
        assert_eq!(changing, [OwnAccount]);
    }

    #[test]
    fn names_are_unique_and_a_set_has_what_was_put_in() {
        for permission in Permission::ALL {
            assert_eq!(Permission::from_name(permission.name()), Some(*permission));
            let one: Permissions = [*permission].into_iter().collect();
            assert_eq!(one.iter().collect::<Vec<_>>(), [*permission]);
            assert_eq!(one.without(*permission), Permissions::default());
        }
        assert!(Permission::ALL.len() <= 64);
    }
}
