# SPDX-License-Identifier: Apache-2.0
"""Filters worth measuring on the text data set, from one row in three to none at all.

`matches` evaluates the few kinds of conditions they use, straight from their definition, so that
the counts in `filters.json` come from code that shares nothing with the engine.
"""


def _is(key, value):
    return {"key": key, "match": {"value": value}}


def _any(key, *values):
    return {"key": key, "match": {"any": list(values)}}


def _range(key, **bounds):
    return {"key": key, "range": bounds}


FILTERS = {
    "definitions": {"must": [_is("source", "wordnet")]},
    "nouns": {"must": [_is("pos", "noun")]},
    "packages": {"must": [_is("source", "debian")]},
    "short texts": {"must": [_range("length", lt=50)]},
    "programs": {"must": [_is("tags", "role::program")]},
    "no tags": {"must": [{"is_empty": {"key": "tags"}}]},
    "small tools": {
        "must": [_range("installed_kib", lt=500), _any("section", "utils", "admin", "net")]
    },
    "big packages": {"must": [_range("installed_kib", gte=102400)]},
    "food": {"must": [_is("section", "noun.food")]},
    "eighteenth century": {"must": [_is("source", "wordnet"), _range("year", gte=1700, lt=1800)]},
    "games or sound, not for X": {
        "should": [_is("section", "games"), _is("section", "sound")],
        "must_not": [_is("tags", "interface::x11")],
    },
    "system calls": {"must": [_is("source", "man"), _is("section", "2")]},
    "reads pdf": {"must": [_is("tags", "works-with-format::pdf")]},
    "chess": {"must": [_is("tags", "game::board:chess")]},
    "nothing": {"must": [_is("section", "noun.food"), _is("source", "debian")]},
}


def matches(condition, payload):
    """True if the payload satisfies a filter or a condition of the kinds used above."""
    if "key" not in condition and "is_empty" not in condition:
        must = condition.get("must", ())
        should = condition.get("should", ())
        must_not = condition.get("must_not", ())
        return (
            all(matches(part, payload) for part in must)
            and (not should or any(matches(part, payload) for part in should))
            and not any(matches(part, payload) for part in must_not)
        )
    key = condition["is_empty"]["key"] if "is_empty" in condition else condition["key"]
    value = payload.get(key)
    elements = value if isinstance(value, list) else [] if value is None else [value]
    if "is_empty" in condition:
        return not elements
    return any(_element_matches(condition, element) for element in elements)


def _element_matches(condition, element):
    if "range" in condition:
        tests = {
            "lt": lambda bound: element < bound,
            "lte": lambda bound: element <= bound,
            "gt": lambda bound: element > bound,
            "gte": lambda bound: element >= bound,
        }
        numeric = isinstance(element, (int, float)) and not isinstance(element, bool)
        return numeric and all(tests[name](bound) for name, bound in condition["range"].items())
    match = condition["match"]
    return element == match["value"] if "value" in match else element in match["any"]


def measured(rows):
    """Returns the list that `filters.json` holds: name, filter, matching rows and their share."""
    entries = []
    for name, condition in FILTERS.items():
        matching = sum(matches(condition, row["payload"]) for row in rows)
        entries.append(
            {
                "name": name,
                "filter": condition,
                "matching": matching,
                "selectivity": round(matching / len(rows), 6),
            }
        )
    return entries
