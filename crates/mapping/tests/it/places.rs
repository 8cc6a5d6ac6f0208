//! Where columns go: context, integrations, paths, JSON columns; and what the plan says about
//! columns that go nowhere.

use outflow_core::CallType::{self, Alias, Group, Identify, Page, Screen, Track};
use outflow_core::ColumnType::{self, Bool, Float, Int, Json, Numeric, Text};
use outflow_core::{CallFlags, Code};
use outflow_mapping::Plan;

use crate::support::{Cell, column, content, refused, run_cells};

const USER: Cell<'static> = ("userId", Int, Some("1"));

/// What stands behind the userId of an identify call.
fn rest(cells: &[Cell<'_>]) -> String {
    let content = content(Identify, &[&[USER], cells].concat());
    content.strip_prefix(r#""type":"identify","userId":"1""#).unwrap().strip_suffix('}').unwrap().to_owned()
}

fn fault(cells: &[Cell<'_>]) -> (Code, String) {
    refused(Identify, &[&[USER], cells].concat())
}

#[test]
fn a_context_field_is_the_same_by_every_way_to_write_it() {
    for cell in [
        ("context.campaign.name", Text, Some("spring")),
        ("context__campaign__name", Text, Some("spring")),
        ("CONTEXT.Campaign.NAME", Text, Some("spring")),
        ("context.campaign", Json, Some(r#"{"Name":"spring"}"#)),
        ("context", Json, Some(r#"{"campaign":{"name":"spring"}}"#)),
        ("Context", Text, Some(r#"{"CAMPAIGN":{"name":"spring","term":null}}"#)),
    ] {
        assert_eq!(rest(&[cell]), r#","context":{"campaign":{"name":"spring"}}"#, "{cell:?}");
    }
}

#[test]
fn known_context_fields_have_their_documented_case_and_type() {
    for (name, ty, text, expected) in [
        ("context.active", Bool, "f", r#"{"active":false}"#),
        ("context.ACTIVE", Text, "Yes", r#"{"active":true}"#),
        ("context.network.wifi", Int, "1", r#"{"network":{"wifi":true}}"#),
        ("context.network.bluetooth", Json, "\"no\"", r#"{"network":{"bluetooth":false}}"#),
        ("context.network.cellular", Json, "true", r#"{"network":{"cellular":true}}"#),
        ("context.useragent", Text, "x", r#"{"userAgent":"x"}"#),
        ("context.app.build", Int, "42", r#"{"app":{"build":"42"}}"#),
        ("context.os.version", Numeric, "14.10", r#"{"os":{"version":"14.10"}}"#),
        ("context.device.advertisingid", Text, "a", r#"{"device":{"advertisingId":"a"}}"#),
        ("context.device.type", Text, " iOS ", r#"{"device":{"type":"ios"}}"#),
        ("context.channel", Text, "Server", r#"{"channel":"server"}"#),
        ("context.campaign.utm_id", Int, "7", r#"{"campaign":{"utm_id":"7"}}"#),
        ("context.page.keywords", Text, "a, b ,,c", r#"{"page":{"keywords":["a","b","c"]}}"#),
        ("context.page.keywords", Text, r#"["a, b",2]"#, r#"{"page":{"keywords":["a, b","2"]}}"#),
        ("context.page.keywords", Json, r#"["a",null]"#, r#"{"page":{"keywords":["a"]}}"#),
        ("context.page.keywords", Json, "\"a\"", r#"{"page":{"keywords":["a"]}}"#),
        ("context.timezone", Text, "UTC", r#"{"timezone":"UTC"}"#),
        ("context.screen.width", Int, "800", r#"{"screen":{"width":800}}"#),
    ] {
        assert_eq!(rest(&[(name, ty, Some(text))]), format!(",\"context\":{expected}"), "{name}");
    }
}

#[test]
fn context_fields_of_the_wrong_kind_are_rejected() {
    for (name, ty, text) in [
        ("context.active", Text, "maybe"),
        ("context.active", Int, "2"),
        ("context.ip", Json, "[1]"),
        ("context.page.keywords", Json, r#"["a",{}]"#),
        ("context.campaign", Text, "5"),
        ("context", Json, "[]"),
        ("context", Int, "5"),
        ("context", Json, r#"{"page":5}"#),
        ("context", Json, r#"{"network":{"wifi":"perhaps"}}"#),
        ("traits", Json, "7"),
        ("integrations", Json, "true"),
        ("integrations.Slack", Text, "perhaps"),
        ("integrations", Json, r#"{"Slack":[1]}"#),
    ] {
        assert_eq!(fault(&[(name, ty, Some(text))]), (Code::WrongType, name.to_owned()), "{text}");
    }
    assert_eq!(fault(&[("context", Text, Some("spring"))]).0, Code::InvalidJson);
    assert_eq!(fault(&[("context.other", Float, Some("NaN"))]).0, Code::NotFinite);
}

#[test]
fn absent_parts_of_context_and_integrations_leave_no_trace() {
    let cells = [
        ("context.campaign.name", Text, None),
        ("context.campaign.term", Text, Some(" ")),
        ("context.ip", Json, Some("null")),
        ("integrations.Slack", Bool, None),
    ];
    assert_eq!(rest(&cells), "");
    assert_eq!(rest(&[("context", Json, Some(r#"{"campaign":{"name":" "}}"#))]), "");
    assert_eq!(rest(&[("integrations", Json, Some(r#"{"Slack":null}"#))]), "");
    assert_eq!(rest(&[("traits", Json, None)]), "");
}

#[test]
fn unknown_channels_and_device_types_are_kept_and_counted_once_per_row() {
    for cells in [
        [USER, ("context", Json, Some(r#"{"channel":"TV","device":{"type":"Set Top"}}"#))],
        [USER, ("context.channel", Text, Some("TV"))],
    ] {
        let (_, text, findings) = run_cells(Identify, &cells).unwrap();
        assert!(String::from_utf8(text).unwrap().contains(r#""channel":"TV""#));
        assert_eq!(findings.len(), 1);
        assert_eq!(
            (findings[0].code, findings[0].column.as_deref(), findings[0].rows),
            (Code::UnknownChannel, Some(cells[1].0), 1)
        );
    }
}

#[test]
fn integrations_are_switched_by_booleans_or_objects() {
    let cells = [
        ("integrations.all", Bool, Some("f")),
        ("integrations.Customer.io", Text, Some("TRUE")),
        ("integrations__Slack", Json, Some(r#"{"channel":"x"}"#)),
    ];
    let expected = r#","integrations":{"All":false,"Customer.io":true,"Slack":{"channel":"x"}}"#;
    assert_eq!(rest(&cells), expected);
    let whole = [
        ("integrations", Json, Some(r#"{"all":"no","Slack":true}"#)),
        ("integrations.Slack", Bool, Some("f")),
    ];
    assert_eq!(rest(&whole), r#","integrations":{"All":false,"Slack":false}"#);
    let flags = run_cells(Identify, &[USER, cells[0]]).unwrap().0.meta.flags;
    assert_eq!(flags, CallFlags::INTEGRATIONS);
}

#[test]
fn paths_nest_and_stand_where_their_first_member_stands() {
    let cells = [
        ("address.city", Text, Some("Bonn")),
        ("plan", Text, Some("pro")),
        ("traits.address.zip", Text, None),
        ("traits__address__geo__lat", Float, Some("50.7")),
        ("region__c", Text, Some("EU")),
    ];
    let expected = r#","traits":{"address":{"city":"Bonn","zip":null,"geo":{"lat":50.7}},"plan":"pro","region__c":"EU"}"#;
    assert_eq!(rest(&cells), expected);
}

#[test]
fn a_json_column_alone_is_copied_and_with_others_is_merged() {
    let traits = ("traits", Json, Some(r#"{"n": 1.00, "address":{"city":"Bonn","zip":"1"},"plan":"free"}"#));
    assert_eq!(rest(&[traits]), format!(r#","traits":{}"#, traits.2.unwrap()));
    let merged =
        rest(&[traits, ("address.city", Text, Some("Köln")), ("plan", Text, None), ("x", Int, Some("5"))]);
    let expected = r#","traits":{"n":1.00,"address":{"city":"Köln","zip":"1"},"plan":null,"x":5}"#;
    assert_eq!(merged, expected);
    let absent = rest(&[("traits", Json, None), ("x", Int, Some("5"))]);
    assert_eq!(absent, r#","traits":{"x":5}"#);
    let context = [
        ("context", Json, Some(r#"{"ip":"10.0.0.1","locale":"en"}"#)),
        ("context.ip", Text, Some("10.0.0.2")),
        ("context.locale", Text, None),
    ];
    assert_eq!(rest(&context), r#","context":{"ip":"10.0.0.2","locale":"en"}"#);
}

fn problems(call: CallType, names: &[&str]) -> Vec<(Code, String)> {
    let columns: Vec<_> = names.iter().map(|name| column(name, ColumnType::Text)).collect();
    let errors = Plan::compile(call, &columns).err().unwrap_or_default();
    errors.iter().map(|e| (e.code(), e.message().to_owned())).collect()
}

#[test]
fn missing_columns_are_named_with_their_alternatives() {
    for (call, names, wants) in [
        (
            Identify,
            &["plan"][..],
            &["an identify query needs a \"userId\", an \"anonymousId\" or an \"email\" column"][..],
        ),
        (
            Track,
            &["user_id"],
            &[
                "a track query needs an \"event\" column",
                "a track query needs a \"userId\" or an \"anonymousId\" column",
            ],
        ),
        (Group, &["userId"], &["a group query needs a \"groupId\" column"]),
        (Page, &["userId"], &["a page query needs a \"name\" column"]),
        (Screen, &["name"], &["a screen query needs a \"userId\" or an \"anonymousId\" column"]),
        (Alias, &["userId"], &["an alias query needs a \"previousId\" column"]),
    ] {
        let expected: Vec<_> =
            wants.iter().map(|want| (Code::RequiredColumnMissing, (*want).to_owned())).collect();
        assert_eq!(problems(call, names), expected);
    }
    assert!(problems(Identify, &["email"]).is_empty());
    assert!(problems(Identify, &["traits"]).is_empty());
}

#[test]
fn columns_for_one_field_are_named_together() {
    for (names, field) in [
        (["userId", "USERID"], "userId"),
        (["context.ip", "context__IP"], "context.ip"),
        (["plan", "traits.plan"], "traits.plan"),
        (["context", "Context"], "context"),
        (["email", "Email"], "traits.email"),
    ] {
        let message = format!("the columns \"{}\" and \"{}\" both fill {field}", names[0], names[1]);
        assert_eq!(
            problems(Identify, &[&["anonymousId"], &names[..]].concat()),
            [(Code::FieldFilledTwice, message)]
        );
    }
    assert!(problems(Identify, &["userId", "plan", "Plan"]).is_empty());
    let page = problems(Page, &["userId", "name", "category", "properties.category"]);
    assert_eq!(page.len(), 1);
    assert_eq!(page[0].0, Code::FieldFilledTwice);
}

#[test]
fn columns_without_a_place_are_all_reported() {
    let names = [
        "userId",
        "address",
        "address.city",
        "context..x",
        "traits.",
        "context.ip.v4",
        "",
        "?column?",
        "integrations.",
        "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u",
    ];
    let found = problems(Identify, &names);
    assert_eq!(found.len(), names.len() - 2, "{found:?}");
    assert!(found.iter().all(|(code, _)| *code == Code::ColumnNotPlaceable));
    assert!(found[0].1.contains("\"address\"") && found[0].1.contains("\"address.city\""), "{found:?}");
    let alias = problems(Alias, &["userId", "previousId", "plan"]);
    assert_eq!(
        alias[0].1,
        "the column \"plan\" cannot be placed: an alias call has neither traits nor properties"
    );
}

#[test]
fn a_group_query_without_a_person_is_warned_about() {
    let warnings = |names: &[&str]| {
        let columns: Vec<_> = names.iter().map(|name| column(name, Text)).collect();
        Plan::compile(Group, &columns).unwrap().warnings().iter().map(|w| w.code).collect::<Vec<_>>()
    };
    assert_eq!(warnings(&["groupId"]), [Code::GroupWithoutPerson]);
    assert!(warnings(&["groupId", "anonymousId"]).is_empty());
}
