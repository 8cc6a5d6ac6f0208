//! Words that mean something to a server.

/// The words that Redshift reserves, in order (Database Developer Guide, "Reserved words").
pub(crate) const RESERVED: &str = "
    AES128 AES256 ALL ALLOWOVERWRITE ANALYSE ANALYZE AND ANY ARRAY AS ASC AUTHORIZATION AZ64 BACKUP
    BETWEEN BINARY BLANKSASNULL BOTH BYTEDICT BZIP2 CASE CAST CHECK COLLATE COLUMN CONSTRAINT CREATE
    CREDENTIALS CROSS CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER CURRENT_USER_ID DEFAULT
    DEFERRABLE DEFLATE DEFRAG DELTA DELTA32K DESC DISABLE DISTINCT DO ELSE EMPTYASNULL ENABLE ENCODE
    ENCRYPT ENCRYPTION END EXCEPT EXPLICIT FALSE FOR FOREIGN FREEZE FROM FULL GLOBALDICT256
    GLOBALDICT64K GRANT GROUP GZIP HAVING IDENTITY IGNORE ILIKE IN INITIALLY INNER INTERSECT INTERVAL
    INTO IS ISNULL JOIN LANGUAGE LEADING LEFT LIKE LIMIT LOCALTIME LOCALTIMESTAMP LUN LUNS LZO LZOP
    MINUS MOSTLY16 MOSTLY32 MOSTLY8 NATURAL NEW NOT NOTNULL NULL NULLS OFF OFFLINE OFFSET OID OLD ON
    ONLY OPEN OR ORDER OUTER OVERLAPS PARALLEL PARTITION PERCENT PERMISSIONS PIVOT PLACING PRIMARY RAW
    READRATIO RECOVER REFERENCES REJECTLOG RESORT RESPECT RESTORE RIGHT SELECT SESSION_USER SIMILAR
    SNAPSHOT SOME SYSDATE SYSTEM TABLE TAG TDES TEXT255 TEXT32K THEN TIMESTAMP TO TOP TRAILING TRUE
    TRUNCATECOLUMNS UNION UNIQUE UNNEST UNPIVOT USER USING VERBOSE WALLET WHEN WHERE WITH WITHOUT";

/// Those of them that no reading statement has a use for, so that they can only be meant as names.
/// TIMESTAMP is one where a value is expected and no literal follows; `oid` is a column of the
/// catalogue that needs no quotes.
pub(crate) const ONLY_NAMES: &str = "
    AES128 AES256 ALLOWOVERWRITE ANALYSE ANALYZE AUTHORIZATION AZ64 BACKUP BLANKSASNULL BYTEDICT BZIP2
    CHECK COLUMN CONSTRAINT CREDENTIALS DEFERRABLE DEFLATE DEFRAG DELTA DELTA32K DISABLE DO EMPTYASNULL
    ENABLE ENCODE ENCRYPT ENCRYPTION EXPLICIT FOREIGN FREEZE GLOBALDICT256 GLOBALDICT64K GZIP IDENTITY
    INITIALLY LANGUAGE LUN LUNS LZO LZOP MOSTLY16 MOSTLY32 MOSTLY8 NEW OFF OFFLINE OLD OPEN PARALLEL
    PERCENT PERMISSIONS PRIMARY RAW READRATIO RECOVER REFERENCES REJECTLOG RESORT RESTORE SNAPSHOT
    SYSTEM TAG TDES TEXT255 TEXT32K TIMESTAMP TRUNCATECOLUMNS UNIQUE VERBOSE WALLET";

/// Words of an expression that are no names, besides the reserved ones.
const OF_EXPRESSIONS: &str = "
    AT CHARACTER DAY DOUBLE ESCAPE GLOB HOUR MATCH MINUTE MONTH OVER PRECISION REGEXP SECOND TIME
    UNKNOWN VARYING WITHIN YEAR ZONE";

/// Words that are a value by themselves.
const VALUES: &str = "
    CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DEFAULT FALSE LOCALTIME LOCALTIMESTAMP NULL
    SESSION_USER SYSDATE TRUE USER";

/// Calls whose column is named after the column in them.
const KEEP_THE_NAME: &str = "
    CAST TRY_CAST CONVERT";

pub(crate) fn contains(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|w| w.eq_ignore_ascii_case(word))
}

pub(crate) fn belongs_to_an_expression(word: &str) -> bool {
    contains(RESERVED, word) || contains(OF_EXPRESSIONS, word)
}

pub(crate) fn stands_for_a_value(word: &str) -> bool {
    contains(VALUES, word)
}

pub(crate) fn keeps_the_name(word: &str) -> bool {
    contains(KEEP_THE_NAME, word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_known_in_any_case_and_the_lists_agree() {
        let is_reserved = |word| contains(RESERVED, word);
        assert!(is_reserved("timestamp") && is_reserved("Tag") && !is_reserved("userId"));
        let can_only_name = |word| contains(ONLY_NAMES, word);
        assert!(can_only_name("tag") && !can_only_name("select") && !can_only_name("oid"));
        assert!(ONLY_NAMES.split_ascii_whitespace().all(is_reserved));
    }
}
