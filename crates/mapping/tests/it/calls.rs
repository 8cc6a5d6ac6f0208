//! Whole calls: the six types, the example queries of the reference page, what is required, order
//! and content.

use outflow_core::CallType::{self, Alias, Group, Identify, Page, Screen, Track};
use outflow_core::ColumnType::{Bool, Char, Int, Json, Numeric, Text, TimestampTz};
use outflow_core::{CallFlags, Code, RowPage, RunKey, hash};

use crate::support::{CLOCK, Cell, column, content, encoder, refused, run_cells};

#[test]
fn the_example_queries_of_all_six_types_become_calls() {
    let cases: [(CallType, &[Cell<'_>], &str); 6] = [
        (
            Identify,
            &[
                ("userid", Int, Some("97980")),
                ("email", Text, Some("a@example.com")),
                ("fname", Text, Some("Zoë")),
                ("lname", Text, Some("O'Brien")),
                ("phone", Text, None),
            ],
            r#""type":"identify","userId":"97980","traits":{"email":"a@example.com","fname":"Zoë","lname":"O'Brien","phone":null}}"#,
        ),
        (
            Track,
            &[
                ("userid", Int, Some("7")),
                ("event", Text, Some("Order Completed")),
                ("products", Json, Some(r#"[{"sku":"A-1","qty":2}]"#)),
                ("value", Numeric, Some("12.50")),
            ],
            r#""type":"track","userId":"7","event":"Order Completed","properties":{"products":[{"sku":"A-1","qty":2}],"value":12.50}}"#,
        ),
        (
            Group,
            &[
                ("groupid", Int, Some("5")),
                ("objecttypeid", Int, Some("2")),
                ("companyname", Text, Some("Acme \"Ltd\"")),
                ("employees", Int, Some("12")),
                ("userid", Int, Some("7")),
            ],
            r#""type":"group","userId":"7","groupId":"5","objectTypeId":"2","traits":{"companyname":"Acme \"Ltd\"","employees":12}}"#,
        ),
        (
            Page,
            &[
                ("userid", Int, Some("7")),
                ("name", Text, Some("Pricing")),
                ("url", Text, Some("https://example.com/?a=1")),
                ("time_on_page", Numeric, Some("3.25")),
            ],
            r#""type":"page","userId":"7","name":"Pricing","properties":{"url":"https://example.com/?a=1","time_on_page":3.25}}"#,
        ),
        (
            Screen,
            &[
                ("userid", Int, Some("7")),
                ("name", Text, Some("Feed")),
                ("session_started", TimestampTz, Some("2026-01-02 03:04:05+00")),
            ],
            r#""type":"screen","userId":"7","name":"Feed","properties":{"session_started":"2026-01-02T03:04:05Z"}}"#,
        ),
        (
            Alias,
            &[("userid", Int, Some("7")), ("previousid", Text, Some("anon-1"))],
            r#""type":"alias","userId":"7","previousId":"anon-1"}"#,
        ),
    ];
    for (call, cells, expected) in cases {
        assert_eq!(content(call, cells), expected);
    }
}

#[test]
fn fields_stand_in_one_order_whatever_the_order_of_columns() {
    let cells = [
        ("plan", Text, Some("pro")),
        ("integrations.Slack", Bool, Some("f")),
        ("context.ip", Text, Some("10.0.0.1")),
        ("timestamp", TimestampTz, Some("2026-01-02 03:04:05.5+00")),
        ("anonymousId", Text, Some("a")),
        ("userId", Text, Some("u")),
        ("messageId", Text, Some(" m-1 ")),
    ];
    let (_, text, _) = run_cells(Identify, &cells).unwrap();
    let expected = r#"{"messageId":"m-1","type":"identify","userId":"u","anonymousId":"a","timestamp":"2026-01-02T03:04:05.5Z","context":{"ip":"10.0.0.1"},"integrations":{"Slack":false},"traits":{"plan":"pro"}}"#;
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

#[test]
fn the_runs_clock_and_id_stand_in_and_are_no_content_but_those_of_the_query_are() {
    let columns = [column("userId", Int), column("timestamp", Text), column("messageId", Text)];
    let mut page = RowPage::default();
    page.push([Some(&b"1"[..]), None, Some(b" ")]);
    page.push([Some(&b"1"[..]), Some(b"  "), None]);
    page.push([Some(&b"1"[..]), None, Some(b"mine")]);
    page.push([Some(&b"1"[..]), Some(b"2026-01-02"), None]);
    let (mut encoder, mut out) = (encoder(Identify, &columns), Vec::new());
    let mut contents = Vec::new();
    let mut calls = Vec::new();
    for (ordinal, row) in page.iter().enumerate() {
        let start = out.len();
        let shaped = encoder.shape(row, ordinal as u64, &mut out).unwrap();
        assert_eq!(shaped.meta.ordinal, ordinal as u64);
        contents.push(shaped.content);
        calls.push(String::from_utf8(out[start..].to_vec()).unwrap());
    }
    let id = |ordinal| String::from_utf8(RunKey(7).message_id(ordinal).to_vec()).unwrap();
    let rest = r#""type":"identify","userId":"1"}"#;
    assert_eq!(calls[0], format!(r#"{{"messageId":"{}","timestamp":"{CLOCK}",{rest}"#, id(0)));
    assert_eq!(calls[1], format!(r#"{{"messageId":"{}","timestamp":"{CLOCK}",{rest}"#, id(1)));
    assert_eq!(calls[2], format!(r#"{{"messageId":"mine","timestamp":"{CLOCK}",{rest}"#));
    assert_eq!(contents[0], hash::content(rest.as_bytes()));
    assert_eq!(contents[1], contents[0]);
    assert_eq!(contents[2], contents[0] ^ hash::content(b"mine"));
    assert_ne!(contents[3], contents[0]);
}

#[test]
fn a_row_without_what_its_type_requires_is_rejected() {
    let user = ("userId", Text, Some(" "));
    let anonymous = ("anonymousId", Text, None);
    for (call, cells, column) in [
        (Identify, &[user, anonymous][..], "userId"),
        (Identify, &[user, ("email", Text, Some("  "))], "userId"),
        (Identify, &[("traits", Json, Some(r#"{"email":""}"#))], "traits"),
        (Identify, &[("Email", Int, Some("5"))], "Email"),
        (Track, &[("EVENT", Text, Some("")), ("userId", Int, Some("1"))], "EVENT"),
        (Track, &[("event", Text, Some("e")), anonymous], "anonymousId"),
        (Group, &[("groupId", Json, Some("null")), ("userId", Int, Some("1"))], "groupId"),
        (Page, &[("name", Char, Some("   ")), ("userId", Int, Some("1"))], "name"),
        (Screen, &[("name", Text, Some("n")), user, anonymous], "userId"),
        (Alias, &[("userId", Int, Some("1")), ("previousId", Text, None)], "previousId"),
        (Alias, &[("userId", Int, None), ("previousId", Text, Some("a"))], "userId"),
    ] {
        assert_eq!(refused(call, cells), (Code::MissingField, column.to_owned()), "{call} {cells:?}");
    }
}

#[test]
fn an_email_alone_makes_an_identify_call_with_flags() {
    let alone = CallFlags(CallFlags::EMAIL_ONLY.0 | CallFlags::NO_PERSON.0);
    let null = ("userId", Int, None);
    for cells in [
        &[("email", Text, Some(" a@b.c "))][..],
        &[null, ("traits.EMAIL", Text, Some("a@b.c"))],
        &[null, ("email", Json, Some("\"a@b.c\""))],
        &[("traits", Json, Some(r#"{"email":"a@b.c"}"#))],
        &[("traits", Text, Some(r#"{"email":"a@b.c"}"#)), ("plan", Text, Some("x"))],
    ] {
        let (shaped, _, _) = run_cells(Identify, cells).unwrap();
        assert_eq!(shaped.meta.flags, alone, "{cells:?}");
        assert_eq!(shaped.meta.key, hash::key(b'p', b"a@b.c"), "{cells:?}");
    }
    let (shaped, _, _) =
        run_cells(Identify, &[("anonymousId", Text, Some("x")), ("email", Text, Some("a@b.c"))]).unwrap();
    assert_eq!((shaped.meta.flags, shaped.meta.key), (CallFlags(0), hash::key(b'p', b"x")));
}

#[test]
fn an_email_that_is_the_only_identifier_is_as_clean_as_the_others() {
    let null = ("userId", Int, None);
    let unseen = (Code::UnseenCharacters, 1);
    for (cells, sent, found) in [
        (&[null, ("email", Text, Some("a@b.c\u{3000}"))][..], "a@b.c", Some(unseen)),
        (&[null, ("email", Text, Some("\u{2003}a@b.c"))], "a@b.c", Some(unseen)),
        (&[null, ("email", Json, Some("\"a@b.c\\u00a0\""))], "a@b.c", Some(unseen)),
        (&[null, ("traits.email", Text, Some("null\u{a0}"))], "null", Some(unseen)),
        (&[null, ("email", Text, Some("Undefined"))], "Undefined", Some((Code::PlaceholderIdentifier, 1))),
        (&[null, ("email", Text, Some(" a@b.c "))], "a@b.c", None),
        (&[null, ("email", Char, Some("a@b.c   "))], "a@b.c", None),
        (&[null, ("email", Text, Some("a@b.c"))], "a@b.c", None),
        (&[null, ("traits", Json, Some("{\"n\":10.50,\"email\":\"a@b.c\u{200b}\"}"))], "a@b.c", Some(unseen)),
        (
            &[null, ("traits", Text, Some(r#"{"email":"None"}"#))],
            "None",
            Some((Code::PlaceholderIdentifier, 1)),
        ),
    ] {
        let (shaped, text, findings) = run_cells(Identify, cells).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains(&format!("\"email\":\"{sent}\"")), "{cells:?}: {text}");
        assert_eq!(shaped.meta.key, hash::key(b'p', sent.as_bytes()), "{cells:?}");
        let counted: Vec<_> = findings.iter().map(|f| (f.code, f.column.clone().unwrap(), f.rows)).collect();
        let expected: Vec<_> =
            found.iter().map(|(code, column)| (*code, cells[*column].0.to_owned(), 1)).collect();
        assert_eq!(counted, expected, "{cells:?}");
        if text.contains("\"n\"") {
            assert!(text.contains("10.50"), "numbers keep their digits: {text}");
        }
    }
    assert_eq!(refused(Identify, &[null, ("email", Text, Some("\u{a0}\u{3164}"))]).0, Code::MissingField);
    let beside = [("userId", Int, Some("1")), ("email", Text, Some("a@b.c\u{3000}"))];
    let (_, text, findings) = run_cells(Identify, &beside).unwrap();
    assert!(String::from_utf8(text).unwrap().contains("a@b.c\u{3000}") && findings.is_empty());
}

#[test]
fn ordering_keys_follow_the_identifiers_of_the_type() {
    let ids = [("userId", Text, Some(" é\"u ")), ("anonymousId", Text, Some("a"))];
    let (shaped, _, _) = run_cells(Identify, &ids).unwrap();
    assert_eq!((shaped.meta.key, shaped.meta.key2), (hash::key(b'p', "é\"u".as_bytes()), 0));
    let (shaped, _, _) = run_cells(Group, &[ids[0], ("groupId", Numeric, Some("5.0"))]).unwrap();
    assert_eq!((shaped.meta.key, shaped.meta.key2), (hash::key(b'g', b"5"), 0));
    let (shaped, _, _) =
        run_cells(Alias, &[("userId", Int, Some("1")), ("previousId", Json, Some("\"2\""))]).unwrap();
    assert_eq!((shaped.meta.key, shaped.meta.key2), (hash::key(b'p', b"1"), hash::key(b'p', b"2")));
}

#[test]
fn a_group_without_a_person_or_a_type_is_flagged_and_the_person_counted() {
    let columns = [column("groupId", Int), column("userId", Int), column("object_type_id", Numeric)];
    let mut page = RowPage::default();
    page.push([Some(&b"1"[..]), None, None]);
    page.push([Some(&b"1"[..]), None, Some(b"3.0")]);
    page.push([Some(&b"1"[..]), Some(b"2"), Some(b"x")]);
    page.push([Some(&b"1"[..]), Some(b"2"), Some(b"1")]);
    let (mut encoder, mut out) = (encoder(Group, &columns), Vec::new());
    let flags: Vec<Option<u8>> = page
        .iter()
        .map(|row| encoder.shape(row, 0, &mut out).ok().map(|shaped| shaped.meta.flags.0))
        .collect();
    let (person, object) = (CallFlags::NO_PERSON.0, CallFlags::NO_OBJECT_TYPE.0);
    assert_eq!(flags, [Some(person | object), Some(person), None, Some(0)]);
    let findings = encoder.findings();
    assert_eq!(findings.len(), 1);
    assert_eq!(
        (findings[0].code, findings[0].column.as_deref(), findings[0].rows),
        (Code::GroupWithoutPerson, Some("userId"), 2)
    );
}

#[test]
fn object_types_are_whole_numbers_in_strings() {
    let group = |cell| [("groupId", Int, Some("1")), ("userId", Int, Some("2")), cell];
    for (ty, text) in [(Int, "4"), (Numeric, "4.0"), (Text, " 04 "), (Json, "4"), (Json, "\"4\"")] {
        let head = r#""type":"group","userId":"2","groupId":"1""#;
        let at_top = content(Group, &group(("ObjectTypeID", ty, Some(text))));
        assert_eq!(at_top, format!(r#"{head},"objectTypeId":"4"}}"#));
        let below = content(Group, &group(("traits.object_type_id", ty, Some(text))));
        assert_eq!(below, format!(r#"{head},"traits":{{"object_type_id":"4"}}}}"#));
    }
    for (ty, text) in
        [(Numeric, "1.5"), (Text, "company"), (Int, "-1"), (Json, "[1]"), (Bool, "t"), (Text, "1e3")]
    {
        for name in ["objectTypeId", "object_type_id"] {
            assert_eq!(
                refused(Group, &group((name, ty, Some(text)))),
                (Code::InvalidObjectType, name.to_owned())
            );
        }
    }
    let whole = group(("traits", Json, Some(r#"{"a":1,"object_type_id":3}"#)));
    let (shaped, text, _) = run_cells(Group, &whole).unwrap();
    assert!(text.ends_with(br#""traits":{"a":1,"object_type_id":"3"}}"#));
    assert!(!shaped.meta.flags.has(CallFlags::NO_OBJECT_TYPE));
    let hidden = group(("traits", Json, Some(r#"{"object\u005ftype_id":"x"}"#)));
    assert_eq!(refused(Group, &hidden), (Code::InvalidObjectType, "traits".to_owned()));
}

#[test]
fn a_category_is_a_field_and_a_property_of_a_page_and_nothing_special_elsewhere() {
    let cells = |text| [("userId", Int, Some("1")), ("name", Text, Some("n")), ("Category", Text, text)];
    let head = |call: &str| format!(r#""type":"{call}","userId":"1","name":"n""#);
    let expected = head("page") + r#","category":"docs","properties":{"category":"docs"}}"#;
    assert_eq!(content(Page, &cells(Some("docs"))), expected);
    assert_eq!(content(Page, &cells(Some(" "))), head("page") + "}");
    assert_eq!(
        content(Screen, &cells(Some("docs"))),
        head("screen") + r#","properties":{"Category":"docs"}}"#
    );
}

#[test]
fn names_that_another_type_reserves_are_ordinary() {
    let cells = [
        ("userId", Int, Some("1")),
        ("event", Text, Some("")),
        ("name", Text, Some("Ann")),
        ("groupId", Int, Some("5")),
        ("properties", Json, Some("[1]")),
        ("properties.x", Int, Some("2")),
    ];
    // `properties` and `properties.x` would be a value and an object at once.
    let expected =
        r#""type":"identify","userId":"1","traits":{"event":"","name":"Ann","groupId":5,"properties":[1]}}"#;
    assert_eq!(content(Identify, &cells[..5]), expected);
    let nested = content(Identify, &[cells[0], cells[5]]);
    assert_eq!(nested, r#""type":"identify","userId":"1","traits":{"properties":{"x":2}}}"#);
}

#[test]
fn a_call_beyond_the_limit_is_rejected_and_one_at_the_limit_is_not() {
    let columns = [column("userId", Int), column("t", Text)];
    let mut encoder = encoder(Identify, &columns);
    let mut shape = |length: usize| {
        let (text, mut page, mut out) = (vec![b'x'; length], RowPage::default(), Vec::new());
        page.push([Some(&b"1"[..]), Some(&text)]);
        encoder.shape(page.iter().next().unwrap(), 0, &mut out).map(|_| out.len())
    };
    let around = shape(0).unwrap();
    let limit = outflow_mapping::Plan::MAX_CALL_BYTES;
    assert_eq!(shape(limit - around).unwrap(), limit);
    let rejection = shape(limit - around + 1).unwrap_err();
    assert_eq!((rejection.code, rejection.column), (Code::CallTooLarge, None));
}
