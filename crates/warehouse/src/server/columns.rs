//! RowDescription: the names and types of a result's columns.
//!
//! Types are known by their OIDs, from a table. Redshift's have the OIDs of the
//! `redshift-connector` and JDBC drivers. Domains arrive as their base types. What is not in the
//! table is of an extension or was made by a user; PostgreSQL's catalogue is asked about it
//! ([`super::types`]), Redshift's lacks what stock clients ask for.

use outflow_core::{Column, ColumnType, ElementType, Result};

use super::wire::broken_protocol;

/// The columns of a result.
#[derive(Debug, Default)]
pub(crate) struct Described {
    pub columns: Vec<Column>,
    /// The columns whose types are not in the table, and their OIDs.
    pub unknown: Vec<(usize, u32)>,
}

/// Reads the body of a RowDescription.
pub(crate) fn parse(body: &[u8]) -> Result<Described> {
    columns(body).ok_or_else(|| broken_protocol("a description of columns that does not add up"))
}

fn columns(body: &[u8]) -> Option<Described> {
    let (count, mut rest) = body.split_first_chunk::<2>()?;
    let count = u16::from_be_bytes(*count);
    // Grows with what is really there, whatever the count claims.
    let mut described = Described::default();
    for _ in 0..count {
        let end = rest.iter().position(|&byte| byte == 0)?;
        let name = String::from_utf8_lossy(&rest[..end]).into_owned();
        // Table (4) and attribute (2), type (4), type length (2), modifier (4), format (2).
        let (fixed, after) = rest[end + 1..].split_first_chunk::<18>()?;
        let oid = u32::from_be_bytes([fixed[6], fixed[7], fixed[8], fixed[9]]);
        let (ty, declared) = match known(oid) {
            Some(known) => known,
            None => {
                described.unknown.push((described.columns.len(), oid));
                (ColumnType::Text, format!("oid {oid}"))
            }
        };
        described.columns.push(Column { name, ty, declared });
        rest = after;
    }
    rest.is_empty().then_some(described)
}

/// What a type's texts mean, and its name, if it is in the table.
pub(crate) fn known(oid: u32) -> Option<(ColumnType, String)> {
    if let (ty, Some(name)) = of_oid(oid) {
        return Some((ty, name.to_owned()));
    }
    let element = element_of(oid)?;
    let (ty, Some(name)) = of_oid(element) else { return None };
    Some((ColumnType::Array(ty.as_element().unwrap_or(ElementType::Text)), format!("{name}[]")))
}

/// The OID of the elements of an array whose OID this is.
const fn element_of(array: u32) -> Option<u32> {
    Some(match array {
        1000 => 16,
        1001 => 17,
        1002 => 18,
        1003 => 19,
        1005 => 21,
        1006 => 22,
        1007 => 23,
        1008 => 24,
        1009 => 25,
        1013 => 30,
        1014 => 1042,
        1015 => 1043,
        1016 => 20,
        1021 => 700,
        1022 => 701,
        1028 => 26,
        1040 => 829,
        1041 => 869,
        1115 => 1114,
        1182 => 1082,
        1183 => 1083,
        1185 => 1184,
        1187 => 1186,
        1231 => 1700,
        1270 => 1266,
        1561 => 1560,
        1563 => 1562,
        143 => 142,
        199 => 114,
        651 => 650,
        775 => 774,
        791 => 790,
        2287 => 2249,
        2951 => 2950,
        3643 => 3614,
        3807 => 3802,
        3905 => 3904,
        3907 => 3906,
        3909 => 3908,
        3911 => 3910,
        3913 => 3912,
        3927 => 3926,
        _ => return None,
    })
}

