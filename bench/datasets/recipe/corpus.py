# SPDX-License-Identifier: Apache-2.0
"""The rows of the text data set: what is taken from which source, and in which order.

Invariants:
1. No two rows have the same id, or texts that differ only in case, blanks or punctuation.
2. Rows are in the order of the SHA-256 of their ids, so any prefix is a fair sample of the whole
   and no source, section or letter is clustered.
3. No row contains a question that is a held-out query.
"""

import collections
import hashlib

from . import debian, files, manual, questions, wordnet
from .text_rules import TEXT_CHARACTERS_MIN, is_coarse, same_text_key

ROWS_MAX = 180_000
MANUAL_PACKAGES = (
    "manpages", "manpages-dev", "coreutils", "util-linux", "bash", "openssh-client", "tar",
    "findutils", "grep", "sed", "procps", "apt", "git-man",
)  # fmt: skip
SOURCE_LICENCES = {
    "wordnet": "WordNet 3.0 licence (Princeton University), see the package wordnet-base",
    "debian": "each description under the licence of its package's Debian files",
    "man": "each page under the licence in its package's copyright file",
    "faq": "each document under the licence in its package's copyright file",
}


def row_order(row):
    return hashlib.sha256(row["id"].encode("utf-8")).digest()


def distinct(rows):
    """Drops rows that are too short or repeat an earlier row's text, and orders the rest."""
    seen, kept = set(), []
    for row in sorted(rows, key=row_order):
        text = row["payload"]["text"]
        key = same_text_key(text)
        if len(text) < TEXT_CHARACTERS_MIN or key in seen:
            continue
        seen.add(key)
        payload = row["payload"]
        payload["length"] = len(text)
        kept.append(row)
    return kept


def count_by_source(rows):
    return dict(sorted(collections.Counter(row["payload"]["source"] for row in rows).items()))


def count_queries(queries):
    return dict(sorted(collections.Counter(query["source"] for query in queries).items()))


def manual_rows(unpacked):
    """Returns the passages of all manual pages; a page in two packages counts once."""
    mandoc = str(unpacked["mandoc"][0] / "usr/bin/mandoc")
    jobs = {}
    for package in MANUAL_PACKAGES:
        root, version = unpacked[package]
        for name, path in manual.page_files(root).items():
            jobs.setdefault(name, (package, version, path))
    progress = files.Progress("manual pages", len(jobs), "pages")
    rows = []
    for number, (name, (package, version, path)) in enumerate(jobs.items()):
        rows += manual.page_rows(package, version, name, manual.render(mandoc, path))
        progress.update(number + 1)
    progress.finish()
    return rows


def build(archive):
    """Returns (rows, queries, package versions) from the packages of `archive`."""
    names = ["wordnet-base", "mandoc", *MANUAL_PACKAGES, *questions.FAQ_PACKAGES]
    unpacked = archive.unpack(names)
    synsets = wordnet.read_synsets(unpacked["wordnet-base"][0] / "usr/share/wordnet")
    translations = archive.translations()
    stanzas = archive.packages()
    rows = list(wordnet.synset_rows(synsets))
    rows += debian.package_rows(stanzas, translations)
    rows += manual_rows(unpacked)
    rows = distinct(rows)

    asked = []
    for package in questions.FAQ_PACKAGES:
        found = questions.faq_questions(unpacked[package][0])
        asked += [("faq", f"faq:{package}", question) for question in found]
    for row in rows:
        if row["payload"]["source"] != "wordnet":
            source = row["payload"]["source"]
            found = questions.questions_in_prose(row["payload"]["text"])
            asked += [(source, row["id"], question) for question in found]
    for synset in synsets:
        name = f"wn:{wordnet.synset_key(synset['offset'], synset['pos'])}"
        for example in synset["examples"]:
            question = questions.as_question(example)
            if question is not None and not is_coarse(question):
                asked.append(("wordnet", name, question))
    queries = questions.collect(asked, {same_text_key(row["payload"]["text"]) for row in rows})
    rows = list(without_questions(rows, queries))[:ROWS_MAX]
    return rows, queries, {name: unpacked[name][1] for name in unpacked}


def without_questions(rows, queries):
    """Drops rows that contain one of the queries word for word."""
    keys = {same_text_key(query["question"]) for query in queries}
    # A query can only occur in a text that asks something.
    for row in rows:
        text = row["payload"]["text"]
        if "?" in text:
            own = same_text_key(text)
            if any(f" {key} " in f" {own} " for key in keys):
                continue
        yield row
