//! Types: which OID Redshift gives to what PostgreSQL has, and the values that look otherwise.

/// The OIDs that the database gave to the simulator's own types.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OwnTypes {
    pub super_: u32,
    pub varbyte: u32,
}

pub(super) const NUMERIC: u32 = 1700;
const VARCHAR: u32 = 1043;
const SUPER: u32 = 4000;
const VARBYTE: u32 = 6551;

/// Types that Redshift has not, or calls VARCHAR: text, uuid, regtype, regclass, regprocedure.
const AS_VARCHAR: &[u32] = &[25, 2950, 2206, 2205, 2202];

/// How a column's values are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Not at all.
    Plain,
    /// JSON without blanks.
    Super,
    /// Hexadecimal digits without `\x`.
    Varbyte,
    /// A numeric in binary form.
    ScaledInteger { modifier: i32 },
    /// Two NULs more than there are characters.
    Padded,
    /// A line of a plan.
    Plan,
}

/// Redshift's OID of a type of PostgreSQL.
pub(super) fn oid(behind: u32, own: OwnTypes) -> u32 {
    match behind {
        oid if AS_VARCHAR.contains(&oid) => VARCHAR,
        // json and jsonb.
        114 | 3802 => SUPER,
        17 => VARBYTE,
        oid if oid == own.super_ => SUPER,
        oid if oid == own.varbyte => VARBYTE,
        oid => oid,
    }
}

/// How the values of a type are changed. `binary` is what the client asks for.
pub(super) fn shape(redshift: u32, modifier: i32, binary: bool) -> Shape {
    match redshift {
        SUPER => Shape::Super,
        VARBYTE => Shape::Varbyte,
        NUMERIC if binary => Shape::ScaledInteger { modifier },
        _ => Shape::Plain,
    }
}

/// SUPER and VARBYTE come as texts, whatever the client asks for.
pub(super) fn has_binary(redshift: u32) -> bool {
    !matches!(redshift, SUPER | VARBYTE)
}

pub(super) fn is_text(redshift: u32) -> bool {
    matches!(redshift, VARCHAR | 1042 | 19 | 18)
}

/// Appends a value, given as text, in the column's shape.
pub(super) fn append(shape: Shape, text: &[u8], out: &mut Vec<u8>) {
    match shape {
        Shape::Plain => out.extend_from_slice(text),
        Shape::Super => compact(text, out),
        Shape::Varbyte => out.extend_from_slice(text.strip_prefix(b"\\x").unwrap_or(text)),
        Shape::ScaledInteger { modifier } => scaled(text, modifier, out),
        Shape::Padded => {
            out.extend_from_slice(text);
            out.extend_from_slice(&[0, 0]);
        }
        Shape::Plan => out.extend_from_slice(plan_line(&String::from_utf8_lossy(text)).as_bytes()),
    }
}

/// JSON without the blanks between its parts.
fn compact(json: &[u8], out: &mut Vec<u8>) {
    let mut in_string = false;
    let mut escaped = false;
    for &byte in json {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = byte == b'\\' && !escaped;
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_string = byte == b'"';
        }
        out.push(byte);
    }
}

/// The digits as a whole number of 8 bytes, or of 16 for a precision above 19. The modifier has
/// precision and scale; without one, the digits are as they come.
fn scaled(text: &[u8], modifier: i32, out: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(text);
    let value = text.replacen('.', "", 1).parse::<i128>().unwrap_or(0);
    let precision = if modifier < 4 { 38 } else { (modifier - 4) >> 16 };
    if precision <= 19 {
        out.extend_from_slice(&(value as i64).to_be_bytes());
    } else {
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// Steps of compute nodes are marked `XN`.
fn plan_line(line: &str) -> String {
    if !line.contains("(cost=") {
        return line.to_owned();
    }
    let text = line.trim_start();
    let (arrow, step) = text.strip_prefix("->  ").map_or(("", text), |step| ("->  ", step));
    format!("{}{arrow}XN {step}", &line[..line.len() - text.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appended(shape: Shape, text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        append(shape, text.as_bytes(), &mut out);
        out
    }

    #[test]
    fn blanks_leave_json_but_not_its_strings() {
        let compact = appended(Shape::Super, r#"{ "a b" : [1 , "x \" y", "\\" ] }"#);
        assert_eq!(compact, br#"{"a b":[1,"x \" y","\\"]}"#);
    }

    #[test]
    fn a_numeric_is_its_digits() {
        let modifier = |precision: i32, scale: i32| ((precision << 16) | scale) + 4;
        let binary = |modifier, text| appended(Shape::ScaledInteger { modifier }, text);
        assert_eq!(binary(modifier(18, 8), "1234.00000000"), 123_400_000_000_i64.to_be_bytes());
        assert_eq!(binary(modifier(38, 2), "-0.05"), (-5_i128).to_be_bytes());
    }

    #[test]
    fn steps_of_a_plan_are_marked() {
        assert_eq!(
            plan_line("Limit  (cost=0.00..1 rows=1 width=4)"),
            "XN Limit  (cost=0.00..1 rows=1 width=4)"
        );
        assert_eq!(plan_line("  ->  Seq Scan on t  (cost=1)"), "  ->  XN Seq Scan on t  (cost=1)");
        assert_eq!(plan_line("  Filter: (a > 1)"), "  Filter: (a > 1)");
    }
}
