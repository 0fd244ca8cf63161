import pytest

from integrations.json_text import DEEPEST, hashes, parse, parse_site, sum_of_hashes, summed_hashes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, null, true, "é"]}', {"a": [1, 2.5, None, True, "é"]}),
        ("[1e400, -1E+400, 2.5]", ["1e400", "-1E+400", 2.5]),
        (f"[1{'0' * 400}]", [f"1{'0' * 400}"]),
        ('["\\ud83d"]', ["\ud83d"]),
        ("[18446744073709551616000]", [1.8446744073709552e22]),
    ],
)
def test_json_is_read_also_where_orjson_refuses_it(text: str, value: object) -> None:
    assert parse(text) == value
    assert parse(text.encode("utf-8", "surrogatepass")) == value


@pytest.mark.parametrize("text", ["", "{", "<html>", "[1,]"])
def test_what_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"line 1|unexpected|Expecting"):
        parse(text)


def test_what_is_named_twice_has_the_hash_of_both() -> None:
    assert hashes([("a", 1), ("b", [2])]) == {"a": hashes([("a", 1)])["a"], "b": hashes([("b", [2])])["b"]}
    twice = hashes([("a", 1), ("a", 2)])["a"]
    assert twice not in (hashes([("a", 1)])["a"], hashes([("a", 2)])["a"], hashes([("a", 2), ("a", 1)])["a"])


def test_the_sum_of_hashes_is_the_same_however_values_are_divided() -> None:
    whole = summed_hashes([("a", [1, 2, 3])])["a"]
    parts = [summed_hashes([("a", values)])["a"] for values in ([3], [], [2, 1])]

    assert sum_of_hashes(parts) == whole
    assert sum_of_hashes(parts[:1]) != whole
    assert summed_hashes([("a", [1]), ("a", [2, 3])])["a"] == whole


def nested(levels: int) -> str:
    return '{"a": [' * (levels // 2) + "1" + "]}" * (levels // 2)


def depth_of(value: object) -> int:
    depth = 0
    while isinstance(value, dict | list):
        depth, value = depth + 1, value["a"] if isinstance(value, dict) else value[0]
    return depth


@pytest.mark.parametrize("levels", [2000, 20_000, 200_000])
def test_what_is_too_deep_is_cut_and_all_beside_it_stays(levels: int) -> None:
    beside = '{"text": "]}[{ \\" \\\\", "flat": [1, {"b": [[]]}]}'
    first, deep, last = parse_site(f"[{beside}, {nested(levels)}, {beside}]")
    assert first == last == {"text": ']}[{ " \\', "flat": [1, {"b": [[]]}]}
    assert depth_of(deep) == DEEPEST - 1


@pytest.mark.parametrize("levels", [10, 800])
def test_what_can_be_read_is_not_cut(levels: int) -> None:
    assert depth_of(parse_site(nested(levels))) == levels


@pytest.mark.parametrize("text", ["[" * 5000, '{"a": "' + "[" * 5000, "]" * 5000])
def test_a_text_that_is_not_whole_is_none_however_deep(text: str) -> None:
    with pytest.raises(ValueError, match="column"):
        parse_site(text)
