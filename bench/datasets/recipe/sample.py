# SPDX-License-Identifier: Apache-2.0
"""The committed sample: 5,000 rows of the text data set as f16, and 20 questions a person asks.

Rows are WordNet definitions and Debian package descriptions only. Which rows are taken depends on
their ids, not on chance; the rows that answer the questions are always among them.
"""

import pathlib
import shutil

from . import RECIPE_VERSION, corpus, files
from .sample_questions import QUESTIONS
from .text_rules import is_coarse

ROWS_WORDNET = 3000
ROWS_DEBIAN = 2000
TOKEN_COUNT_MAX = 96
PAYLOAD_BYTES_MAX = 2_500_000
NAMES = ("vectors.npy", "payload.jsonl", "questions.npy", "questions.jsonl", "WORDNET-LICENCE")


def choose(rows, expected):
    """Returns the sample's rows in the order of the data set: the expected ones, then the first of
    each source; of Debian's packages those with debtags, which make better filters."""
    wanted = {"wordnet": ROWS_WORDNET, "debian": ROWS_DEBIAN}
    chosen = set()
    by_id = {row["id"]: row for row in rows}
    if missing := sorted(set(expected) - by_id.keys()):
        raise files.RecipeError(f"rows that answer a question are not in the data set: {missing}")
    for row_id in expected:
        if row_id not in chosen:
            chosen.add(row_id)
            wanted[by_id[row_id]["payload"]["source"]] -= 1
    for row in rows:
        payload = row["payload"]
        source = payload["source"]
        plain = source == "wordnet" or payload["tags"]
        coarse = is_coarse(payload["text"] + " " + " ".join(payload["tags"]))
        if wanted.get(source, 0) > 0 and plain and not coarse and row["id"] not in chosen:
            chosen.add(row["id"])
            wanted[source] -= 1
    return [row for row in rows if row["id"] in chosen]


def make(archive, folder):
    """Writes the sample into `folder`; returns one line that says what it is."""
    import numpy as np

    from . import encoder

    questions = [
        {"id": name, "question": question, "expected": expected}
        for name, question, expected in QUESTIONS
    ]
    all_rows, _, versions = corpus.build(archive)
    rows = choose(all_rows, [row_id for q in questions for row_id in q["expected"]])
    texts = [row["payload"]["text"] for row in rows]
    network = encoder.Encoder(TOKEN_COUNT_MAX)
    vectors = network.embed(texts, title="sample")
    asked = network.embed([question["question"] for question in questions])

    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / files.MANIFEST_NAME).unlink(missing_ok=True)
    files.write_npy(folder / "vectors.npy", vectors.astype(np.float16))
    files.write_jsonl(folder / "payload.jsonl", rows)
    files.write_npy(folder / "questions.npy", asked)
    files.write_jsonl(folder / "questions.jsonl", questions)
    licence = archive.unpack(["wordnet-base"])["wordnet-base"][0]
    with files.replacing(folder / "WORDNET-LICENCE") as partial:
        shutil.copyfile(licence / "usr/share/doc/wordnet-base/copyright", partial)
    payload_bytes = (folder / "payload.jsonl").stat().st_size
    if payload_bytes > PAYLOAD_BYTES_MAX:
        raise files.RecipeError(f"payload.jsonl has {payload_bytes} bytes: too large to commit")
    facts = {
        "name": "sample",
        "recipe_version": RECIPE_VERSION,
        "rows": len(rows),
        "rows_by_source": corpus.count_by_source(rows),
        "dimensions": encoder.DIMENSIONS,
        "dtype": "float16",
        "metric": "cosine",
        "questions": len(questions),
        "expected_in_top_10": answered(vectors, asked, rows, questions),
        "model": encoder.facts(TOKEN_COUNT_MAX),
        "licences": {key: corpus.SOURCE_LICENCES[key] for key in ("wordnet", "debian")},
        "packages": {"wordnet-base": versions["wordnet-base"]},
    }
    files.write_manifest(folder, NAMES, facts)
    answers = f"{facts['expected_in_top_10']} of {len(questions)} questions answered"
    return f"{len(rows):,} texts, {answers}"


def answered(vectors, asked, rows, questions):
    """Counts the questions of which an expected row is among the ten nearest."""
    nearest = (-(asked @ vectors.T)).argsort(axis=1, kind="stable")[:, :10]
    return sum(
        any(rows[row]["id"] in question["expected"] for row in nearest[number])
        for number, question in enumerate(questions)
    )
