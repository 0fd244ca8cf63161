"""What a site consists of besides issues: statuses, workflows, issue types, priorities, projects.

Ids and names are invented; the shapes follow Jira Cloud's answers. Oddities are on purpose: one status without a
category, one of the category "undefined", one deleted status that lives only in histories, names that repeat.
"""

from dataclasses import dataclass, field
from typing import Any

from integrations.sandbox.jira.people import BASE_URL, PEOPLE

Json = dict[str, Any]
API = f"{BASE_URL}/rest/api/3"
CATEGORIES: dict[str, Json] = {
    key: {"self": f"{API}/statuscategory/{number}", "id": number, "key": key, "colorName": colour, "name": name}
    for key, number, colour, name in (
        ("undefined", 1, "medium-gray", "No Category"),
        ("new", 2, "blue-gray", "To Do"),
        ("done", 3, "green", "Done"),
        ("indeterminate", 4, "yellow", "In Progress"),
    )
}


@dataclass(frozen=True, slots=True)
class Status:
    """`category` is a key of CATEGORIES, or empty: the answer then has no statusCategory at all."""

    id: str
    name: str
    category: str
    scope: str = ""

    def json(self) -> Json:
        shown: Json = {
            "self": f"{API}/status/{self.id}",
            "description": "",
            "iconUrl": f"{BASE_URL}/",
            "name": self.name,
        }
        shown["id"] = self.id
        if self.category:
            shown["statusCategory"] = CATEGORIES[self.category]
        return shown | {"scope": project_scope(self.scope)} if self.scope else shown

    @property
    def done(self) -> bool:
        return self.category == "done"


def project_scope(project_id: str) -> Json:
    return {"type": "PROJECT", "project": {"id": project_id}}


@dataclass(frozen=True, slots=True)
class Workflow:
    """`chain` leads from the first status to the last, `detours` lie beside it, `retired` exists no more."""

    chain: tuple[Status, ...]
    detours: tuple[Status, ...] = ()
    reopened: Status | None = None
    retired: Status | None = None

    @property
    def statuses(self) -> tuple[Status, ...]:
        return (*self.chain, *self.detours, *((self.reopened,) if self.reopened else ()))


@dataclass(frozen=True, slots=True)
class IssueType:
    """`level`: 1 epic, 0 standard, -1 subtask."""

    id: str
    name: str
    level: int
    description: str
    scope: str = ""

    def json(self) -> Json:
        shown: Json = {"self": f"{API}/issuetype/{self.id}", "id": self.id, "description": self.description}
        shown |= {"iconUrl": f"{BASE_URL}/icons/type/{self.id}.svg", "name": self.name, "subtask": self.level < 0}
        shown |= {"avatarId": 10300 + int(self.id) % 100, "hierarchyLevel": self.level}
        return shown | {"scope": project_scope(self.scope)} if self.scope else shown


@dataclass(frozen=True, slots=True)
class Project:
    """`zone`: where its dates are rendered. Real sites use the caller's for all; two of them tell parsers apart."""

    id: str
    key: str
    name: str
    types: tuple[IssueType, ...]
    workflow: Workflow
    topics: tuple[str, ...]
    team_managed: bool = False
    zone: str = "America/Los_Angeles"
    bug_workflow: Workflow | None = None
    # Dictionaries cannot be hashed, projects must be.
    lead: Json | None = field(default=None, hash=False)

    def workflow_of(self, kind: IssueType) -> Workflow:
        return self.bug_workflow if self.bug_workflow and kind.name == "Bug" else self.workflow

    def workflows(self) -> list[Workflow]:
        return [self.workflow, *([self.bug_workflow] if self.bug_workflow else [])]

    def brief(self) -> Json:
        shown: Json = {"self": f"{API}/project/{self.id}", "id": self.id, "key": self.key, "name": self.name}
        return shown | {"projectTypeKey": "software", "simplified": self.team_managed, "avatarUrls": {}}

    def json(self, issue_types: bool) -> Json:
        shown: Json = {"expand": "description,lead,issueTypes,url,projectKeys,permissions,insight"}
        shown |= self.brief() | {"description": f"Everything about {', '.join(self.topics)}.", "lead": self.lead}
        shown |= {"style": "next-gen" if self.team_managed else "classic", "isPrivate": False, "properties": {}}
        return shown | {"issueTypes": [kind.json() for kind in self.types]} if issue_types else shown


def priority(number: int, name: str) -> Json:
    icon = f"{BASE_URL}/icons/priority/{name.lower()}.svg"
    return {"self": f"{API}/priority/{number}", "iconUrl": icon, "name": name, "id": str(number)}


