//! RowDescription: the names and types of a result's columns.
//!
//! Types are known by their OIDs, from a table: no catalogue is asked, since Redshift's lacks what
//! stock clients ask for. Its types have the OIDs of the `redshift-connector` and JDBC drivers.
//! Domains arrive as their base types.

use outflow_core::{Column, ColumnType, Result};

use super::wire::broken_protocol;

/// Reads the body of a RowDescription.
pub(crate) fn parse(body: &[u8]) -> Result<Vec<Column>> {
    columns(body).ok_or_else(|| broken_protocol("a description of columns that does not add up"))
}

fn columns(body: &[u8]) -> Option<Vec<Column>> {
    let (count, mut rest) = body.split_first_chunk::<2>()?;
    let count = u16::from_be_bytes(*count);
    // Grows with what is really there, whatever the count claims.
    let mut columns = Vec::new();
    for _ in 0..count {
        let end = rest.iter().position(|&byte| byte == 0)?;
        let name = String::from_utf8_lossy(&rest[..end]).into_owned();
        // Table (4) and attribute (2), type (4), type length (2), modifier (4), format (2).
        let (fixed, after) = rest[end + 1..].split_first_chunk::<18>()?;
        let oid = u32::from_be_bytes([fixed[6], fixed[7], fixed[8], fixed[9]]);
        let (ty, declared) = of_oid(oid);
        let declared = declared.map_or_else(|| format!("oid {oid}"), str::to_owned);
        columns.push(Column { name, ty, declared });
        rest = after;
    }
    rest.is_empty().then_some(columns)
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
        790 => (T::Text, "money"),
        869 => (T::Text, "inet"),
        650 => (T::Text, "cidr"),
        829 => (T::Text, "macaddr"),
        1560 => (T::Text, "bit"),
        1562 => (T::Text, "bit varying"),
        1000 => (T::Text, "boolean[]"),
        1005 => (T::Text, "smallint[]"),
        1007 => (T::Text, "integer[]"),
        1016 => (T::Text, "bigint[]"),
        1009 => (T::Text, "text[]"),
        1015 => (T::Text, "character varying[]"),
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
        let column = |oid| columns(&described("a", oid)).unwrap().remove(0);
        assert_eq!((column(4000).ty, column(4000).declared.as_str()), (ColumnType::Json, "super"));
        assert_eq!(column(6551).ty, ColumnType::Bytes);
        assert_eq!((column(99_999).ty, column(99_999).declared.as_str()), (ColumnType::Text, "oid 99999"));
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
