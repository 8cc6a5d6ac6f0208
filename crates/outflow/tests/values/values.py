"""Fuzzes values from a database to the lines of a file destination.

    values.py fill KIND WHERE SEED ROWS      makes a table `fuzz` of every type
    values.py query KIND                     prints the query of the sync
    values.py judge KIND WHERE LINES FINDINGS    compares, and prints a report as JSON

KIND is postgres, redshift (the same server, behind the simulator) or sqlite; WHERE is a connection
string or a file. LINES are the calls, FINDINGS is what `outflow rejected --output json` says.
"""

import json
import sqlite3
import sys
from collections import Counter

from expected import (
    LEFT, Broken, Seen, binary, clock_with_zone, day, differs, document, identifier, many, moment, number, of_sqlite, padded, parsed, real,
    same, unix,
)
from made import Maker


def server_columns(kind, make):
    """Name, type, literal, how it is read (`{}` is the column), rule."""
    m = make
    columns = [
        ("c_bool", "boolean", lambda: m.one("t", "f"), "{}", same),
        ("c_int2", "smallint", lambda: str(m.whole(16)), "{}", number),
        ("c_int4", "integer", lambda: str(m.whole(32)), "{}", number),
        ("c_int8", "bigint", lambda: str(m.whole(64)), "{}", number),
        ("c_price", "numeric(12,2)", lambda: m.number(9, 2, False), "{}", number),
        ("c_float4", "real", lambda: m.one("0.1", "1e10", "3.4e38", "-2.5", "NaN", "Infinity"), "{}::text", lambda v, c, s: real(float(v), c, s)),
        ("c_float8", "double precision", m.real, "{}", real),
        ("c_varchar", "varchar(2000)", m.text, "{}", same),
        ("c_char", "char(400)", m.text, "{}", padded),
        ("c_date", "date", m.day, "{}::text", day),
        ("c_time", "time", m.clock, "{}::text", same),
        ("c_timetz", "timetz", lambda: m.clock() + m.zone(), "{}::text", clock_with_zone),
        ("c_ts", "timestamp", m.moment, "{}::text", moment),
        ("c_tstz", "timestamptz", lambda: m.moment(True), "{}::text", moment),
        ("c_interval", "interval", lambda: m.one("1 day", "1 year 2 mons", "-3 days 04:05:06.5", "00:00:00"), "{}::text", same),
        ("createdAt", "numeric", m.unix, "{}", unix),
    ]
    if kind == "redshift":
        return columns + [
            ("c_numeric", "numeric(38,10)", lambda: m.number(25, 10, False), "{}", number),
            ("c_super", "super", m.value, "{}::json::text", document),
            ("c_varbyte", "varbyte", lambda: "\\x" + m.hexadecimal(), "{}::bytea", binary),
        ]

    def array(name, ty, element, read, rule, nested=False):
        return (name, ty + "[]", lambda: m.array(element, nested), read, many(rule))
    return columns + [
        ("c_numeric", "numeric", m.number, "{}", number),
        ("c_text", "text", m.text, "{}", same),
        ("c_uuid", "uuid", lambda: "%032x" % m.rng.getrandbits(128), "{}::text", same),
        ("c_json", "json", m.value, "{}::text", document),
        ("c_jsonb", "jsonb", lambda: m.value(3, False), "{}::text", document),
        ("c_bytea", "bytea", lambda: "\\x" + m.hexadecimal(), "{}", binary),
        ("c_money", "money", lambda: m.number(8, 2, False), "{}::text", same),
        ("c_bit", "bit(8)", lambda: format(m.rng.getrandbits(8), "08b"), "{}::text", same),
        ("c_varbit", "bit varying(9)", lambda: m.one("", "1", "010101010"), "{}::text", same),
        ("c_inet", "inet", lambda: m.one("10.0.0.1/8", "::1"), "{}", lambda v, c, s: str(v)),
        ("c_range", "int4range", lambda: m.one("[1,5)", "empty", "(,3]"), "{}::text", same),
        ("c_tsrange", "tstzrange", lambda: m.one("[2026-01-01,infinity)", "empty"), "{}::text", same),
        ("c_oid", "oid", lambda: str(m.rng.getrandbits(32)), "{}::text", same),
        ("c_point", "point", lambda: "(1,2.5)", "{}::text", same),
        ("c_xml", "xml", lambda: "<a>x</a>", "{}::text", same),
        ("c_enum", "fuzz_plan", lambda: m.one("free", "pro plan"), "{}::text", same),
        ("c_domain", "fuzz_count", lambda: str(abs(m.whole(63))), "{}", number),
        ("c_row", "fuzz_address", lambda: m.one('(1,"two words")', "(,)"), "{}::text", same),
        ("c_hstore", "hstore", m.hstore, "hstore_to_json({})::text", lambda v, c, s: parsed(v)),
        array("c_texts", "text", m.text, "{}", same),
        array("c_ints", "integer", lambda: str(m.whole(32)), "{}", number, True),
        array("c_bigs", "bigint", lambda: str(m.whole(64)), "{}", number),
        array("c_numbers", "numeric", m.number, "{}", number),
        array("c_floats", "double precision", m.real, "{}", real),
        array("c_flags", "boolean", lambda: m.one("t", "f"), "{}", same, True),
        array("c_days", "date", m.day, "{}::text[]", day),
        array("c_moments", "timestamptz", lambda: m.moment(True), "{}::text[]", moment),
        array("c_docs", "jsonb", lambda: m.value(2, False), "{}::text[]", document),
        array("c_uuids", "uuid", lambda: "%032x" % m.rng.getrandbits(128), "{}::text[]", same),
        array("c_enums", "fuzz_plan", lambda: m.one("free", "pro plan"), "{}::text[]", same),
        array("c_counts", "fuzz_count", lambda: str(abs(m.whole(63))), "{}::text[]", number),
        array("c_rows", "fuzz_address", lambda: '(1,"a b")', "{}::text[]", same),
    ]


