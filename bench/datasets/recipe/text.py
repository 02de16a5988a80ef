# SPDX-License-Identifier: Apache-2.0
"""The text data set: rows, vectors, held-out questions, exact neighbours and filters."""

import pathlib
import shutil

import numpy as np

from . import RECIPE_VERSION, corpus, embedding, encoder, files, filters, neighbours

TOKEN_COUNT_MAX = 96
ROWS_MIN = 150_000
QUERIES_MIN = 1_000
NAMES = (
    "base.npy", "payload.jsonl", "queries.npy", "queries.jsonl", "neighbours.npy", "filters.json",
)  # fmt: skip
# Rows embedded a second time, by another batch split, to see that the first time was right.
CHECKED_ROWS = 128
CHECK_TOLERANCE = 1e-4


def make(archive, folder, work, worker_count=None):
    """Writes the data set into `folder`; returns one line that says what it is."""
    folder = pathlib.Path(folder)
    rows, queries, versions = corpus.build(archive)
    if len(rows) < ROWS_MIN or len(queries) < QUERIES_MIN:
        raise files.RecipeError(
            f"{len(rows):,} texts and {len(queries):,} questions found, expected at least "
            f"{ROWS_MIN:,} and {QUERIES_MIN:,}: are the package lists complete? Try --refresh",
            69,
        )
    texts = [row["payload"]["text"] for row in rows]
    label = embedding.label_of(TOKEN_COUNT_MAX)
    state = embedding.State(work, texts, label, _finished(folder))
    base, run = embedding.embed(texts, state, TOKEN_COUNT_MAX, worker_count)
    network = encoder.Encoder(TOKEN_COUNT_MAX)
    _check(base, texts, network)
    asked = network.embed([query["question"] for query in queries], title="questions")

    folder.mkdir(parents=True, exist_ok=True)
    (folder / files.MANIFEST_NAME).unlink(missing_ok=True)
    files.write_npy(folder / "base.npy", base)
    files.write_jsonl(folder / "payload.jsonl", rows)
    files.write_npy(folder / "queries.npy", asked)
    files.write_jsonl(folder / "queries.jsonl", queries)
    files.write_npy(folder / "neighbours.npy", neighbours.exact(base, asked, "cosine"))
    files.write_json(folder / "filters.json", filters.measured(rows))
    facts = {
        "name": "text",
        "recipe_version": RECIPE_VERSION,
        "seed": "none: rows are ordered by the SHA-256 of their ids",
        "rows": len(rows),
        "rows_by_source": corpus.count_by_source(rows),
        "dimensions": encoder.DIMENSIONS,
        "dtype": "float32",
        "metric": "cosine",
        "queries": len(queries),
        "queries_by_source": corpus.count_queries(queries),
        "neighbours": neighbours.NEIGHBOUR_COUNT,
        "model": encoder.facts(TOKEN_COUNT_MAX),
        "licences": corpus.SOURCE_LICENCES,
        "packages": versions,
        "embedding_run": run,
    }
    files.write_manifest(folder, NAMES, facts)
    shutil.rmtree(work, ignore_errors=True)
    return f"{len(rows):,} texts, {len(queries):,} questions"


def _finished(folder):
    """Returns (texts, vectors) of the data set in `folder` if the same model made it, or None."""
    manifest = files.read_manifest(folder)
    if manifest is None or manifest["model"] != encoder.facts(TOKEN_COUNT_MAX):
        return None
    if files.verify(folder):
        return None
    rows = files.read_jsonl(folder / "payload.jsonl")
    return [row["payload"]["text"] for row in rows], np.load(folder / "base.npy", mmap_mode="r")


def _check(base, texts, network):
    """Raises RecipeError if a vector is not of length 1 or not the one its text has."""
    lengths = np.linalg.norm(base, axis=1)
    if not np.all(np.abs(lengths - 1) < CHECK_TOLERANCE):
        row = int(np.argmax(np.abs(lengths - 1)))
        raise files.RecipeError(f"vector {row} has length {lengths[row]}: make it again (--again)")
    rows = np.linspace(0, len(texts) - 1, CHECKED_ROWS).astype(int)
    again = network.embed([texts[row] for row in rows], title="check")
    error = np.abs(again - base[rows]).max()
    if error > CHECK_TOLERANCE:
        raise files.RecipeError(f"vectors differ by {error} when made a second time")
