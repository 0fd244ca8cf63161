"""Sprints as Data Center and old webhooks write them: the text of a Java object.

An example: ``com.atlassian.greenhopper.service.sprint.Sprint@38c6bd04[id=1,rapidViewId=2,state=ACTIVE,name=One,
goal=<null>]``. Which parts there are, and in which order, differs from version to version. Cloud gives objects.
"""

import re

_START = "com.atlassian.greenhopper.service.sprint.Sprint@"
# People write names and goals with commas, brackets and equals signs: only what is called like this begins a part.
_PARTS = (
    "id|rapidViewId|state|name|goal|startDate|endDate|completeDate|activatedDate|sequence|synced|autoStartStop"
    "|incompleteIssuesDestinationId"
)
_PART = re.compile(rf"[\[,]({_PARTS})=")
_NAME = re.compile(r"[\[,]name=")
_ID = re.compile(r"[\[,]id=(\d+)[,\]]")


def is_sprint(value: str) -> bool:
    return value.startswith(_START)


def sprint_name(value: str) -> str:
    """What people call the sprint; its id where it has no name, all of the text where it has neither.

    A sprint whose name holds ",goal=" itself is cut there: nothing tells the two apart.
    """
    start, number = _NAME.search(value), _ID.search(value)
    name = value[start.end() : _name_end(value, start)] if start else ""
    if name not in ("", "<null>"):
        return name
    return number.group(1) if number else value


def _name_end(value: str, start: re.Match[str]) -> int:
    """Where the next part begins. Each part comes once: what came before the name, or looks like it, is the name's."""
    before = {"name", *_PART.findall(value, 0, start.start())}
    parts = _PART.finditer(value, start.end())
    ends = (part.start() for part in parts if part[0].startswith(",") and part[1] not in before)
    return next(ends, len(value.removesuffix("]")))