def sqlite_columns(make):
    """Name, declaration, value, rule."""
    m = make

    def anything():
        return m.one(m.whole(64), m.text(), float(m.real(False)), bytes.fromhex(m.hexadecimal()), m.value(2, False), m.moment(False, False), 0, 1, float("inf"), Bad())
    times = ["2026-11-24", "2026-02-30", "2026-11-24 10:00", "2026-11-24T10:00:00Z", "yesterday", "", "infinity", "12026-01-01 00:00:00", 1700000000, 1700000000123, 1.5, "0001-01-01 00:00:00+01:00"]

    def time():
        return m.one(m.rng.choice(times), m.moment(m.rng.random() < 0.5, False))

    def instant():
        made = m.unix()
        return float(made) if "." in made or len(made) > 19 else int(made)

    def truth():
        return m.one(0, 1, 2, 0.5, "true", "F", " yes ", "off", "maybe", "")
    declared = [("c_none", "", ""), ("c_integer", "INTEGER", ""), ("c_real", "REAL", ""), ("c_numeric", "NUMERIC", ""), ("c_decimal", "DECIMAL(10,2)", ""),
                ("c_blob", "BLOB", ""), ("c_time", "TIME", ""), ("c_text", "TEXT", "text"), ("c_varchar", "VARCHAR(20)", "text"), ("c_string", "STRING", "text"), ("c_json", "JSON", "json")]
    columns = [(name, ty, anything, of_sqlite(kind)) for name, ty, kind in declared]
    columns += [(name, ty, time, of_sqlite("time")) for name, ty in [("c_date", "DATE"), ("c_datetime", "DATETIME"), ("c_stamp", "TIMESTAMP")]]
    columns += [("c_bool", "BOOLEAN", truth, of_sqlite("boolean")), ("createdAt", "BIGINT", instant, unix)]
    return columns


class Bad:
    """Stands for bytes that are no UTF-8, stored as a text."""


