//! One call on its way to a destination: whether it may go, and its bytes.

use outflow_core::outcome::Verdict;
use outflow_core::{CallFlags, CallMeta, CallType, Code, Nulls, Refusal};
use serde_json::{Map, Value};

use crate::manifest::Person;
use crate::scan;

/// Where the members that may be null are.
const COLUMNS: [&[u8]; 2] = [b"traits", b"properties"];

/// What a destination asks of a call.
#[derive(Debug)]
pub(crate) struct Rules {
    /// What `integrations` may call the destination, in lower case.
    pub names: Vec<String>,
    /// For people.
    pub title: String,
    pub person: Person,
    /// The largest item, in bytes.
    pub call_bytes: usize,
    /// What is appended to a group call without an object type: `,"objectTypeId":"1"}`.
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

    pub fn check(&self, call: &CallMeta, json: &[u8]) -> Verdict {
        if call.flags.has(CallFlags::INTEGRATIONS) && self.excluded(json) {
            return Verdict::Filter;
        }
        let by_email = call.flags.has(CallFlags::EMAIL_ONLY);
        let nobody = call.flags.has(CallFlags::NO_PERSON);
        let missing = match self.person {
            Person::Required => by_email || nobody,
            Person::OrEmail => nobody && !by_email,
            Person::Optional => false,
        };
        if missing {
            let reason =
                format!("{} takes no {} call without userId and anonymousId", self.title, call.call_type);
            return refuse(Code::DestinationNeedsIdentifier, reason);
        }
        let size = json.len() + self.suffix(call).map_or(0, |s| s.len() - 1);
        if size > self.call_bytes {
            let reason =
                format!("the call has {size} bytes, and {} takes at most {}", self.title, self.call_bytes);
            return refuse(Code::CallTooLargeForDestination, reason);
        }
        Verdict::Send
    }

    pub fn encode(&self, call: &CallMeta, json: &[u8], nulls: Nulls, out: &mut Vec<u8>) {
        if nulls == Nulls::Omit && call.flags.has(CallFlags::NULLS) {
            scan::without_nulls(json, &COLUMNS, out);
        } else {
            out.extend_from_slice(json);
        }
        if let Some(suffix) = self.suffix(call)
            && out.last() == Some(&b'}')
        {
            out.pop();
            out.extend_from_slice(suffix);
        }
    }

    fn suffix(&self, call: &CallMeta) -> Option<&[u8]> {
        let lacks = call.call_type == CallType::Group && call.flags.has(CallFlags::NO_OBJECT_TYPE);
        self.object_type.as_deref().filter(|_| lacks)
    }

    /// Whether the call's `integrations` say no to this destination: by one of its names, or to all without a yes to it.
    fn excluded(&self, json: &[u8]) -> bool {
        let Some(Ok(wanted)) =
            scan::find(json, b"integrations").map(serde_json::from_slice::<Map<String, Value>>)
        else {
            return false;
        };
        let (mut all, mut us) = (None, None);
        for (name, value) in wanted.iter().filter(|(_, v)| !v.is_null()) {
            let name = name.trim().to_lowercase();
            // Anything but false is a yes: options for the integration stand there, too.
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

fn refuse(code: Code, reason: String) -> Verdict {
    Verdict::Refuse(Refusal { code, status: None, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules::new("Journeys", "Customer.io Data Pipelines", &["Customer.io".to_owned()])
    }

    fn meta(call_type: CallType, flags: &[CallFlags]) -> CallMeta {
        let mut all = CallFlags::default();
        flags.iter().for_each(|f| all.set(*f));
        CallMeta { ordinal: 0, call_type, flags: all, key: 1, key2: 0, content: 0 }
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
            assert_eq!(rules().check(&call, json.as_bytes()), want, "{integrations}");
            let unflagged = meta(CallType::Track, &[]);
            assert_eq!(
                rules().check(&unflagged, json.as_bytes()),
                Verdict::Send,
                "the flag alone makes it be read"
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
            let mut out = Vec::new();
            rules.encode(&call, json, Nulls::Send, &mut out);
            assert_eq!(out.len(), size);
            rules.call_bytes = size;
            assert_eq!(rules.check(&call, json), Verdict::Send);
            rules.call_bytes = size - 1;
            let Verdict::Refuse(refusal) = rules.check(&call, json) else { panic!("must be refused") };
            assert_eq!((refusal.code, refusal.status), (Code::CallTooLargeForDestination, None));
            assert!(
                refusal.reason.contains(&size.to_string())
                    && refusal.reason.contains(&(size - 1).to_string())
            );
        }
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
        // An identify by email alone has no person's id either, and carries both flags.
        let both = [CallFlags::EMAIL_ONLY, CallFlags::NO_PERSON];
        let or_email = Rules { person: Person::OrEmail, ..rules() };
        assert_eq!(or_email.check(&meta(CallType::Identify, &both), b"{}"), Verdict::Send);
        for (person, flag, sent) in cases {
            let rules = Rules { person, ..rules() };
            match rules.check(&meta(CallType::Group, &[flag]), b"{}") {
                Verdict::Send => assert!(sent, "{person:?} {flag:?}"),
                Verdict::Refuse(r) => {
                    assert!(!sent && r.code == Code::DestinationNeedsIdentifier, "{person:?} {flag:?}")
                }
                Verdict::Filter => panic!("nothing filters"),
            }
            assert_eq!(rules.check(&meta(CallType::Group, &[]), b"{}"), Verdict::Send);
        }
    }
}
