"""What an examination finds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Found:
    """How a part of the installation is, in one line; ``advice`` says what to do where it is not well.

    ``figures`` are for programs.
    """

    state: State
    said: str
    advice: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Examination:
    """``look`` raises nothing that it foresees. It is left out where one of ``needs`` failed, or was left out."""

    name: str
    look: Callable[[], Found]
    needs: tuple[str, ...] = ()


def ok(said: str, **figures: Any) -> Found:
    return Found(State.OK, said, figures=figures)


def warning(said: str, advice: str, **figures: Any) -> Found:
    return Found(State.WARNING, _one_line(said), advice, figures)


def failed(said: str, advice: str, **figures: Any) -> Found:
    return Found(State.FAILED, _one_line(said), advice, figures)


def _one_line(text: str) -> str:
    """What services answer has as many lines as they like."""
    return " ".join(text.split())


def skipped(said: str) -> Found:
    return Found(State.SKIPPED, said)
