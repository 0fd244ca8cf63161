"""The faults as options of a command line: their names, their checks, and the Faults that they make."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from integrations.sandbox.faults import Createmeta, Faults, Throttle

Kind = Callable[[str], Any]


def natural(text: str) -> int:
    """A whole number from 0. Raises argparse's error, which names the option and the value."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number from 0, it is {text!r}")
    return int(text)


def positive(text: str) -> int:
    if not natural(text):
        raise argparse.ArgumentTypeError("expected a whole number from 1, it is '0'")
    return int(text)


def share(text: str) -> float:
    """0.05, or 5% for short."""
    try:
        found = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        found = -1
    if not 0 <= found <= 1:
        raise argparse.ArgumentTypeError(f"expected a share like 0.05 or 5%, it is {text!r}")
    return found


def milliseconds(text: str) -> float:
    return natural(text) / 1000


def names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def throttle(text: str) -> Throttle:
    try:
        return Throttle(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(Throttle)}, it is {text!r}") from None


def createmeta(text: str) -> Createmeta:
    try:
        return Createmeta(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(Createmeta)}, it is {text!r}") from None


# (option, field of Faults, check, name of the value, help)
OPTIONS: tuple[tuple[str, str, Kind, str, str], ...] = (
    ("--throttle-every", "throttle_every", natural, "N", "every Nth call is a 429"),
    (
        "--throttle-form",
        "throttle",
        throttle,
        "FORM",
        "what a 429 says: retry-after (the default), reset (as its gateway: X-RateLimit-Reset only), bare (nothing)",
    ),
    ("--retry-after", "retry_after", natural, "SECONDS", "the Retry-After of a 429 of that form (1)"),
    ("--reset-after", "reset_seconds", natural, "SECONDS", "how far ahead the form reset points (60)"),
    ("--unavailable-every", "unavailable_every", natural, "N", "every Nth call is a 503 with Retry-After"),
    ("--unavailable-seconds", "unavailable_seconds", natural, "SECONDS", "the Retry-After of a 503 (1)"),
    ("--quota", "quota", natural, "N", "N calls a minute, told in X-RateLimit-... headers; the rest are 429"),
    ("--errors", "error_share", share, "SHARE", "this share of the calls is a 500 (5%%)"),
    ("--cut", "lost_share", share, "SHARE", "this share of the connections breaks off, before or within the body"),
    ("--latency", "delay_seconds", milliseconds, "MS", "every answer takes that long"),
    ("--jitter", "jitter_seconds", milliseconds, "MS", "and at random up to that much longer"),
    ("--short-pages", "short_share", share, "SHARE", "this share of search pages holds fewer issues than asked for"),
    ("--token-pages", "token_pages", natural, "N", "page tokens expire after N pages of a query"),
    ("--late-calls", "late_calls", natural, "N", "a change is found only after N more searches"),
    ("--late-seconds", "late_seconds", natural, "SECONDS", "a change is found only after that time"),
    ("--forbid", "forbidden_projects", names, "KEYS", "projects that the account may not browse, with commas"),
    ("--lacking", "lacking", names, "NAMES", "permissions that the account lacks (CREATE_ISSUES,VIEW_DEV_TOOLS)"),
    ("--missing", "missing", names, "PATHS", "beginnings of paths that are 404 (/rest/api/3/issue/bulkfetch)"),
    ("--createmeta", "createmeta", createmeta, "FORM", "paged (the default), whole (as old sites have it) or none"),
    ("--only-under", "only_under", str, "PATH", "429, 503, 500, cuts and delays only under this path"),
    ("--fault-seed", "seed", natural, "SEED", "another seed draws the random faults anew (1)"),
)


def add_fault_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("faults", "all off where not given; the same options fail the same calls")
    for option, field, kind, value, text in OPTIONS:
        group.add_argument(option, dest=field, type=kind, metavar=value, help=text)


def faults_from(options: Mapping[str, Any]) -> Faults:
    # What was not given keeps the default of Faults: it is written down there only.
    return Faults(**{field: options[field] for _, field, _, _, _ in OPTIONS if options[field] is not None})