def resolution(number: int, name: str) -> Json:
    return {"self": f"{API}/resolution/{number}", "id": str(number), "description": "", "name": name}


PRIORITIES = tuple(priority(n, name) for n, name in enumerate(("Highest", "High", "Medium", "Low", "Lowest"), start=1))
RESOLUTIONS = tuple(resolution(10000 + n, name) for n, name in enumerate(("Done", "Won't Do", "Duplicate")))

# Shared by the classic projects, as a site's global statuses are.
OPEN, PROGRESS, REOPENED = (
    Status("1", "Open", "new"),
    Status("3", "In Progress", "indeterminate"),
    Status("4", "Reopened", "new"),
)
RESOLVED, CLOSED = Status("5", "Resolved", "done"), Status("6", "Closed", "done")
BACKLOG, SELECTED = Status("10000", "Backlog", "new"), Status("10001", "Selected for Development", "new")
TO_DO, REVIEW, DONE = (
    Status("10011", "To Do", "new"),
    Status("10003", "In Review", "indeterminate"),
    Status("10002", "Done", "done"),
)
WAITING, TESTING = (
    Status("10005", "Waiting for Customer", "indeterminate"),
    Status("10007", "QA Testing", "indeterminate"),
)
TRIAGE, ON_HOLD, PARKED = (
    Status("10008", "Triage", "new"),
    Status("10009", "On Hold", "undefined"),
    Status("10010", "Parking Lot", ""),
)
# In no workflow any more: `/status` does not know it, old histories do.
DELETED = Status("10050", "Ready for QA", "indeterminate")

SCRUM = Workflow((TO_DO, PROGRESS, REVIEW, DONE), (ON_HOLD,), TO_DO, DELETED)
KANBAN = Workflow((BACKLOG, SELECTED, PROGRESS, TESTING, DONE), (PARKED,), SELECTED)
DEFECTS = Workflow((OPEN, TRIAGE, PROGRESS, REVIEW, TESTING, CLOSED), (WAITING,), REOPENED, DELETED)
# The shortest one: straight to Resolved, so completions without review are common.
SERVICE = Workflow((OPEN, PROGRESS, RESOLVED), (WAITING, ON_HOLD), REOPENED)

EPIC = IssueType("10100", "Epic", 1, "A big piece of work that holds others.")
STORY = IssueType("10101", "Story", 0, "Something that a user wants.")
TASK = IssueType("10102", "Task", 0, "A piece of work.")
BUG = IssueType("10103", "Bug", 0, "Something that does not work.")
SUBTASK = IssueType("10104", "Sub-task", -1, "A part of another issue.")
CLASSIC = (EPIC, STORY, TASK, BUG, SUBTASK)


def team_managed_project(
    number: int, key: str, name: str, steps: tuple[tuple[str, str], ...], topics: tuple[str, ...]
) -> Project:
    """A project with statuses and types of its own; only their names are the same as elsewhere."""
    project_id = str(10000 + number)
    chain = tuple(Status(f"{11000 + number * 10 + n}", step, kind, project_id) for n, (step, kind) in enumerate(steps))
    types = tuple(
        IssueType(f"{12000 + number * 10 + n}", kind.name, kind.level, kind.description, project_id)
        for n, kind in enumerate(
            (EPIC, STORY, TASK, BUG, IssueType("", "Subtask", -1, "A small piece of another issue."))
        )
    )
    return Project(project_id, key, name, types, Workflow(chain, reopened=chain[0]), topics, team_managed=True)


PROJECTS = (
    Project(
        "10000", "PAY", "Payments", CLASSIC, SCRUM, ("payments", "invoicing"), bug_workflow=DEFECTS, lead=PEOPLE[0]
    ),
    Project(
        "10001", "WEB", "Customer Portal", CLASSIC, KANBAN, ("login", "search", "permissions"), bug_workflow=DEFECTS
    ),
    Project("10002", "MOB", "Mobile App", CLASSIC, SCRUM, ("mobile app", "notifications"), lead=PEOPLE[6]),
    Project("10003", "OPS", "Operations", CLASSIC, SERVICE, ("deployment", "performance"), zone="Asia/Kolkata"),
    team_managed_project(
        4,
        "DATA",
        "Data Platform",
        (("To Do", "new"), ("In Progress", "indeterminate"), ("Done", "done")),
        ("data pipeline", "reporting"),
    ),
    team_managed_project(
        5,
        "GROW",
        "Growth",
        (("To Do", "new"), ("In Progress", "indeterminate"), ("Review", "indeterminate"), ("Done", "done")),
        ("onboarding", "notifications"),
    ),
)