/// What a type's texts mean, and its name. The names are those that PostgreSQL and Redshift print.
fn of_oid(oid: u32) -> (ColumnType, Option<&'static str>) {
    use ColumnType as T;
    let (ty, name) = match oid {
        16 => (T::Bool, "boolean"),
        21 => (T::Int, "smallint"),
        23 => (T::Int, "integer"),
        20 => (T::Int, "bigint"),
        700 => (T::Float, "real"),
        701 => (T::Float, "double precision"),
        1700 => (T::Numeric, "numeric"),
        18 => (T::Text, "\"char\""),
        19 => (T::Text, "name"),
        25 => (T::Text, "text"),
        1043 => (T::Text, "character varying"),
        1042 => (T::Char, "character"),
        1082 => (T::Date, "date"),
        1083 => (T::Time, "time"),
        1266 => (T::TimeTz, "time with time zone"),
        1114 => (T::Timestamp, "timestamp"),
        1184 => (T::TimestampTz, "timestamp with time zone"),
        1186 => (T::Interval, "interval"),
        1188 => (T::Interval, "interval year to month"),
        1190 => (T::Interval, "interval day to second"),
        114 => (T::Json, "json"),
        3802 => (T::Json, "jsonb"),
        4000 => (T::Json, "super"),
        17 => (T::Bytes, "bytea"),
        6551 => (T::Bytes, "varbyte"),
        2950 => (T::Text, "uuid"),
        142 => (T::Text, "xml"),
        // In the form of `lc_monetary`, whose signs only the server reads back.
        790 => (T::Opaque, "money"),
        2249 => (T::Opaque, "record"),
        869 => (T::Text, "inet"),
        650 => (T::Text, "cidr"),
        829 => (T::Text, "macaddr"),
        774 => (T::Text, "macaddr8"),
        3614 => (T::Text, "tsvector"),
        3904 => (T::Text, "int4range"),
        3906 => (T::Text, "numrange"),
        3908 => (T::Text, "tsrange"),
        3910 => (T::Text, "tstzrange"),
        3912 => (T::Text, "daterange"),
        3926 => (T::Text, "int8range"),
        1560 => (T::Text, "bit"),
        1562 => (T::Text, "bit varying"),
        26 => (T::Text, "oid"),
        24 => (T::Text, "regproc"),
        22 => (T::Text, "int2vector"),
        30 => (T::Text, "oidvector"),
        705 => (T::Text, "unknown"),
        3000 => (T::Text, "geometry"),
        3001 => (T::Text, "geography"),
        2935 => (T::Text, "hllsketch"),
        _ => return (T::Text, None),
    };
    (ty, Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(name: &str, oid: u32) -> Vec<u8> {
        let mut body = vec![0, 1];
        body.extend_from_slice(name.as_bytes());
        body.push(0);
        body.extend_from_slice(&[0; 6]);
        body.extend_from_slice(&oid.to_be_bytes());
        body.extend_from_slice(&[0; 8]);
        body
    }

    #[test]
    fn super_and_varbyte_are_known_and_other_types_say_their_oid() {
        let column = |oid| columns(&described("a", oid)).unwrap().columns.remove(0);
        assert_eq!((column(4000).ty, column(4000).declared.as_str()), (ColumnType::Json, "super"));
        assert_eq!(column(6551).ty, ColumnType::Bytes);
        assert_eq!((column(99_999).ty, column(99_999).declared.as_str()), (ColumnType::Text, "oid 99999"));
        assert_eq!(columns(&described("a", 99_999)).unwrap().unknown, [(0, 99_999)]);
        let tags = column(1009);
        assert_eq!((tags.ty, tags.declared.as_str()), (ColumnType::Array(ElementType::Text), "text[]"));
        assert_eq!(column(791).ty, ColumnType::Array(ElementType::Opaque));
    }

    #[test]
    fn a_description_that_is_cut_or_too_long_is_refused() {
        let whole = described("name", 25);
        for end in 0..whole.len() {
            assert!(columns(&whole[..end]).is_none(), "{end}");
        }
        assert!(columns(&[&whole[..], b"\0"].concat()).is_none());
        assert!(columns(b"\xff\xff").is_none());
    }
}
