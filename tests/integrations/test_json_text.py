import pytest

from integrations.json_text import hashes, parse


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
