//! Names that people give to columns and that are nearly those of a field.
//!
//! What always holds: a name that fills a field is none of them, and where a field is filled, no
//! other column is taken for it. What it does not do: change where a column goes.

use outflow_core::{CallType, Code};

use crate::fields::{self, CONTEXT, Kind, Members, ReservedField, Section};
use crate::required;

/// What is said about a column's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameHint {
    /// The column.
    pub column: usize,
    /// What it is.
    pub code: Code,
    /// One sentence.
    pub message: String,
    /// What to do.
    pub help: String,
    /// The name that may be meant.
    pub name: Option<String>,
}

/// What people call a field, in lower case and without separators, the likeliest first.
const fn names_of(field: ReservedField) -> &'static [&'static str] {
    match field {
        ReservedField::UserId => &[
            "userid",
            "id",
            "uid",
            "useruuid",
            "customerid",
            "externalid",
            "memberid",
            "personid",
            "contactid",
            "subscriberid",
            "profileid",
        ],
        ReservedField::AnonymousId => &["anonymousid", "anonid", "visitorid"],
        ReservedField::PreviousId => &["previousid", "previoususerid", "oldid", "olduserid", "fromid"],
        ReservedField::GroupId => &[
            "groupid",
            "companyid",
            "accountid",
            "organizationid",
            "organisationid",
            "orgid",
            "workspaceid",
            "teamid",
            "tenantid",
            "id",
        ],
        ReservedField::Event => &["eventname", "eventtype", "name", "action"],
        ReservedField::Name => &["pagename", "screenname", "pagetitle", "title"],
        ReservedField::Timestamp => &[
            "occurredat",
            "eventtime",
            "eventtimestamp",
            "eventat",
            "happenedat",
            "originaltimestamp",
            "createdat",
        ],
        ReservedField::MessageId => &["messageid", "msgid"],
        ReservedField::ObjectTypeId => &["objecttype"],
        ReservedField::Category => &["pagecategory"],
    }
}

/// What people call the trait `email`.
const EMAILS: &[&str] =
    &["emailaddress", "mail", "useremail", "contactemail", "customeremail", "primaryemail"];

/// Beginnings of names that are nearly those of a section.
const SECTIONS: &[(&str, Section)] = &[
    ("contexts", Section::Context),
    ("contex", Section::Context),
    ("ctx", Section::Context),
    ("integration", Section::Integrations),
    ("intergrations", Section::Integrations),
    ("trait", Section::Body),
    ("traits", Section::Body),
    ("property", Section::Body),
    ("properties", Section::Body),
    ("propertys", Section::Body),
];

/// The names that are likely meant as something else, in the order of the columns.
pub fn name_hints(call: CallType, names: &[&str]) -> Vec<NameHint> {
    let columns = Columns { call, names };
    let mut found: Vec<NameHint> = columns.by_email().into_iter().collect();
    let taken: Vec<usize> = found.iter().map(|hint| hint.column).collect();
    for (column, name) in names.iter().enumerate().filter(|(column, _)| !taken.contains(column)) {
        let hint = columns.near_field(column, name);
        let hint = hint.or_else(|| columns.near_trait(column, name));
        let hint = hint.or_else(|| columns.near_member(column, name));
        found.extend(hint.or_else(|| columns.of_other_calls(column, name)));
    }
    found.extend(columns.two_object_types());
    found.sort_by_key(|hint| hint.column);
    found
}

/// For each field that such calls need and that no column fills, the column that is likely meant.
pub fn stand_ins(call: CallType, names: &[&str]) -> Vec<(usize, &'static str)> {
    let columns = Columns { call, names };
    columns.unmet().filter_map(|need| columns.stand_in(need)).collect()
}

/// The column that a missing field may be in, and the field's name.
pub(crate) fn stand_in(
    call: CallType,
    names: &[&str],
    need: &required::Need,
) -> Option<(usize, &'static str)> {
    Columns { call, names }.stand_in(need)
}

/// The columns of a result by their names.
struct Columns<'a> {
    call: CallType,
    names: &'a [&'a str],
}

