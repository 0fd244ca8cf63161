from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.embedding.encoder import MAX_TOKENS, MiniLm, batches
from integrations.errors import Permanent

TEXTS = [
    "Login fails with a timeout when the session has expired",
    "",
    "Invoice PDF shows the wrong currency symbol 💶",
    "word " * 400,
    "ok",
    "Users cannot sign in after their session times out",
    "Größenänderung der Tabelle\n\n* Punkt eins\n* Punkt zwei",
]


def likeness(encoder: MiniLm, one: str, other: str) -> float:
    first, second = encoder.encode([one, other])
    return float(np.dot(first, second))


def test_every_text_gets_a_vector_of_length_one(encoder: MiniLm) -> None:
    vectors = np.array(encoder.encode(TEXTS))

    assert vectors.shape == (len(TEXTS), encoder.dimensions)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)


def test_no_texts_give_no_vectors(encoder: MiniLm) -> None:
    assert encoder.encode([]) == []


@pytest.mark.parametrize(
    ("one", "like", "unlike"),
    [
        (TEXTS[0], TEXTS[5], TEXTS[2]),
        ("Add dark mode to the settings page", "Support a dark colour theme", "Upgrade the database driver"),
        ("The build server ran out of disk space", "CI agents have no storage left", "Translate emails to French"),
    ],
)
def test_texts_that_mean_the_same_are_nearer(encoder: MiniLm, one: str, like: str, unlike: str) -> None:
    assert likeness(encoder, one, like) > likeness(encoder, one, unlike) + 0.2


def test_a_text_has_the_same_vector_in_any_company(encoder: MiniLm) -> None:
    together = np.array(encoder.encode(TEXTS))
    alone = np.array([encoder.encode([text])[0] for text in TEXTS])
    reversed_wide = np.array(MiniLm(threads=1, batch_tokens=4096).encode(TEXTS[::-1])[::-1])

    assert np.abs(together - alone).max() < 1e-6
    assert np.abs(together - reversed_wide).max() < 1e-6


def test_threads_get_the_same_vectors(encoder: MiniLm) -> None:
    expected = encoder.encode(TEXTS)

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda _: encoder.encode(TEXTS), range(3)))

    assert np.abs(np.array(results) - np.array(expected)).max() < 1e-6


def test_what_is_beyond_the_first_256_tokens_does_not_count(encoder: MiniLm) -> None:
    # The model's own two marks at start and end are among the 256.
    text = "word " * (MAX_TOKENS - 2)
    longer, shorter = likeness(encoder, text, text + "banana"), likeness(encoder, text, text[:-5] + "banana")

    assert longer == pytest.approx(1, abs=1e-6)
    assert shorter < 0.9999


@pytest.mark.parametrize("text", ["\x00", "half \ud83d of an emoji", "\u200b", "a" * 50_000, "[MASK] [SEP]"])
def test_odd_texts_get_a_vector_too(encoder: MiniLm, text: str) -> None:
    assert np.linalg.norm(encoder.encode([text])[0]) == pytest.approx(1, abs=1e-5)


def test_a_file_that_is_not_the_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"another model")

    with pytest.raises(Permanent, match=r"model\.onnx is not the expected embedding model"):
        MiniLm(model_file=file)


def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"gone\.onnx"):
        MiniLm(model_file=tmp_path / "gone.onnx")


@given(st.lists(st.integers(2, 256), max_size=60), st.integers(1, 2000))
def test_batches_hold_each_text_once_within_the_budget_by_length(lengths: list[int], budget: int) -> None:
    groups = list(batches(lengths, budget))

    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    assert all(len(group) == 1 or len(group) * max(lengths[i] for i in group) <= budget for group in groups)
    flat = [lengths[index] for group in groups for index in group]
    assert all(before <= after for before, after in pairwise(flat))
