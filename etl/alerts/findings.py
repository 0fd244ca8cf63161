"""What a look at one cause found, before it is compared with the alerts that are open."""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

Key = tuple[int, str]
"""The tenant's id, and the alert's subject."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong now. Where ``mark`` is another one than before, it happened anew."""

    tenant_id: int
    subject: str
    message: str
    mark: str
    context: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return self.tenant_id, self.subject


@dataclass(frozen=True)
class Findings:
    """All that is wrong now. Of ``unknown`` nothing can be told: what is open stays so. All else is well."""

    wrong: Mapping[Key, Finding] = field(default_factory=dict)
    unknown: Set[Key] = frozenset()


Look = Callable[[], Findings]


def findings(wrong: list[Finding], unknown: Set[Key] = frozenset()) -> Findings:
    return Findings({finding.key: finding for finding in wrong}, unknown)
