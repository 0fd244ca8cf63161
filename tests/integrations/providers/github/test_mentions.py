import pytest

from integrations.providers.github.mentions import MOST_MENTIONS, mentioned_keys


def in_title(title: str) -> tuple[str, ...]:
    return mentioned_keys(title, "", [])


@pytest.mark.parametrize(
    ("title", "keys"),
    [
        ("PAY-12 Refund twice", ["PAY-12"]),
        ("[PAY-12][WEB_2-7] fix: refunds (A1-3)", ["PAY-12", "WEB_2-7", "A1-3"]),
        ("fix(PAY-12): refunds, PAY-13; PAY-12 again.", ["PAY-12", "PAY-13"]),
        ("see https://jira.example.com/browse/PAY-12?focused=1", ["PAY-12"]),
        ("修复PAY-12的问题 и PAY-13", ["PAY-12", "PAY-13"]),
        ("\u200bPAY-12\u200e \U0001f389PAY-13\U0001f389", ["PAY-12", "PAY-13"]),
        ("_PAY-12_ and fix_PAY-13_now, MY_PAY-14", ["PAY-12", "FIX_PAY-13", "PAY-13", "MY_PAY-14"]),
        ("fix(pay-12): refunds, Pay-13 and aPI-7", ["PAY-12", "PAY-13", "API-7"]),
        ("rePAY-12 is a word", ["REPAY-12"]),
        ("Merge branch 'main' into feature/pay-12-fix", ["PAY-12"]),
        ("Revert-PAY-12-13", ["PAY-12"]),
        ("Read UTF-8, COVID-19, SHA-256", ["UTF-8", "COVID-19", "SHA-256"]),
        ("PAY-9999999999", ["PAY-9999999999"]),
        (f"{'A' * 255}-1", [f"{'A' * 255}-1"]),
    ],
)
def test_keys_are_found_wherever_people_put_them(title: str, keys: list[str]) -> None:
    assert list(in_title(title)) == keys
    assert list(mentioned_keys("", title, [])) == keys
    assert list(mentioned_keys("", "", ["Nothing here", title])) == keys


@pytest.mark.parametrize(
    "title",
    [
        "",
        "éPAY-12",
        "PAY-12th and PAY-12é",
        "PAY-012",
        "PAY-0",
        "PAY-12345678901",
        "P-12",
        "1PAY-12",
        "PAY -12 PAY- 12 PAY–12 PAY_12",
        "PAY-١٢",
        "ſAY-12 Kſ-12",
        "Bump LOG4J-2.17.1",
        f"{'A' * 256}-1",
    ],
)
def test_what_only_looks_like_a_key_is_none(title: str) -> None:
    assert in_title(title) == ()


@pytest.mark.parametrize(
    ("branch", "keys"),
    [
        ("feature/pay-12-fix", ["PAY-12"]),
        ("feature/PAY-12_fix", ["PAY-12"]),
        ("fix-pay-12", ["PAY-12"]),
        ("pay-12/web-7", ["PAY-12", "WEB-7"]),
        ("2025_pay-12", ["PAY-12"]),
        ("ada_pay-12_fix", ["ADA_PAY-12", "PAY-12"]),
        ("Ada_PAY-12", ["ADA_PAY-12", "PAY-12"]),
        ("feature/MY_PAY-12", ["MY_PAY-12"]),
        ("my_p-12", ["MY_P-12"]),
        ("covid-19/utf-8", ["COVID-19", "UTF-8"]),
        ("dependabot/npm_and_yarn/lodash-4.17.21", []),
        ("release/2025-12-01", []),
        ("thing", []),
    ],
)
def test_a_branch_may_name_them_in_small_letters(branch: str, keys: list[str]) -> None:
    assert list(mentioned_keys("", branch, [])) == keys


def test_each_is_named_once_with_those_of_the_title_and_the_branch_first() -> None:
    found = mentioned_keys("PAY-2 title", "pay-1-branch", ["PAY-3\n\nCloses PAY-2", "PAY-4"])
    assert found == ("PAY-2", "PAY-1", "PAY-3", "PAY-4")


def test_a_release_of_everything_names_a_bounded_number() -> None:
    messages = [f"PAY-{number}" for number in range(1, MOST_MENTIONS * 2)]
    found = mentioned_keys("WEB-1", "web-2", messages)
    assert len(found) == MOST_MENTIONS
    assert found[:3] == ("WEB-1", "WEB-2", "PAY-1")


def test_very_long_texts_are_searched_to_their_end() -> None:
    for filling in ("A_", "a_", "A1_", "A", "-", "PAY-0 "):
        assert in_title(filling * 100_000 + " PAY-12") == ("PAY-12",)
