//! How a canonical call becomes a record of a service that takes canonical calls.

use outflow_core::outcome::Verdict;
use outflow_core::ports::destination::Records;
use outflow_core::{CallFlags, CallMeta, CallType, Code, Nulls, Refusal};
use serde_json::{Map, Value};

use crate::manifest::Person;
use crate::scan;

/// The objects whose null members can be left out.
const COLUMNS: [&[u8]; 2] = [b"traits", b"properties"];

/// What a destination requires of a call.
#[derive(Debug)]
pub(crate) struct Rules {
    /// The names of the destination in `integrations`, in lower case.
    pub names: Vec<String>,
    /// The service's name in messages.
    pub title: String,
    pub person: Person,
    /// The largest record, in bytes.
    pub call_bytes: usize,
    /// Replaces the last brace of a group call without an object type: `,"objectTypeId":"1"}`.
    pub object_type: Option<Vec<u8>>,
}

impl Rules {
    pub fn new(name: &str, title: &str, names: &[String]) -> Self {
        let names = [name, title].into_iter().chain(names.iter().map(String::as_str));
        Self {
            names: names.map(str::to_lowercase).collect(),
            title: title.to_owned(),
            person: Person::Optional,
            call_bytes: usize::MAX,
            object_type: None,
        }
    }

    /// Appends the call as the record of the endpoint 0.
    pub fn prepare(&self, call: &CallMeta, json: &[u8], nulls: Nulls, records: &mut Records<'_>) -> Verdict {
        if call.flags.has(CallFlags::INTEGRATIONS) && self.excluded(json) {
            return Verdict::Filter;
        }
        if self.lacks_identifier(call) {
            let reason =
                format!("{} takes no {} call without userId and anonymousId", self.title, call.call_type);
            return refuse(Code::DestinationNeedsIdentifier, reason);
        }
        let omits = nulls == Nulls::Omit && call.flags.has(CallFlags::NULLS);
        let suffix = self.suffix(call);
        // A call that cannot fit is not copied; what is left without nulls is known afterwards.
        let mut size = json.len() + suffix.map_or(0, |s| s.len() - 1);
        if omits || size <= self.call_bytes {
            records.push(0, |out| {
                let start = out.len();
                encode(json, omits, suffix, out);
                size = out.len() - start;
            });
        }
        if size > self.call_bytes {
            let reason =
                format!("the call has {size} bytes, and {} takes at most {}", self.title, self.call_bytes);
            return refuse(Code::CallTooLargeForDestination, reason);
        }
        Verdict::Send
    }

    fn lacks_identifier(&self, call: &CallMeta) -> bool {
        let by_email = call.flags.has(CallFlags::EMAIL_ONLY);
        let no_person = call.flags.has(CallFlags::NO_PERSON);
        match self.person {
            Person::Required => by_email || no_person,
            Person::OrEmail => no_person && !by_email,
            Person::Optional => false,
        }
    }

    fn suffix(&self, call: &CallMeta) -> Option<&[u8]> {
        let lacks = call.call_type == CallType::Group && call.flags.has(CallFlags::NO_OBJECT_TYPE);
        self.object_type.as_deref().filter(|_| lacks)
    }

    /// Whether the call's `integrations` exclude this destination: by one of its names, or by
    /// excluding all without including it.
    fn excluded(&self, json: &[u8]) -> bool {
        let Some(Ok(wanted)) =
            scan::find(json, b"integrations").map(serde_json::from_slice::<Map<String, Value>>)
        else {
            return false;
        };
        let (mut all, mut us) = (None, None);
        for (name, value) in wanted.iter().filter(|(_, v)| !v.is_null()) {
            let name = name.trim().to_lowercase();
            // Anything but false includes it: the value can hold options of the integration.
            let yes = *value != Value::Bool(false);
            if name == "all" {
                all = Some(yes);
            } else if self.names.contains(&name) {
                us = Some(us.unwrap_or(true) && yes);
            }
        }
        !us.or(all).unwrap_or(true)
    }
}

fn encode(json: &[u8], omits_nulls: bool, suffix: Option<&[u8]>, out: &mut Vec<u8>) {
    if omits_nulls {
        scan::without_nulls(json, &COLUMNS, out);
    } else {
        out.extend_from_slice(json);
    }
    if let Some(suffix) = suffix
        && out.last() == Some(&b'}')
    {
        out.pop();
        out.extend_from_slice(suffix);
    }
}

fn refuse(code: Code, reason: String) -> Verdict {
    Verdict::Refuse(Refusal { code, status: None, reason })
}

#[cfg(test)]
mod tests {
    use outflow_core::ports::destination::RecordEnd;

    use super::*;

    fn rules() -> Rules {
        Rules::new("Journeys", "Customer.io Data Pipelines", &["Customer.io".to_owned()])
    }

    fn meta(call_type: CallType, flags: &[CallFlags]) -> CallMeta {
        let mut all = CallFlags::default();
        flags.iter().for_each(|f| all.set(*f));
        CallMeta { ordinal: 0, call_type, flags: all, key: 1, key2: 0 }
    }

    fn prepare(rules: &Rules, call: &CallMeta, json: &[u8], nulls: Nulls) -> (Verdict, Vec<u8>) {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        let verdict = rules.prepare(call, json, nulls, &mut Records::new(&mut bytes, &mut ends));
        if verdict == Verdict::Send {
            assert_eq!(ends, [RecordEnd { endpoint: 0, end: bytes.len() }]);
        }
        (verdict, bytes)
    }