def fill(kind, where, seed, rows):
    make = Maker(seed)
    if kind == "sqlite":
        columns = sqlite_columns(make)
        database = sqlite3.connect(where)
        database.execute("CREATE TABLE fuzz (row_number INTEGER, id TEXT, %s)" % ", ".join('"%s" %s' % (n.lower(), t) for n, t, _, _ in columns))
        for row in range(rows):
            values = [None if make.rng.random() < 0.1 else column[2]() for column in columns]
            marks = ["CAST(x'61ff62' AS TEXT)" if isinstance(v, Bad) else "?" for v in values]
            kept = [v for v in values if not isinstance(v, Bad)]
            database.execute("INSERT INTO fuzz VALUES (?, ?, %s)" % ", ".join(marks), [row, make.identifier(row)] + kept)
        database.commit()
        return
    import psycopg
    columns = server_columns(kind, make)
    with psycopg.connect(where) as database:
        if kind == "postgres":
            database.execute("CREATE EXTENSION hstore")
            database.execute("CREATE TYPE fuzz_plan AS ENUM ('free', 'pro plan')")
            database.execute("CREATE DOMAIN fuzz_count AS bigint CHECK (VALUE >= 0)")
            database.execute("CREATE TYPE fuzz_address AS (number int, street text)")
        database.execute("CREATE TABLE fuzz (row_number int, id varchar(200), %s)" % ", ".join('"%s" %s' % (c[0].lower(), c[1]) for c in columns))
        database.execute("GRANT SELECT ON fuzz TO PUBLIC")
        casts = ["%s::" + {"super": "json::super", "varbyte": "bytea::varbyte"}.get(c[1], c[1]) for c in columns]
        sql = "INSERT INTO fuzz VALUES (%%s, %%s, %s)" % ", ".join(casts)
        null = lambda made: None if make.rng.random() < 0.1 else made().replace("\0", "")
        data = [[row, make.identifier(row)] + [null(c[2]) for c in columns] for row in range(rows)]
        with database.cursor() as cursor:
            cursor.executemany(sql, data)


def read(kind, where):
    """The columns with their rules, and the rows as a driver of Python reads them."""
    make = Maker(0)
    if kind == "sqlite":
        columns = sqlite_columns(make)
        database = sqlite3.connect(where)

        def text(raw):
            try:
                return raw.decode("utf-8")
            except UnicodeDecodeError:
                return Broken()
        database.text_factory = text
        rows = database.execute("SELECT row_number, id, %s FROM fuzz" % ", ".join('"%s"' % c[0].lower() for c in columns))
        return [(c[0], c[3]) for c in columns], rows
    import psycopg
    columns = server_columns(kind, make)
    database = psycopg.connect(where, options="-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=2")
    reads = ['%s AS "%s"' % (c[3].format('"%s"' % c[0].lower()), c[0]) for c in columns]
    rows = database.execute("SELECT row_number, id, %s FROM fuzz" % ", ".join(reads))
    return [(c[0], c[4]) for c in columns], rows


def judge(kind, where, lines, findings):
    columns, rows = read(kind, where)
    calls = {}
    with open(lines, encoding="utf-8") as file:
        for line in file:
            call = parsed(line)
            calls[int(call["traits"]["row"])] = call
    expected, differences, values = Counter(), [], 0
    for row, id, *fields in rows:
        call, seen = calls.pop(row, None), Seen()
        if call is None:
            differences.append({"row": row, "wanted": "a call", "found": "none"})
            values += len(fields)
            continue
        wanted = {"userId": identifier(id, "userId", seen)}
        for (name, rule), field in zip(columns, fields):
            values += 1
            wanted[name] = None if field is None else rule(field, name, seen)
            if wanted[name] is LEFT:
                seen.warn("R104", name)
        for name, want in wanted.items():
            found = call.get("userId") if name == "userId" else call["traits"].get(name, LEFT)
            if (want is LEFT) != (found is LEFT) or want is not LEFT and differs(want, found):
                differences.append({"row": row, "column": name, "wanted": repr(want)[:200], "found": repr(found)[:200]})
        expected.update(seen.found)
    with open(findings, encoding="utf-8") as file:
        said = {(f["code"], f["column"]): f["rows"] for f in json.load(file)["findings"]}
    judged = ("R102", "R104", "R105", "R106", "R107")
    for key in expected.keys() | {k for k in said if k[0] in judged}:
        if expected[key] != said.get(key, 0):
            differences.append({"counted": "%s %s" % key, "wanted": expected[key], "found": said.get(key, 0)})
    for row in calls:
        differences.append({"row": row, "wanted": "no such row", "found": "a call"})
    warnings = Counter()
    for (code, _), rows in said.items():
        warnings[code] += rows
    print(json.dumps({"values": values, "differences": len(differences), "first": differences[:20], "warnings": warnings}))


def query(kind):
    columns = sqlite_columns(Maker(0)) if kind == "sqlite" else server_columns(kind, Maker(0))
    names = ['"%s" AS "%s"' % (c[0].lower(), c[0]) if c[0] != c[0].lower() else '"%s"' % c[0] for c in columns]
    return 'SELECT id AS "userId", row_number AS "row", %s FROM fuzz' % ", ".join(names)


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    elif sys.argv[1] == "query":
        print(query(sys.argv[2]))
    else:
        judge(*sys.argv[2:6])
