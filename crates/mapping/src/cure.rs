//! What to write in the query against a value that cannot be sent, by the type of its column.
//!
//! What always holds: a cure names the column as the result does and never uses that name within
//! SQL, as it may be an alias; and it is one that the column's type takes.

use outflow_core::ColumnType;

/// A cure whose words depend on the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cure {
    /// The value means "none", and is to become NULL. `or_text`: the field takes a text as well.
    Null { value: &'static str, or_text: bool },
    /// A time after the year 9999.
    Far,
    /// A time before the year 1.
    Early,
    /// A text that is not JSON.
    NoJson,
    /// JSON that is nested too deep.
    Deep,
}

impl Cure {
    /// The same for a field that takes no text.
    pub(crate) fn without_text(self) -> Cure {
        match self {
            Cure::Null { value, .. } => Cure::Null { value, or_text: false },
            other => other,
        }
    }

    /// The words for a column of that name and type.
    pub(crate) fn words(self, name: &str, ty: ColumnType) -> String {
        let is_text = matches!(ty, ColumnType::Text | ColumnType::Char);
        let is_array = matches!(ty, ColumnType::Array(_));
        let selected = format!("what the query selects as {name}");
        match self {
            Cure::Null { value, .. } if is_array => {
                format!("write array_replace(…, '{value}', NULL) around {selected}")
            }
            Cure::Null { value, or_text } => {
                // SQLite alone has infinity in columns of JSON, and as a number.
                let literal = match (ty, value) {
                    (ColumnType::Json, "Infinity") => "9e999".to_owned(),
                    (ColumnType::Json, "-Infinity") => "-9e999".to_owned(),
                    _ => format!("'{value}'"),
                };
                let or = if or_text && !is_text { ", or cast it to text" } else { "" };
                format!("write NULLIF(…, {literal}) around {selected}{or}")
            }
            Cure::Far if is_array => {
                let says = "fix it where it is stored, or leave such elements out: ARRAY(SELECT t FROM unnest(…) AS \
                            t WHERE t < '10000-01-01') around";
                format!("{says} {selected}")
            }
            Cure::Early if is_array => {
                let says = "fix it where it is stored, or leave such elements out: ARRAY(SELECT t FROM unnest(…) AS \
                            t WHERE t >= '0001-01-01') around";
                format!("{says} {selected}")
            }
            // Texts do not compare as times of such years do.
            Cure::Far | Cure::Early if is_text || ty == ColumnType::Json => {
                "fix it where it is stored".to_owned()
            }
            Cure::Far => {
                format!(
                    "fix it where it is stored, or write CASE WHEN … < '10000-01-01' THEN … END with {selected}"
                )
            }
            Cure::Early => {
                format!(
                    "fix it where it is stored, or write CASE WHEN … >= '0001-01-01' THEN … END with {selected}"
                )
            }
            Cure::NoJson if is_text => {
                "fix it where it is stored, or name the column otherwise to send it as a text".to_owned()
            }
            Cure::NoJson => format!("fix it where it is stored, or cast {selected} to text"),
            Cure::Deep if is_text => {
                "select a part of it, or name the column otherwise to send it as a text".to_owned()
            }
            Cure::Deep => format!("select a part of it, or cast {selected} to text"),
        }
    }
}

#[cfg(test)]
mod tests {
    use outflow_core::ElementType;

    use super::*;

    #[test]
    fn a_cure_fits_the_type_of_the_column() {
        let null = Cure::Null { value: "infinity", or_text: true };
        let nan = Cure::Null { value: "NaN", or_text: false };
        let array = ColumnType::Array(ElementType::Float);
        for (cure, ty, words) in [
            (
                null,
                ColumnType::Date,
                "write NULLIF(…, 'infinity') around what the query selects as x, or cast it to text",
            ),
            (null, ColumnType::Text, "write NULLIF(…, 'infinity') around what the query selects as x"),
            (
                null.without_text(),
                ColumnType::Date,
                "write NULLIF(…, 'infinity') around what the query selects as x",
            ),
            (nan, array, "write array_replace(…, 'NaN', NULL) around what the query selects as x"),
            (
                Cure::Null { value: "-Infinity", or_text: false },
                ColumnType::Json,
                "write NULLIF(…, -9e999) around what the query selects as x",
            ),
            (Cure::Far, ColumnType::Text, "fix it where it is stored"),
            (
                Cure::NoJson,
                ColumnType::Json,
                "fix it where it is stored, or cast what the query selects as x to text",
            ),
        ] {
            assert_eq!(cure.words("x", ty), words);
        }
        let far = Cure::Far.words("ends", ColumnType::Timestamp);
        assert!(far.contains("CASE WHEN … < '10000-01-01' THEN … END"), "{far}");
        assert!(Cure::Early.words("ends", array).contains("unnest"));
        assert!(!Cure::NoJson.words("traits", ColumnType::Text).contains("cast"));
    }
}
