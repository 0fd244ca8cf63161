"""Projects that share a site's issue types, as those of large sites do: few types, many pairs of project and type."""

from integrations.sandbox.jira.catalog import BUG, EPIC, SCRUM, STORY, SUBTASK, TASK, IssueType, Project
from integrations.sandbox.vocabulary import TOPICS

FIRST_PROJECT, FIRST_TYPE = 10200, 10120
KNOWN = (STORY, EPIC, TASK, BUG, SUBTASK)


def projects_sharing_types(types: int, pairs: int, projects: int) -> tuple[Project, ...]:
    """`projects` projects that use `types` different issue types in `pairs` pairs of project and type.

    Raises ValueError where that is impossible: each project uses a type at most once, each type is used somewhere.
    """
    if not (0 < projects <= pairs <= projects * types and types <= pairs):
        raise ValueError(f"{projects} projects cannot use {types} issue types in {pairs} pairs")
    kinds = [*KNOWN[:types], *(_another(number) for number in range(types - len(KNOWN)))]
    made, place = [], 0
    for number in range(projects):
        size = pairs // projects + (number < pairs % projects)
        # The next window begins where this one ends, so that every type has its turn.
        made.append(_project(number, tuple(kinds[(place + n) % types] for n in range(size))))
        place += size
    return tuple(made)


def _another(number: int) -> IssueType:
    return IssueType(str(FIRST_TYPE + number), f"Request {number + 1}", 0, "One of many kinds of request.")


def _project(number: int, kinds: tuple[IssueType, ...]) -> Project:
    topic = list(TOPICS)[number % len(TOPICS)]
    return Project(str(FIRST_PROJECT + number), f"TEAM{number + 1}", f"Team {number + 1}", kinds, SCRUM, (topic,))
