//! Forms of fields in documents: what is written of them, and how it is read again.
//!
//! What always holds: what was read is written as it was. What it does not do: say which field has
//! which form; the documents do.

/// Pairs as an object, in their order.
pub mod by_name {
    use std::fmt;
    use std::marker::PhantomData;

    use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
    use serde::ser::{Serialize, SerializeMap, Serializer};

    /// Writes them.
    ///
    /// # Errors
    /// What the serializer says.
    pub fn serialize<T: Serialize, S: Serializer>(all: &[(String, T)], s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(all.len()))?;
        for (name, document) in all {
            map.serialize_entry(name, document)?;
        }
        map.end()
    }

    /// Reads them.
    ///
    /// # Errors
    /// What the deserializer says.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Vec<(String, T)>, D::Error> {
        d.deserialize_map(Pairs(PhantomData))
    }

    struct Pairs<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Pairs<T> {
        type Value = Vec<(String, T)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(pair) = map.next_entry()? {
                all.push(pair);
            }
            Ok(all)
        }
    }
}

/// `last_sync_time`: a number, unless a cursor column holds something else.
pub mod number_or_text {
    use serde::de::{Deserialize, Deserializer};
    use serde::ser::Serializer;

    /// Writes it.
    ///
    /// # Errors
    /// What the serializer says.
    pub fn serialize<S: Serializer>(value: &Option<String>, s: S) -> Result<S::Ok, S::Error> {
        match value.as_deref().map(|v| (v.parse::<i64>(), v)) {
            None => s.serialize_none(),
            Some((Ok(n), _)) => s.serialize_i64(n),
            Some((Err(_), text)) => s.serialize_str(text),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// What the deserializer says.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(i64),
            Text(String),
        }
        Ok(Option::<Written>::deserialize(d)?.map(|written| match written {
            Written::Number(number) => number.to_string(),
            Written::Text(text) => text,
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    #[derive(Serialize, Deserialize)]
    struct Document {
        #[serde(with = "super::by_name")]
        destinations: Vec<(String, u64)>,
        #[serde(with = "super::number_or_text")]
        start: Option<String>,
    }

    #[test]
    fn what_was_written_is_read_and_written_as_it_was() {
        for start in [Value::Null, json!(1_795_716_936), json!("2026-01-31 10:00:00")] {
            let text = json!({ "destinations": { "z": 1, "a": 2 }, "start": start }).to_string();
            let value: Value = serde_json::from_str(&text).unwrap();
            let read: Document = serde_json::from_value(value).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
    }
}