impl Columns<'_> {
    fn fills(&self, field: ReservedField) -> bool {
        self.names.iter().any(|name| field.name().eq_ignore_ascii_case(name))
    }

    fn has(&self, wanted: &str) -> bool {
        self.names.iter().any(|name| wanted.eq_ignore_ascii_case(name))
    }

    fn has_email(&self) -> bool {
        [fields::EMAIL, "traits", "traits.email", "traits__email"].iter().any(|name| self.has(name))
    }

    fn unmet(&self) -> impl Iterator<Item = &'static required::Need> {
        let met = |need: &required::Need| {
            need.any.iter().any(|field| self.fills(*field)) || need.or_email && self.has_email()
        };
        required::needs(self.call).iter().filter(move |need| !met(need))
    }

    /// The column that a missing field may be in, and the field's name.
    fn stand_in(&self, need: &required::Need) -> Option<(usize, &'static str)> {
        let field = need.any.iter().find_map(|field| Some((self.candidate(*field)?, field.name())));
        let is_email = |name: &&str| plain(name) == fields::EMAIL || EMAILS.contains(&plain(name).as_str());
        let email = || Some((self.names.iter().position(is_email)?, fields::EMAIL));
        field.or_else(|| email().filter(|_| need.or_email))
    }

    fn candidate(&self, field: ReservedField) -> Option<usize> {
        let reserved = |name: &str| {
            ReservedField::ALL.iter().any(|f| f.belongs_to(self.call) && f.name().eq_ignore_ascii_case(name))
        };
        names_of(field)
            .iter()
            .find_map(|known| self.names.iter().position(|name| plain(name) == *known && !reserved(name)))
    }

    /// An identify that names people by their email, although there is an identifier.
    fn by_email(&self) -> Option<NameHint> {
        let fields = [ReservedField::UserId, ReservedField::AnonymousId];
        if self.call != CallType::Identify || fields.iter().any(|f| self.fills(*f)) || !self.has_email() {
            return None;
        }
        let (column, field) = fields.iter().find_map(|f| Some((self.candidate(*f)?, f.name())))?;
        let name = self.names[column];
        Some(NameHint {
            column,
            code: Code::PersonByEmail,
            message: format!("these calls name people by email alone, and {name} becomes a trait"),
            help: format!("if {name} says who the person is, name it so: {name} AS \"{field}\""),
            name: Some(field.to_owned()),
        })
    }

    fn near_field(&self, column: usize, name: &str) -> Option<NameHint> {
        let spelled = plain(name);
        for field in ReservedField::ALL.iter().filter(|f| f.belongs_to(self.call)) {
            if self.fills(*field) {
                if field.name().eq_ignore_ascii_case(name) {
                    return None;
                }
                continue;
            }
            // The error about a missing field says it already.
            if self.unmet().any(|need| self.stand_in(need) == Some((column, field.name()))) {
                return None;
            }
            let wanted = plain(field.name());
            let is_same = spelled == wanted && spelled.len() > 4;
            let is_slip = spelled.len() >= 7
                && wanted.len() >= 7
                && !spelled.starts_with(&wanted)
                && strsim::osa_distance(&spelled, &wanted) == 1;
            let event = matches!(self.call, CallType::Track | CallType::Page | CallType::Screen);
            let is_time =
                *field == ReservedField::Timestamp && event && self.candidate(*field) == Some(column);
            let is_known = *field == ReservedField::ObjectTypeId
                && names_of(*field).contains(&spelled.as_str())
                && !self.has(fields::OBJECT_TYPE);
            // `object_type_id` is a trait that services know.
            let is_trait =
                *field == ReservedField::ObjectTypeId && fields::OBJECT_TYPE.eq_ignore_ascii_case(name);
            // A person is named already.
            let needless =
                *field == ReservedField::UserId && self.fills(ReservedField::AnonymousId) && !is_same;
            if (is_same || is_slip || is_time || is_known) && !is_trait && !needless {
                return Some(self.hint(column, Code::NameNearField, field.name(), is_time));
            }
        }
        None
    }

    fn hint(&self, column: usize, code: Code, wanted: &str, is_time: bool) -> NameHint {
        let name = self.names[column];
        let body = Section::Body.name(self.call).map_or("no field", |body| match body {
            "traits" => "a trait",
            _ => "a property",
        });
        let message = match is_time {
            true => format!("{name} becomes {body}, and the events have the time of the run"),
            false => format!("{name} becomes {body}; did you mean {wanted}?"),
        };
        let help = match is_time {
            true => format!("if {name} says when it happened, name it so: {name} AS \"{wanted}\""),
            false => format!("if it is meant, name it so: {name} AS \"{wanted}\""),
        };
        NameHint { column, code, message, help, name: Some(wanted.to_owned()) }
    }

    fn near_trait(&self, column: usize, name: &str) -> Option<NameHint> {
        if self.call != CallType::Identify {
            return None;
        }
        let spelled = plain(name);
        let is_email = spelled == fields::EMAIL && !fields::EMAIL.eq_ignore_ascii_case(name);
        if (is_email || EMAILS.contains(&spelled.as_str())) && !self.has(fields::EMAIL) {
            return Some(self.hint(column, Code::NameNearField, fields::EMAIL, false));
        }
        let is_created = spelled == "createdat" && !name.eq_ignore_ascii_case("createdAt");
        if is_created && !self.has("createdAt") {
            return Some(NameHint {
                column,
                code: Code::DateOfCreation,
                message: format!(
                    "{name} becomes a trait of that name, as it is; the documented one is createdAt"
                ),
                help: format!("{name} AS \"createdAt\" is written as a time"),
                name: Some("createdAt".to_owned()),
            });
        }
        None
    }

    /// An `event` where calls have none.
    fn of_other_calls(&self, column: usize, name: &str) -> Option<NameHint> {
        let has_traits = matches!(self.call, CallType::Identify | CallType::Group);
        let event = ReservedField::Event.name();
        (has_traits && event.eq_ignore_ascii_case(name)).then(|| NameHint {
            column,
            code: Code::FieldOfOtherCalls,
            message: format!("{name} becomes a trait; events are calls of `type: track`"),
            help: "if each row is something that happened, write `type: track` in the sync".to_owned(),
            name: None,
        })
    }

    /// A member of a section under nearly its name.
    fn near_member(&self, column: usize, name: &str) -> Option<NameHint> {
        let wanted = self.section(name).or_else(|| context_member(name)).or_else(|| flat_context(name))?;
        (!wanted.eq_ignore_ascii_case(name)).then(|| NameHint {
            column,
            code: Code::NameNearField,
            message: format!("{name} is no known name; did you mean {wanted}?"),
            help: format!("if it is meant, name it so: … AS \"{wanted}\""),
            name: Some(wanted),
        })
    }

    /// `integration__x`, and `traits__x` where calls have properties.
    fn section(&self, name: &str) -> Option<String> {
        let (head, separator, rest) = first_separator(name)?;
        let lower = head.to_ascii_lowercase();
        let (_, section) = SECTIONS.iter().find(|(near, _)| *near == lower)?;
        let right = section.name(self.call)?;
        (!right.eq_ignore_ascii_case(head)).then(|| format!("{right}{separator}{rest}"))
    }

    fn two_object_types(&self) -> Option<NameHint> {
        if self.call != CallType::Group || !self.fills(ReservedField::ObjectTypeId) {
            return None;
        }
        let is_trait = |name: &&str| {
            [fields::OBJECT_TYPE, "traits.object_type_id", "traits__object_type_id"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
        };
        let column = self.names.iter().position(is_trait)?;
        Some(NameHint {
            column,
            code: Code::TwoObjectTypes,
            message: format!(
                "objectTypeId and {} both give the object type, and both are sent",
                self.names[column]
            ),
            help: "keep one of them: where they differ, it is the service that decides which one counts"
                .to_owned(),
            name: None,
        })
    }
}

