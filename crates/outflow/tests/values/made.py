"""Values of every type, made from a seed: the ends of each range, the odd, and the plain."""

import json
import random

WORDS = ["", " ", "plan", "Grüße", "東京", "😀 a\u200db", "tab\tnew\nline\r", 'quote " back \\ slash', "'", "{a,b}", "NULL",
         "null", "x" * 300, "\u00a0edge\u00a0", "a,b", "(1,2)", "\u2028\u2029\u007f", "%s {}", "true", "007", "1e5", "\ufeff", "\u0001\u001f"]
UNSEEN = ["\u00a0", "\u200b", "\ufeff", "\u3000", "\u2060", "\u200d", "\u00ad", " ", "\t"]


class Maker:
    """Makes literals. What it makes for a type, a database takes as that type."""

    def __init__(self, seed):
        self.rng = random.Random(seed)

    def one(self, *choices):
        return self.rng.choice(choices)

    def text(self):
        return self.one(self.rng.choice(WORDS), "".join(self.rng.choice(WORDS) for _ in range(2)), chr(self.rng.randint(0x20, 0xD7FF)))

    def whole(self, bits):
        end = 1 << (bits - 1)
        edge = self.one(0, 1, -1, end - 1, -end, 1 << min(bits - 2, 53), (1 << min(bits - 2, 53)) + 1)
        return self.one(edge, self.rng.randint(-end, end - 1), self.rng.randint(-1000, 1000))

    def number(self, digits=40, scale=30, odd=True):
        """The text of a decimal number."""
        if odd and self.rng.random() < 0.03:
            return "NaN"
        whole = self.rng.randint(0, 10 ** self.rng.randint(1, digits))
        fraction = "".join(self.rng.choice("0123456789") for _ in range(self.rng.randint(0, scale)))
        edge = self.one("0", "-0.000", "9007199254740992", "9007199254740993", "9007199254740992.0", "9007199254740992.1", "1.50")
        made = ("-" if self.rng.random() < 0.3 else "") + str(whole) + ("." + fraction if fraction else "")
        return edge if digits >= 17 and self.rng.random() < 0.2 else made

    def real(self, odd=True):
        edges = [0.0, -0.0, 0.1, 1e15, 1e16, 1e300, 5e-324, -2.5, 1 / 3, 123456789.125]
        if odd and self.rng.random() < 0.05:
            return self.one("NaN", "Infinity", "-Infinity")
        return repr(self.one(self.rng.choice(edges), self.rng.uniform(-1e6, 1e6)))

    def day(self, odd=True):
        if odd and self.rng.random() < 0.1:
            return self.one("infinity", "-infinity", "0044-03-15 BC", "12026-03-01", "10000-01-01")
        return self.one("0001-01-01", "9999-12-31", "2024-02-29", "1969-12-31", "%04d-%02d-%02d" % (self.rng.randint(1, 9999), self.rng.randint(1, 12), self.rng.randint(1, 28)))

    def clock(self):
        return "%02d:%02d:%02d%s" % (self.rng.randint(0, 23), self.rng.randint(0, 59), self.rng.randint(0, 59), self.one("", ".5", ".000001", ".123456", ".25"))

    def zone(self):
        return self.one("+00", "-03:30", "+05:45", "+13", "-11")

    def moment(self, zone=False, odd=True):
        day = self.day(odd)
        if "infinity" in day:
            return day
        day, _, bc = day.partition(" ")
        return day + " " + self.clock() + (self.zone() if zone else "") + (" BC" if bc else "")

    def value(self, depth=3, halves=True):
        """The text of a JSON value, as a program that knows no better would write it."""
        kind = self.rng.randint(0, 7 if depth else 4)
        if kind == 0:
            return self.one("null", "true", "false")
        if kind in (1, 2):
            return self.one(self.number(odd=False), str(self.whole(64)), "1e5", "-2.5E-3", "1.50")
        if kind in (3, 4):
            text = json.dumps(self.text(), ensure_ascii=self.rng.random() < 0.5).replace("\\u0000", "")
            if halves and self.rng.random() < 0.1:
                text = text[:-1] + self.one("\\ud83d", "\\udc00x", "\\ud83d\\ude00") + '"'
            return text
        blank = self.one("", "", " ", "\n ")
        if kind == 5:
            return "[" + blank + ("," + blank).join(self.value(depth - 1, halves) for _ in range(self.rng.randint(0, 4))) + blank + "]"
        names = self.rng.sample(["a", "b", "Grüße", "a b", "", "x.y"], self.rng.randint(0, 4))
        return "{" + ("," + blank).join(json.dumps(n) + blank + ":" + blank + self.value(depth - 1, halves) for n in names) + "}"

    def array(self, element, nested=False):
        """An array literal of PostgreSQL; `element` makes a text, or None for NULL."""
        def quoted(text):
            return "NULL" if text is None else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

        def flat(length):
            return "{" + ",".join(quoted(None if self.rng.random() < 0.15 else element()) for _ in range(length)) + "}"
        length = self.rng.randint(0, 4)
        if nested and length:
            return "{" + ",".join(flat(length) for _ in range(self.rng.randint(1, 3))) + "}"
        bounds = "[0:%d]=" % (length - 1) if length and self.rng.random() < 0.1 else ""
        return bounds + flat(length)

    def hstore(self):
        def quoted(text):
            return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        keys = self.rng.sample(WORDS[:12], self.rng.randint(0, 4))
        return ", ".join(quoted(k) + "=>" + self.one("NULL", quoted(self.text())) for k in keys)

    def unix(self):
        """A number of Unix time of today's order, in one of four units, or one that is none."""
        seconds = self.rng.randint(1_000_000_000, 4_000_000_000)
        unit = self.one(1, 1000, 10 ** 6, 10 ** 9)
        return self.one(str(seconds * unit), str(seconds * unit), "0", str(-seconds), "%d.25" % seconds, str(10 ** 20))

    def identifier(self, row):
        plain = "u%d" % row
        return self.one(plain, plain, " %s " % plain, plain + self.rng.choice(UNSEEN), self.rng.choice(UNSEEN) + plain, "u\u00a0%d" % row, "👩\u200d🚀%d" % row, self.one("NULL", "undefined", "None", "nAn"))

    def hexadecimal(self):
        return bytes(self.rng.randint(0, 255) for _ in range(self.rng.randint(0, 12))).hex()
