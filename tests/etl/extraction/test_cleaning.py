import codecs
import json
import math
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.extraction.cleaning import MOST_PATHS_LISTED, clean
from integrations.errors import Permanent

REPLACED = "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    "body",
    [
        b'{ "a" : 1,\n "b":[true, null ] }',
        '{"a": "Grüße, 世界 \N{ROCKET}"}'.encode(),
        rb'{"a": "tab \t, quote \", e-acute \u00e9"}',
        rb'{"a": 3.0, "b": 1e400, "c": 9223372036854775808, "d": -0.0, "e": 1E+2}',
        b"not JSON at all",
        b"",
    ],
)
def test_an_answer_without_suspects_stays_as_it_came_byte_for_byte(body: bytes) -> None:
    cleaned = clean(body)

    assert cleaned.text.encode() == body
    assert cleaned.replaced == ()


@pytest.mark.parametrize(
    "body",
    [
        rb'{"a": "C:\\u0000"}',
        rb'{"a": "C:\\\\u0000", "b": 3.0}',
        rb'{"a": "\\ud83d and \\udE00"}',
        rb'{"a":  "\ud83d\ude00", "n": 1e400}',
        rb'{"\uD83D\uDE00": "\\\ud83d\ude00"}',
    ],
)
def test_what_only_looks_refused_stays_as_it_came_byte_for_byte(body: bytes) -> None:
    cleaned = clean(body)

    assert cleaned.text.encode() == body
    assert cleaned.replaced == ()


@pytest.mark.parametrize(
    ("escaped", "expected"),
    [
        (rb"a\u0000b", f"a{REPLACED}b"),
        (rb"a\\\u0000b", f"a\\{REPLACED}b"),
        (rb"\ud83dx", f"{REPLACED}x"),
        (rb"\uDE00x", f"{REPLACED}x"),
        (rb"\ude00\ud83d", REPLACED * 2),
        (rb"\ud83d\ud83d\ude00", f"{REPLACED}\N{GRINNING FACE}"),
        (rb"\ud83d\ude00\ude00", f"\N{GRINNING FACE}{REPLACED}"),
        (rb"\ud83d\\ude00", f"{REPLACED}\\ude00"),
        (rb"\ud83d\u0041", f"{REPLACED}A"),
        (rb"\ud83d\n\u0000", f"{REPLACED}\n{REPLACED}"),
    ],
)
def test_only_the_refused_characters_of_a_text_are_replaced(escaped: bytes, expected: str) -> None:
    cleaned = clean(b'{"a": "' + escaped + b'"}')

    assert json.loads(cleaned.text) == {"a": expected}
    assert cleaned.replaced == ("$.a",)


def test_what_stands_beside_a_replaced_character_keeps_its_text() -> None:
    cleaned = clean(rb'{ "n": [3.0, 1e400, 9223372036854775808], "a": "\u0000", "b": "C:\\u0000 \ud83d\ude00" }')

    assert cleaned.text == (r'{ "n": [3.0, 1e400, 9223372036854775808], "a": "\ufffd", "b": "C:\\u0000 \ud83d\ude00" }')


def test_the_places_of_replaced_characters_are_listed_as_paths() -> None:
    cleaned = clean(rb'{"issues": [{"f": "ok"}, {"f": {"g": ["x", "\ud800"]}}], "z": "\u0000"}')

    assert cleaned.replaced == ("$.issues[1].f.g[1]", "$.z")


def test_keys_are_cleaned_and_listed_by_the_object_that_holds_them() -> None:
    cleaned = clean(rb'{"a\u0000": 1, "\udc00": {"b": "\u0000"}}')

    assert json.loads(cleaned.text) == {f"a{REPLACED}": 1, REPLACED: {"b": REPLACED}}
    assert cleaned.replaced == ("$ (a key)", "$ (a key)", "$.?.b")


def test_no_more_than_a_hundred_places_are_listed() -> None:
    cleaned = clean(b"[" + b",".join([rb'"\u0000"'] * (MOST_PATHS_LISTED + 5)) + b"]")

    assert len(cleaned.replaced) == MOST_PATHS_LISTED
    assert "u0000" not in cleaned.text


def test_an_answer_that_is_not_utf_8_is_refused_with_the_byte_and_its_place() -> None:
    with pytest.raises(Permanent, match="not UTF-8: byte 2 is 0xff"):
        clean(b'{"\xff": 1}')


def test_a_nul_byte_is_refused_with_its_place() -> None:
    with pytest.raises(Permanent, match="byte 7 is a NUL"):
        clean(b'{"a": "\x00"}')


@pytest.mark.parametrize("body", [rb'{"a": "\u0000"', rb'{"a": "\u0000', rb'{"a": "\ud83d"} x'])
def test_an_answer_that_needs_cleaning_and_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(Permanent, match="not JSON"):
        clean(body)


def test_an_answer_that_is_nested_too_deeply_is_cleaned_too() -> None:
    deep = b"[" * 200_000 + rb'"\u0000"' + b"]" * 200_000
    cleaned = clean(b'{"a": "\\u0000", "b": %b}' % deep)
    assert cleaned.replaced == ("$.a",)
    assert rb"\u0000" not in cleaned.text.encode()


# Characters that are refused, almost refused and plain, often beside each other.
_TEXT = st.text(st.one_of(st.sampled_from('\0\ud83d\ude00\udfff\ud800\\u0d8"\n'), st.characters()), max_size=12)
_NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXT, inner, max_size=4)),
    max_leaves=12,
)


def _expected(value: Any) -> Any:
    """What JSONB should hold: a refused character becomes a replacement character, a number its decimal text."""
    if isinstance(value, str):
        # Two lone halves that happen to stand side by side are a pair once they are written as JSON.
        paired = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace_each_half")
        return paired.replace("\0", REPLACED)
    if isinstance(value, list):
        return [_expected(item) for item in value]
    if isinstance(value, dict):
        return {_expected(key): _expected(item) for key, item in value.items()}
    return value


def _replace_half(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return REPLACED, error.start + 2


codecs.register_error("replace_each_half", _replace_half)


@pytest.mark.django_db
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=_VALUES, escaped=st.booleans())
def test_any_json_value_is_accepted_by_jsonb_with_only_refused_characters_replaced(value: Any, escaped: bool) -> None:
    body = _written(value, escaped)

    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text", [clean(body).text])
        (stored,) = cursor.fetchone()

    assert _same(json.loads(stored), _expected(value))


def _written(value: Any, escaped: bool) -> bytes:
    """As JSON, with escapes for all but ASCII or, where that can be, for nothing but what must be."""
    try:
        return json.dumps(value, ensure_ascii=escaped).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def _same(found: Any, expected: Any) -> bool:
    """Equal, where JSONB's numbers are decimals: -0.0 is 0, and a float may come back as a whole number."""
    if isinstance(expected, float):
        return math.isclose(float(found), expected, rel_tol=1e-15)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(_same, found, expected))
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(_same(found[key], expected[key]) for key in expected)
    return bool(found == expected)