    fn verdict(rules: &Rules, call: &CallMeta, json: &[u8]) -> Verdict {
        prepare(rules, call, json, Nulls::Send).0
    }

    #[test]
    fn integrations_include_and_exclude_by_any_of_our_names() {
        let call = meta(CallType::Track, &[CallFlags::INTEGRATIONS]);
        for (integrations, sent) in [
            (r#"{}"#, true),
            (r#"{"All":true}"#, true),
            (r#"{"All":false}"#, false),
            (r#"{"all": false , "Customer.io": true}"#, true),
            (r#"{"ALL":false,"customer.IO":{"option":1}}"#, true),
            (r#"{"All":false,"Salesforce":true}"#, false),
            (r#"{"journeys":false}"#, false),
            (r#"{"Customer.io Data Pipelines":false,"All":true}"#, false),
            (r#"{"Customer.io":true,"Journeys":false}"#, false),
            (r#"{"Journeys":null,"All":false}"#, false),
            (r#"{"Journeys":null}"#, true),
            (r#"{"Salesforce":false}"#, true),
            (r#"[false]"#, true),
            (r#"null"#, true),
        ] {
            let json = format!(
                r#"{{"messageId":"m","properties":{{"integrations":{{"All":false}}}},"integrations":{integrations}}}"#
            );
            let want = if sent { Verdict::Send } else { Verdict::Filter };
            assert_eq!(verdict(&rules(), &call, json.as_bytes()), want, "{integrations}");
            let unflagged = meta(CallType::Track, &[]);
            assert_eq!(
                verdict(&rules(), &unflagged, json.as_bytes()),
                Verdict::Send,
                "without the flag the JSON is not read"
            );
        }
    }

    #[test]
    fn a_call_of_just_the_limit_goes_and_one_byte_more_is_refused() {
        let mut rules = rules();
        rules.object_type = Some(br#","objectTypeId":"1"}"#.to_vec());
        let json = br#"{"groupId":"1"}"#;
        for (call, size) in
            [(meta(CallType::Group, &[]), 15), (meta(CallType::Group, &[CallFlags::NO_OBJECT_TYPE]), 34)]
        {
            rules.call_bytes = size;
            let (sent, bytes) = prepare(&rules, &call, json, Nulls::Send);
            assert_eq!((sent, bytes.len()), (Verdict::Send, size));
            rules.call_bytes = size - 1;
            let (Verdict::Refuse(refusal), bytes) = prepare(&rules, &call, json, Nulls::Send) else {
                panic!("must be refused")
            };
            assert_eq!(bytes, b"", "what cannot fit is not copied");
            assert_eq!((refusal.code, refusal.status), (Code::CallTooLargeForDestination, None));
            assert!(
                refusal.reason.contains(&size.to_string())
                    && refusal.reason.contains(&(size - 1).to_string())
            );
        }
    }

    #[test]
    fn the_limit_counts_the_bytes_that_are_sent() {
        let call = meta(CallType::Identify, &[CallFlags::NULLS]);
        let json = br#"{"traits":{"a":null,"b":1}}"#;
        let rules = Rules { call_bytes: 18, ..rules() };
        let (sent, bytes) = prepare(&rules, &call, json, Nulls::Omit);
        assert_eq!((sent, bytes.as_slice()), (Verdict::Send, &br#"{"traits":{"b":1}}"#[..]));
        assert!(matches!(verdict(&rules, &call, json), Verdict::Refuse(_)));
        let rules = Rules { call_bytes: 17, ..rules };
        let (refused, _) = prepare(&rules, &call, json, Nulls::Omit);
        let Verdict::Refuse(refusal) = refused else { panic!("must be refused") };
        assert!(refusal.reason.contains("has 18 bytes"), "{}", refusal.reason);
    }

    #[test]
    fn who_is_named_matters_as_the_destination_says() {
        let cases = [
            (Person::Required, CallFlags::EMAIL_ONLY, false),
            (Person::Required, CallFlags::NO_PERSON, false),
            (Person::OrEmail, CallFlags::EMAIL_ONLY, true),
            (Person::OrEmail, CallFlags::NO_PERSON, false),
            (Person::Optional, CallFlags::EMAIL_ONLY, true),
            (Person::Optional, CallFlags::NO_PERSON, true),
        ];
        // An identify by email alone has no id of a person either and carries both flags.
        let both = [CallFlags::EMAIL_ONLY, CallFlags::NO_PERSON];
        let or_email = Rules { person: Person::OrEmail, ..rules() };
        assert_eq!(verdict(&or_email, &meta(CallType::Identify, &both), b"{}"), Verdict::Send);
        for (person, flag, sent) in cases {
            let rules = Rules { person, ..rules() };
            match verdict(&rules, &meta(CallType::Group, &[flag]), b"{}") {
                Verdict::Send => assert!(sent, "{person:?} {flag:?}"),
                Verdict::Refuse(r) => {
                    assert!(!sent && r.code == Code::DestinationNeedsIdentifier, "{person:?} {flag:?}")
                }
                Verdict::Filter => panic!("nothing filters"),
            }
            assert_eq!(verdict(&rules, &meta(CallType::Group, &[]), b"{}"), Verdict::Send);
        }
    }
}
