# SPDX-License-Identifier: Apache-2.0
"""The pixels data set: Fashion-MNIST's images as vectors of 784 grey values under l2."""

import gzip
import pathlib
import struct

import numpy as np

from . import RECIPE_VERSION, files, neighbours

PACKAGE = "dataset-fashion-mnist"
LABELS = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
    "ankle boot",
)  # fmt: skip
NAMES = ("base.npy", "payload.jsonl", "queries.npy", "queries.jsonl", "neighbours.npy")
_UNSIGNED_BYTES = 0x08


def parse_idx(raw):
    """Returns the array of an IDX file: two zero bytes, type, rank, big-endian sizes, values."""
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] != _UNSIGNED_BYTES:
        raise ValueError("not an IDX file of bytes")
    rank = raw[3]
    if len(raw) < 4 + 4 * rank:
        raise ValueError("IDX header is cut short")
    shape = struct.unpack_from(f">{rank}I", raw, 4)
    body = raw[4 + 4 * rank :]
    if len(body) != np.prod(shape, dtype=np.int64):
        raise ValueError(f"IDX file holds {len(body)} values, its header says {shape}")
    return np.frombuffer(body, np.uint8).reshape(shape)


def image_rows(prefix, images, labels):
    """Returns one row {"id", "payload"} per image; `ink` counts the pixels that are not black."""
    rows = []
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        payload = {
            "label": int(label),
            "name": LABELS[label],
            "ink": int(np.count_nonzero(image)),
            "brightness": round(float(image.mean()), 2),
        }
        rows.append({"id": f"{prefix}:{number:05}", "payload": payload})
    return rows


def make(archive, folder):
    """Writes the data set into `folder`; returns one line that says what it is."""
    root, version = archive.unpack([PACKAGE])[PACKAGE]
    source = root / "usr/share/datasets/fashion-mnist"

    def load(name):
        with gzip.open(source / name) as file:
            return parse_idx(file.read())

    images = load("train-images-idx3-ubyte.gz").reshape(-1, 784)
    asked = load("t10k-images-idx3-ubyte.gz").reshape(-1, 784)
    rows = image_rows("train", images, load("train-labels-idx1-ubyte.gz"))
    queries = image_rows("test", asked, load("t10k-labels-idx1-ubyte.gz"))

    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / files.MANIFEST_NAME).unlink(missing_ok=True)
    files.write_npy(folder / "base.npy", images.astype(np.float32))
    files.write_jsonl(folder / "payload.jsonl", rows)
    files.write_npy(folder / "queries.npy", asked.astype(np.float32))
    files.write_jsonl(folder / "queries.jsonl", queries)
    files.write_npy(folder / "neighbours.npy", neighbours.exact(images, asked, "l2"))
    facts = {
        "name": "pixels",
        "recipe_version": RECIPE_VERSION,
        "rows": len(rows),
        "dimensions": images.shape[1],
        "dtype": "float32",
        "metric": "l2",
        "queries": len(queries),
        "neighbours": neighbours.NEIGHBOUR_COUNT,
        "licences": {PACKAGE: "MIT (Zalando SE), see the package's copyright file"},
        "packages": {PACKAGE: version},
    }
    files.write_manifest(folder, NAMES, facts)
    return f"{len(rows):,} images, {len(queries):,} queries"
