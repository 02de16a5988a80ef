# SPDX-License-Identifier: Apache-2.0
"""WordNet as a source: one row per synset, its words and its definition.

The file format is the one of the manual page wndb(5WN). Usage examples are never part of a row;
those that are questions serve as held-out queries.
"""

import re

from .text_rules import clip, squeeze

POS_FILES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
_POS_NAMES = {"n": "noun", "v": "verb", "a": "adjective", "s": "adjective", "r": "adverb"}
# Numbered as in the manual page lexnames(5WN).
LEXNAMES = (
    "adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute "
    "noun.body noun.cognition noun.communication noun.event noun.feeling noun.food noun.group "
    "noun.location noun.motive noun.object noun.person noun.phenomenon noun.plant "
    "noun.possession noun.process noun.quantity noun.relation noun.shape noun.state "
    "noun.substance noun.time verb.body verb.change verb.cognition verb.communication "
    "verb.competition verb.consumption verb.contact verb.creation verb.emotion verb.motion "
    "verb.perception verb.possession verb.social verb.stative verb.weather adj.ppl"
).split()
# Relations whose target says what kind of thing a synset is or where it is used:
# hypernym, instance hypernym, and the domains topic, region and usage.
_TAG_POINTERS = {"@", "@i", ";c", ";r", ";u"}
_LIFESPAN = re.compile(r"\(born (?:in )?(\d{4})\)|\((\d{4})-\d{4}\)")


def parse_synset(line):
    """Returns a data line as a dictionary, or None for a line of the licence heading."""
    if line.startswith(" ") or not line.strip():
        return None
    data, _, gloss = line.partition(" | ")
    fields = data.split()
    word_count = int(fields[3], 16)
    words = [
        re.sub(r"\((?:a|p|ip)\)$", "", word).replace("_", " ")
        for word in fields[4 : 4 + 2 * word_count : 2]
    ]
    rest = 4 + 2 * word_count
    pointer_count = int(fields[rest])
    pointers = [
        tuple(fields[start : start + 3])
        for start in range(rest + 1, rest + 1 + 4 * pointer_count, 4)
    ]
    definition, examples = split_gloss(gloss)
    return {
        "offset": fields[0],
        "lexname": LEXNAMES[int(fields[1])],
        "pos": fields[2],
        "words": words,
        "pointers": pointers,
        "definition": definition,
        "examples": examples,
    }


def split_gloss(gloss):
    """Separates the definition from the quoted usage examples after it."""
    gloss = squeeze(gloss)
    match = re.search(r'(?:^|[;:,] ?)"', gloss)
    if match is None:
        return gloss, []
    examples = re.findall(r'"([^"]+)"', gloss[match.start() :])
    return gloss[: match.start()].rstrip("; "), [squeeze(example) for example in examples]


def birth_year(definition):
    """Returns the first year of a span such as (1770-1827) or (born in 1950), or None."""
    match = _LIFESPAN.search(definition)
    return int(match.group(1) or match.group(2)) if match else None


def synset_key(offset, pos):
    """Names a synset; satellites share the file of the adjectives."""
    return f"{offset}-{'a' if pos == 's' else pos}"


def read_synsets(folder):
    """Returns the synsets of a WordNet folder in file order."""
    synsets = []
    for name in POS_FILES.values():
        with open(folder / f"data.{name}", encoding="utf-8", errors="replace") as file:
            synsets += [synset for synset in map(parse_synset, file) if synset]
    return synsets


def synset_rows(synsets):
    """Yields one row {"id", "payload"} per synset that has a definition."""
    first_words = {synset_key(s["offset"], s["pos"]): s["words"][0] for s in synsets}
    for synset in synsets:
        if not synset["definition"]:
            continue
        tags = [
            first_words[synset_key(offset, pos)]
            for kind, offset, pos in synset["pointers"]
            if kind in _TAG_POINTERS and synset_key(offset, pos) in first_words
        ]
        payload = {
            "source": "wordnet",
            "section": synset["lexname"],
            "pos": _POS_NAMES[synset["pos"]],
            "title": synset["words"][0],
            "text": clip(f"{', '.join(synset['words'])}: {synset['definition']}"),
            "tags": list(dict.fromkeys(tags)),
            "relations": len(synset["pointers"]),
        }
        if (year := birth_year(synset["definition"])) is not None:
            payload["year"] = year
        yield {"id": f"wn:{synset_key(synset['offset'], synset['pos'])}", "payload": payload}
