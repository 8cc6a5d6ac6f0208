"""What a value should become in a call, from what a driver of Python reads.

The rules are those of docs/reference/calls.md, written down a second time. This file shares no code
and no tables with Outflow.
"""

import json
import re
import unicodedata
from datetime import datetime, timedelta, timezone
from decimal import Decimal

EXACT = 1 << 53


class Left:
    """The value has no form in a call: it is left out, and counted as R104."""

    def __repr__(self):
        return "left out"


LEFT = Left()


class Seen:
    """The warnings that a row should be counted for, by column."""

    def __init__(self):
        self.found = set()

    def warn(self, code, column):
        self.found.add((code, column))


def parsed(text):
    """JSON with every digit of its numbers."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=refuse)


def refuse(word):
    raise ValueError(word)


def number(value, column, seen):
    value = Decimal(value)
    if not value.is_finite():
        return LEFT
    if abs(value) > EXACT:
        seen.warn("R102", column)
    return value


class Real(Decimal):
    """A float. Of two shortest texts that read back as it, either will do."""


def real(value, column, seen):
    return Real(repr(value)) if value == value and abs(value) != float("inf") else LEFT


def same(value, column, seen):
    return value


def document(text, column, seen):
    """A JSON text: each half of a surrogate pair is U+FFFD."""
    try:
        value = parsed(text)
    except (ValueError, RecursionError):
        return LEFT
    flags = {"half": False, "beyond": False}

    def whole(value):
        if isinstance(value, str):
            flags["half"] |= any(0xD800 <= ord(c) < 0xE000 for c in value)
            return "".join("\ufffd" if 0xD800 <= ord(c) < 0xE000 else c for c in value)
        if isinstance(value, list):
            return [whole(v) for v in value]
        if isinstance(value, dict):
            return {whole(k): whole(v) for k, v in value.items()}
        return value
    value = whole(value)
    for match in re.finditer(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?', text):
        token = match.group()
        if token[0] != '"' and "e" not in token.lower():
            flags["beyond"] |= abs(Decimal(token)) > EXACT
    if flags["half"]:
        seen.warn("R105", column)
    if flags["beyond"]:
        seen.warn("R102", column)
    return value


def padded(value, column, seen):
    return value.rstrip(" ")


def day(text, column, seen):
    return text if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else LEFT


def moment(text, column, seen):
    """A timestamp with or without an offset, as the same instant in UTC."""
    match = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d(?::?\d\d)?(?::\d\d)?)?", text)
    if not match:
        return LEFT
    year, month, dom, hour, minute, second, fraction, zone = match.groups()
    try:
        at = datetime(int(year), int(month), int(dom), int(hour), int(minute), int(second or 0))
    except ValueError:
        return LEFT
    if zone and zone != "Z":
        parts = [int(p) for p in re.findall(r"\d\d", zone)] + [0, 0]
        offset = timedelta(hours=parts[0], minutes=parts[1], seconds=parts[2])
        try:
            at = at - offset if zone[0] == "+" else at + offset
        except OverflowError:
            return LEFT
    return at.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + (fraction or "") + "Z"


def clock_with_zone(text, column, seen):
    match = re.fullmatch(r"(.*?)([+-])(\d\d)((?::\d\d)*)", text)
    time, sign, hours, rest = match.groups()
    if (hours, rest) == ("00", ""):
        return time + "Z"
    return time + sign + hours + (rest or ":00")


def binary(value, column, seen):
    return bytes(value).hex()


def many(rule):
    """The rule for each element of an array. One element without a form leaves the whole out."""
    def of(value, column, seen):
        if value is None:
            return None
        if isinstance(value, list):
            made = [of(v, column, seen) for v in value]
            return LEFT if any(m is LEFT for m in made) else made
        return rule(value, column, seen)

    def whole(value, column, seen):
        own = Seen()
        made = of(value, column, own)
        if made is not LEFT:
            seen.found |= own.found
        return made
    return whole


def unix(value, column, seen):
    """A number of Unix time, in the unit that its size says."""
    value = Decimal(value)
    size = abs(value)
    scale = 1 if size < 10 ** 11 else 1000 if size < 10 ** 14 else 10 ** 6 if size < 10 ** 17 else 10 ** 9
    if size >= 10 ** 20:
        return LEFT
    nanos = int(value * 10 ** 9 // scale) if value >= 0 else -int(-value * 10 ** 9 // scale)
    second, nanos = divmod(nanos, 10 ** 9)
    try:
        at = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=second)
    except OverflowError:
        return LEFT
    fraction = ("%09d" % nanos).rstrip("0")
    fraction = "." + fraction.ljust(3, "0") if fraction else ""
    return at.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + fraction + "Z"


def is_unseen(char):
    return char.isspace() or unicodedata.category(char) in ("Cc", "Cf", "Zs", "Zl", "Zp")


def identifier(text, column, seen):
    """Without what is invisible at its ends. `None`: there is no identifier."""
    id = text
    while id and is_unseen(id[0]):
        id = id[1:]
    while id and is_unseen(id[-1]):
        id = id[:-1]
    if not id:
        return None
    plain = text.strip(" \t\n\r\f")
    if plain != id or any(is_unseen(c) and c not in " \u200c\u200d" for c in id):
        seen.warn("R106", column)
    elif id.lower() in ("null", "undefined", "nan", "none"):
        seen.warn("R107", column)
    return id


def of_sqlite(declared):
    """The rule of a SQLite column: it depends on the declaration and on each value alone."""
    def loose(value, column, seen):
        if isinstance(value, bytes):
            return value.hex()
        if isinstance(value, float):
            # In a column of any type, what is written as a whole number is counted as one.
            if EXACT < abs(value) < 1e16:
                seen.warn("R102", column)
            return real(value, column, seen)
        if isinstance(value, int):
            return number(value, column, seen)
        return value

    def rule(value, column, seen):
        if isinstance(value, Broken):
            return LEFT
        if declared == "boolean":
            if value in (0, 1) and isinstance(value, int):
                return value == 1
            if isinstance(value, str):
                word = value.strip(" \t\n\r\f").lower()
                if word in ("true", "t", "yes", "y", "on", "1"):
                    return True
                if word in ("false", "f", "no", "n", "off", "0"):
                    return False
        if declared == "time" and isinstance(value, str):
            text = value.strip(" \t\n\r\f")
            try:
                if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
                    return datetime.strptime(text, "%Y-%m-%d").strftime("%Y-%m-%d").rjust(10, "0")
            except ValueError:
                return value
            made = moment(text, column, seen)
            if made is not LEFT:
                # Digits of the fraction that say nothing go.
                return re.sub(r"(\.\d*?)0+Z$", r"\1Z", made).replace(".Z", "Z")
        if declared == "text":
            return value.hex() if isinstance(value, bytes) else value if isinstance(value, str) else as_text(value)
        if declared == "json" and isinstance(value, str):
            try:
                parsed(value)
            except (ValueError, RecursionError):
                return value
            return document(value, column, seen)
        return loose(value, column, seen)
    return rule


def as_text(value):
    return repr(value) if isinstance(value, int) else Spelt(value)


class Spelt:
    """A text that spells this float, however many zeros and signs it takes."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return isinstance(other, str) and float(other) == self.value

    def __repr__(self):
        return repr(str(self.value))


class Broken:
    """Bytes that are no UTF-8, in a column of texts."""


def differs(expected, found):
    """Whether two values are not the same, with the type of JSON and every digit."""
    if type(expected) is bool or type(found) is bool or expected is None or found is None:
        return expected is not found
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) != len(found) or any(differs(e, f) for e, f in zip(expected, found))
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() != found.keys() or any(differs(v, found[k]) for k, v in expected.items())
    if isinstance(expected, Real) and isinstance(found, Decimal):
        return float(expected) != float(found)
    return not expected == found or isinstance(expected, Decimal) != isinstance(found, Decimal)
