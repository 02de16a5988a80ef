# SPDX-License-Identifier: Apache-2.0
"""Files of a data set: written whole or not at all, checksummed, described by a manifest.

Invariants:
1. A name in an output folder is either absent or complete: every writer fills a neighbour whose
   name ends in `.partial` and renames it.
2. `manifest.json` is written last and names every other file with its size and SHA-256, so a
   folder with a manifest is a finished data set.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import sys
import time

MANIFEST_NAME = "manifest.json"
_READ_BYTES = 1 << 20


class RecipeError(Exception):
    """A failure to report as one line; `exit_code` follows sysexits."""

    def __init__(self, message, exit_code=70):
        super().__init__(message)
        self.exit_code = exit_code


class Progress:
    """Prints how far a long step is: a line that renews itself on a terminal, else one per 15 s.

    Nothing is printed for a step that ends within two seconds.
    """

    def __init__(self, title, total, unit, stream=sys.stderr):
        self._title, self._total, self._unit, self._stream = title, total, unit, stream
        self._terminal = stream.isatty()
        self._started = time.monotonic()
        self._printed = self._started + 2 - self._interval()
        self._any = False

    def _interval(self):
        return 0.5 if self._terminal else 15.0

    def update(self, done, note=""):
        now = time.monotonic()
        if now - self._printed < self._interval():
            return
        self._printed = now
        self._any = True
        elapsed = now - self._started
        left = elapsed * (self._total - done) / done if done else 0
        line = f"{self._title}: {done:,}/{self._total:,} {self._unit}, {left:.0f} s left{note}"
        self._stream.write(f"\r\033[K{line}" if self._terminal else f"{line}\n")
        self._stream.flush()

    def finish(self):
        elapsed = time.monotonic() - self._started
        if self._any:
            start = "\r\033[K" if self._terminal else ""
            self._stream.write(
                f"{start}{self._title}: {self._total:,} {self._unit} in {elapsed:.0f} s\n"
            )
            self._stream.flush()


@contextlib.contextmanager
def replacing(path):
    """Yields a temporary path that becomes `path` if the block ends without an exception."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path, text):
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path, value):
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_jsonl(path, rows):
    with replacing(path) as partial, open(partial, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def read_jsonl(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def write_npy(path, array):
    import numpy as np

    with replacing(path) as partial, open(partial, "wb") as file:
        np.save(file, np.ascontiguousarray(array))


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def write_manifest(folder, names, facts):
    """Writes the manifest of `folder` for the files `names`, with `facts` ahead of the sums."""
    folder = pathlib.Path(folder)
    files = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": sha256_of(folder / name)}
        for name in names
    }
    write_json(folder / MANIFEST_NAME, {**facts, "files": files})


def read_manifest(folder):
    """Returns the manifest of a finished folder, or None."""
    try:
        return json.loads((pathlib.Path(folder) / MANIFEST_NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise RecipeError(f"{folder}/{MANIFEST_NAME} is not JSON: {error}", 65) from error


def verify(folder):
    """Returns the faults of a folder against its manifest, one line each; none if it is whole."""
    folder = pathlib.Path(folder)
    manifest = read_manifest(folder)
    if manifest is None:
        raise RecipeError(f"{folder} has no {MANIFEST_NAME}: make the data set first", 66)
    faults = []
    for name, expected in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            faults.append(f"{path}: missing")
        elif path.stat().st_size != expected["bytes"]:
            faults.append(f"{path}: {path.stat().st_size} bytes instead of {expected['bytes']}")
        elif (found := sha256_of(path)) != expected["sha256"]:
            faults.append(f"{path}: SHA-256 {found} instead of {expected['sha256']}")
    return faults
