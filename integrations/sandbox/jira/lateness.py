"""How far search lags behind: a changed issue is found as it was before, until enough searches or time have passed."""

from dataclasses import dataclass, field

from integrations.sandbox.jira.entries import Entry


@dataclass(frozen=True, slots=True)
class _Change:
    """`before` is None where the issue was made by this change; `search` counts the searches up to then."""

    at: float
    search: int
    before: Entry | None


@dataclass(slots=True)
class SearchIndex:
    """The caller holds the site's lock. Times in epoch seconds."""

    searches: int = 0
    _changes: dict[int, list[_Change]] = field(default_factory=dict)

    def note(self, issue: int, before: Entry | None, now: float) -> None:
        self._changes.setdefault(issue, []).append(_Change(now, self.searches, before))

    def hidden(self, calls: int, seconds: float, now: float) -> dict[int, Entry | None]:
        """By issue id, what search still takes an issue for: the state before its first change that is too new."""
        found: dict[int, Entry | None] = {}
        for issue, changes in self._changes.items():
            for change in changes:
                too_few = bool(calls) and self.searches - change.search <= calls
                if too_few or now - change.at < seconds:
                    found[issue] = change.before
                    break
        return found
