# SPDX-License-Identifier: Apache-2.0
"""Embeds a long list of texts on all cores; no text is embedded twice.

Every worker is a process with a single-threaded network of its own: two of them beat one network
with two threads, most of all on a machine that has other work. A run takes over the vectors of
equal texts from an interrupted run and from an earlier finished data set.

Invariants:
1. `label` names the model and the limit that all vectors in the folder were made with; a folder
   with another label is not used.
2. `done.npy` marks a row only after its vector has been flushed to `vectors.npy`.
3. `keys.npy` holds the digest of each row's text, so a vector is never taken for another text.
4. `run.json` adds up the time and tokens spent in this folder.
"""

import hashlib
import json
import multiprocessing
import os
import pathlib
import time

import numpy as np

from . import encoder, files

FLUSH_SECONDS = 20
_KEY_BYTES = 16
_worker_encoder = None


def text_keys(texts):
    """Returns one digest per text as an array of 16-byte values."""
    digests = (hashlib.sha256(text.encode("utf-8")).digest()[:_KEY_BYTES] for text in texts)
    return np.frombuffer(b"".join(digests), f"V{_KEY_BYTES}")


def label_of(token_count_max):
    """Names everything but the text that a vector depends on, except the processor."""
    return json.dumps([encoder.MODEL_SHA256, token_count_max])


class State:
    """Vectors and which of them are done, kept in a folder; see the invariants above."""

    def __init__(self, folder, texts, label, earlier=None):
        """Opens the state of `texts`. `earlier` is (texts, vectors) of a finished data set that
        was made with the same label, or None."""
        self._folder = pathlib.Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        keys = text_keys(texts)
        known = {}
        if earlier is not None:
            known = {key.tobytes(): earlier[1][n] for n, key in enumerate(text_keys(earlier[0]))}
        self.run = {"seconds": 0.0, "tokens": 0, "texts_taken_over": 0}
        try:
            if (self._folder / "label").read_text(encoding="utf-8") == label:
                old = np.load(self._folder / "keys.npy")
                self.vectors = np.load(self._folder / "vectors.npy", mmap_mode="r+")
                self.done = np.load(self._folder / "done.npy")
                self.run = json.loads((self._folder / "run.json").read_text(encoding="utf-8"))
                if np.array_equal(old, keys):
                    return
                kept = np.array(self.vectors)
                known |= {old[n].tobytes(): kept[n] for n in np.flatnonzero(self.done)}
        except (EOFError, FileNotFoundError, ValueError):
            pass  # an unfinished start: begin again
        self._create(keys, known)
        files.write_text(self._folder / "label", label)

    def _create(self, keys, known):
        (self._folder / "label").unlink(missing_ok=True)
        self.vectors = np.lib.format.open_memmap(
            self._folder / "vectors.npy", "w+", np.float32, (len(keys), encoder.DIMENSIONS)
        )
        self.done = np.zeros(len(keys), bool)
        for row, key in enumerate(keys):
            if (vector := known.get(key.tobytes())) is not None:
                self.vectors[row] = vector
                self.done[row] = True
        self.run["texts_taken_over"] = int(self.done.sum())
        files.write_npy(self._folder / "keys.npy", keys)
        self.mark([], 0, 0)

    def mark(self, rows, seconds, tokens):
        """Makes the vectors of `rows` count as done, durably."""
        self.vectors.flush()
        self.done[rows] = True
        files.write_npy(self._folder / "done.npy", self.done)
        self.run["seconds"] = round(self.run["seconds"] + seconds, 1)
        self.run["tokens"] += tokens
        files.write_json(self._folder / "run.json", self.run)


def _start_worker(token_count_max):
    global _worker_encoder
    _worker_encoder = encoder.Encoder(token_count_max, thread_count=1)


def _embed_batch(job):
    rows, tokens = job
    return rows, _worker_encoder.embed_tokens(tokens)


def embed(texts, state, token_count_max, worker_count=None):
    """Returns (vectors [n, D] f32, facts about the runs) after embedding what is not done."""
    tokens = encoder.Encoder(token_count_max, thread_count=1).tokenize(texts)
    todo = np.flatnonzero(~state.done)
    batches = encoder.equal_length_batches([len(tokens[row]) for row in todo])
    jobs = [(rows, [tokens[row] for row in rows]) for rows in (todo[batch] for batch in batches)]
    token_count = sum(len(tokens[row]) for row in todo)
    progress = files.Progress("embedding", token_count, "tokens")
    embedded = unmarked = 0
    marked, waiting = time.monotonic(), []
    worker_count = worker_count or os.cpu_count() or 1
    if jobs:
        context = multiprocessing.get_context("spawn")
        with context.Pool(worker_count, _start_worker, (token_count_max,)) as pool:
            for rows, part in pool.imap_unordered(_embed_batch, jobs):
                state.vectors[rows] = part
                waiting.extend(rows)
                batch_tokens = sum(len(tokens[row]) for row in rows)
                embedded += batch_tokens
                unmarked += batch_tokens
                progress.update(embedded)
                seconds = time.monotonic() - marked
                if seconds > FLUSH_SECONDS or embedded == token_count:
                    state.mark(waiting, seconds, unmarked)
                    marked, waiting, unmarked = time.monotonic(), [], 0
        progress.finish()
    facts = {
        **state.run,
        "workers": worker_count,
        "texts_cut": sum(len(row) >= token_count_max for row in tokens),
    }
    return np.asarray(state.vectors), facts
