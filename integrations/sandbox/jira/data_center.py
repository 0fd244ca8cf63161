"""The same values as version 2 of Data Center says them: users by name, wiki markup, sprints as Java prints them.

What Data Center does not have (hierarchy levels, scopes of team-managed projects, `fieldId` in histories) is left out.
"""

from datetime import UTC, datetime
from typing import Any

from integrations.sandbox.jira.catalog import API, Json
from integrations.sandbox.jira.people import BASE_URL, PEOPLE
from integrations.sandbox.wiki import wiki_markup

SERVER_API = f"{BASE_URL}/rest/api/2"
FIRST_USER = 10100
CLOUD_ONLY = frozenset(
    {
        "hierarchyLevel",
        "scope",
        "simplified",
        "style",
        "isPrivate",
        "properties",
        "untranslatedName",
        "statuscategorychangedate",
    }
)


def _login(display_name: str) -> str:
    return display_name.lower().replace("'", "").replace(" ", ".")


def _server_user(number: int, person: Json) -> Json:
    """`key` stays when a person is renamed, `name` is what people type at the login."""
    name = _login(person["displayName"])
    shown: Json = {"self": f"{SERVER_API}/user?username={name}", "name": name, "key": f"JIRAUSER{FIRST_USER + number}"}
    shown |= {
        key: person[key] for key in ("emailAddress", "avatarUrls", "displayName", "active", "timeZone") if key in person
    }
    return shown


SERVER_PEOPLE: dict[str, Json] = {
    person["accountId"]: _server_user(number, person) for number, person in enumerate(PEOPLE)
}


def as_data_center(value: Any) -> Any:
    """A deep copy in Data Center's shapes."""
    if isinstance(value, dict):
        return _object(value)
    if isinstance(value, list):
        return [as_data_center(entry) for entry in value]
    if isinstance(value, str) and value.startswith(API):
        return SERVER_API + value[len(API) :]
    return value


def _object(value: Json) -> Any:
    if "accountId" in value:
        # What the caller's answer adds (its locale) stays.
        return SERVER_PEOPLE[value["accountId"]] | {key: value[key] for key in ("timeZone", "locale") if key in value}
    if value.get("type") == "doc":
        return wiki_markup(value, lambda account: str(SERVER_PEOPLE[account]["name"]))
    # Of all objects, only a sprint names its board.
    if "boardId" in value:
        return sprint_text(value)
    if "fieldtype" in value:
        value = _item(value)
    return {key: as_data_center(entry) for key, entry in value.items() if key not in CLOUD_ONLY}


def _item(item: Json) -> Json:
    """A change of a field. People stand in it by their key, texts as they were."""
    kept = {key: value for key, value in item.items() if key != "fieldId" and not key.startswith("tmp")}
    if kept["field"] == "assignee":
        kept |= {key: SERVER_PEOPLE[kept[key]]["key"] for key in ("from", "to") if kept[key]}
    # Cloud points to a stored value there; without that store there is nothing to point to.
    if kept["field"] == "description":
        kept |= {"from": None, "to": None}
    return kept


def sprint_text(sprint: Json) -> str:
    """The class's toString(): names may hold commas and brackets, and nothing escapes them."""
    dates = {name: _local(sprint.get(name)) for name in ("startDate", "endDate", "completeDate")}
    shown = {"id": sprint["id"], "rapidViewId": sprint["boardId"], "state": sprint["state"].upper()}
    shown |= {
        "name": sprint["name"],
        **dates,
        "activatedDate": dates["startDate"],
        "sequence": sprint["id"],
        "goal": "",
    }
    inner = ",".join(f"{name}={value}" for name, value in shown.items())
    return f"com.atlassian.greenhopper.service.sprint.Sprint@{0x38C6BD04 + sprint['id']:x}[{inner}]"


def _local(text: str | None) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="milliseconds") if text else "<null>"