/// The first part of a path, its separator, and the rest.
fn first_separator(name: &str) -> Option<(&str, &'static str, &str)> {
    let dot = name.split_once('.').map(|(head, rest)| (head, ".", rest));
    let line = name.split_once("__").map(|(head, rest)| (head, "__", rest));
    match (dot, line) {
        (Some(dot), Some(line)) => Some(if dot.0.len() < line.0.len() { dot } else { line }),
        (dot, line) => dot.or(line),
    }
}

/// A member of `context` that is not documented, and nearly one that is: the documented name.
fn context_member(name: &str) -> Option<String> {
    let (head, separator, rest) = first_separator(name)?;
    if !head.eq_ignore_ascii_case("context") {
        return None;
    }
    let mut members: Option<&'static Members> = Some(&CONTEXT);
    let mut path = vec![head.to_owned()];
    let mut is_near = false;
    for part in rest.split(separator) {
        let Some(known) = members else {
            path.push(part.to_owned());
            continue;
        };
        let (found, mut kind) = known.find(part);
        let mut written = found.unwrap_or(part).to_owned();
        if found.is_none()
            && let Some(near) = known.names().find(|near| is_slip_of(part, near))
        {
            (is_near, kind) = (true, known.find(near).1);
            near.clone_into(&mut written);
        }
        path.push(written);
        members = if let Kind::Object(members) = kind { Some(members) } else { None };
    }
    is_near.then(|| path.join(separator))
}

