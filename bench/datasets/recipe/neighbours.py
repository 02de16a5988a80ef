# SPDX-License-Identifier: Apache-2.0
"""Exact nearest rows, computed in f64 over everything.

Ties are broken by the row number. A distance comes from one matrix product, so two rows that are
equal in exact arithmetic may differ in the last bit of f64; for pixels, whose products are whole
numbers, it is exact.
"""

import numpy as np

from . import files

NEIGHBOUR_COUNT = 100
_QUERIES_AT_ONCE = 100


def top_rows(distances, count):
    """Returns the positions of the `count` smallest values, ordered by (value, position)."""
    if count < len(distances):
        limit = np.partition(distances, count - 1)[count - 1]
        candidates = np.flatnonzero(distances <= limit)
    else:
        candidates = np.arange(len(distances))
    order = np.lexsort((candidates, distances[candidates]))
    return candidates[order[:count]]


def exact(base, queries, metric, count=NEIGHBOUR_COUNT):
    """Returns int32 [len(queries), count]: the rows nearest under "cosine" or "l2", best first."""
    base = np.asarray(base, np.float64)
    queries = np.asarray(queries, np.float64)
    if metric == "cosine":
        base = base / np.linalg.norm(base, axis=1, keepdims=True)
        queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
        offsets = np.zeros(len(base))
    elif metric == "l2":
        # The query's own norm is the same for all rows and cannot change their order.
        offsets = np.einsum("ij,ij->i", base, base) / 2
    else:
        raise ValueError(f"metric {metric}: expected cosine or l2")
    result = np.empty((len(queries), min(count, len(base))), np.int32)
    progress = files.Progress("neighbours", len(queries), "queries")
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        part = offsets - queries[start : start + _QUERIES_AT_ONCE] @ base.T
        for number, distances in enumerate(part):
            result[start + number] = top_rows(distances, result.shape[1])
        progress.update(start + len(part))
    progress.finish()
    return result