/// `context_page_url`, as tables of Segment have it: `context__page__url`.
fn flat_context(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let rest = lower.strip_prefix("context_").filter(|rest| !rest.starts_with('_'))?;
    let rest = plain(rest);
    for known in CONTEXT.names() {
        if let (_, Kind::Object(members)) = CONTEXT.find(known) {
            for member in members.names() {
                if rest == plain(&format!("{known}{member}")) {
                    return Some(format!("context__{known}__{member}"));
                }
            }
        } else if rest == plain(known) {
            return Some(format!("context__{known}"));
        }
    }
    None
}

/// Whether a name is another one but for separators, or for a letter or two.
fn is_slip_of(name: &str, known: &str) -> bool {
    let (name, known) = (plain(name), plain(known));
    let most = match known.len() {
        ..4 => 0,
        4..6 => 1,
        _ => 2,
    };
    strsim::osa_distance(&name, &known) <= most && name != format!("{known}s")
}

/// A name in lower case and without separators.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `column -> name` for each hint.
    fn told(call: CallType, names: &[&str]) -> Vec<String> {
        let say = |hint: NameHint| {
            format!("{} {} -> {}", hint.code, names[hint.column], hint.name.unwrap_or_default())
        };
        name_hints(call, names).into_iter().map(say).collect()
    }

    #[test]
    fn identifiers_under_the_names_of_other_tools_are_found_where_none_is_given() {
        use CallType::Identify;
        for name in ["id", "user_id", "USER_ID", "customer_id", "external_id", "uid", "person_id"] {
            assert_eq!(told(Identify, &[name, "email"]), [format!("Q122 {name} -> userId")]);
            assert_eq!(told(Identify, &["userId", name, "email"]), [""; 0], "{name}");
        }
        assert_eq!(told(Identify, &["anonymous_id", "email"]), ["Q122 anonymous_id -> anonymousId"]);
        assert_eq!(told(Identify, &["userId", "anonymous_id"]), ["Q124 anonymous_id -> anonymousId"]);
        assert_eq!(told(Identify, &["email", "plan", "account_id"]), [""; 0]);
        assert_eq!(told(Identify, &["userId", "email_address"]), ["Q124 email_address -> email"]);
        assert_eq!(told(Identify, &["userId", "E-Mail"]), ["Q124 E-Mail -> email"]);
        assert_eq!(told(Identify, &["userId", "EMAIL"]), [""; 0]);
        assert_eq!(told(Identify, &["userId", "event"]), ["Q207 event -> "]);
        assert_eq!(told(CallType::Track, &["userId", "event"]), [""; 0]);
        assert_eq!(told(Identify, &["userId", "email", "email_address"]), [""; 0]);
        assert_eq!(told(Identify, &["userId", "created_at"]), ["Q205 created_at -> createdAt"]);
        assert_eq!(told(Identify, &["userId", "createdAt", "created_at"]), [""; 0]);
    }

    #[test]
    fn what_a_call_needs_is_found_under_another_name() {
        for (call, names, expected) in [
            (CallType::Track, &["user_id", "event_name"][..], vec![(1, "event"), (0, "userId")]),
            (CallType::Track, &["anonymous_id", "event"], vec![(0, "anonymousId")]),
            (CallType::Group, &["group_id", "userId"], vec![(0, "groupId")]),
            (CallType::Group, &["id", "name"], vec![(0, "groupId")]),
            (CallType::Alias, &["previous_id", "user_id"], vec![(0, "previousId"), (1, "userId")]),
            (CallType::Page, &["title", "userId"], vec![(0, "name")]),
            (CallType::Identify, &["user_id", "plan"], vec![(0, "userId")]),
            (CallType::Identify, &["user_id", "email"], vec![]),
            (CallType::Track, &["a", "b"], vec![]),
        ] {
            assert_eq!(stand_ins(call, names), expected, "{call} {names:?}");
            assert!(expected.is_empty() || told(call, names).is_empty(), "{call} {names:?}: said twice");
        }
    }

    #[test]
    fn members_of_context_and_sections_are_found_by_their_slips() {
        for (call, name, expected) in [
            (CallType::Track, "context__user_agent", Some("context__userAgent")),
            (CallType::Track, "context.user_agent", Some("context.userAgent")),
            (CallType::Track, "context__campain__name", Some("context__campaign__name")),
            (CallType::Track, "context__device__advertising_id", Some("context__device__advertisingId")),
            (CallType::Track, "context__campaign__nam", Some("context__campaign__name")),
            (CallType::Track, "context_page_url", Some("context__page__url")),
            (CallType::Track, "context_ip", Some("context__ip")),
            (CallType::Identify, "integration__x", Some("integrations__x")),
            (CallType::Identify, "properties__x", Some("traits__x")),
            (CallType::Track, "traits.x", Some("properties.x")),
            (CallType::Track, "context__userAgent", None),
            (CallType::Track, "context__useragent", None),
            (CallType::Track, "context__tier", None),
            (CallType::Track, "context__campaign__id", None),
            (CallType::Track, "context__page__size", None),
            (CallType::Track, "order__total", None),
            (CallType::Identify, "traits__x", None),
        ] {
            let names = ["userId", "event", "email", "timestamp", name];
            let wanted: Vec<String> = expected.iter().map(|e| format!("Q124 {name} -> {e}")).collect();
            let told: Vec<_> =
                told(call, &names).into_iter().filter(|hint| !hint.starts_with("Q207")).collect();
            assert_eq!(told, wanted, "{name}");
        }
    }

    #[test]
    fn a_field_that_is_filled_is_not_looked_for() {
        use CallType::{Group, Page, Track};
        assert_eq!(told(Track, &["userId", "event", "occurred_at"]), ["Q124 occurred_at -> timestamp"]);
        assert_eq!(told(Track, &["userId", "event", "created_at"]), ["Q124 created_at -> timestamp"]);
        assert_eq!(told(Track, &["userId", "event", "timestamp", "created_at", "event_name"]), [""; 0]);
        assert_eq!(
            told(Track, &["userId", "event", "timestamp", "message_id"]),
            ["Q124 message_id -> messageId"]
        );
        assert_eq!(told(Group, &["groupId", "userId", "object_type_id"]), [""; 0]);
        assert_eq!(told(Group, &["groupId", "userId", "object_type"]), ["Q124 object_type -> objectTypeId"]);
        assert_eq!(told(Group, &["groupId", "objectTypeId", "object_type_id"]), ["Q129 object_type_id -> "]);
        assert_eq!(told(Group, &["groupId", "user_id"]), ["Q124 user_id -> userId"]);
        assert_eq!(told(Page, &["userId", "name", "timestamp", "title", "url", "path", "user_ids"]), [""; 0]);
    }
}
