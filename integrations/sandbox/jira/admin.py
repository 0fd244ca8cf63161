"""The site's other side: POST /sandbox/... changes it while it runs. No credentials: it listens on the loopback only.

Each call takes a JSON object and answers with what it did; what cannot be done is a 400 that says why.
"""

from collections.abc import Callable
from typing import Any

from integrations.sandbox.http import ApiError, Request, Response, Router
from integrations.sandbox.jira.api import read_body
from integrations.sandbox.jira.site import Site

router: Router[Site] = Router()
Change = Callable[[Site, dict[str, Any]], Any]
# One line for each call, for people who ask `run_sandbox --help`.
HELP: list[str] = []


def change(path: str, example: str, **allowed: type) -> Callable[[Change], Change]:
    """Serves a change at a path. `allowed` are the keys of its body; those that are lists or texts are required."""
    HELP.append(f"POST /sandbox/{path} {example}")

    def register(done: Change) -> Change:
        @router.on("POST", f"/sandbox/{path}")
        def handle(site: Site, request: Request) -> Response:
            body = read_body(request, allowed)
            lost = [name for name, kind in allowed.items() if kind is not int and name not in body]
            if lost:
                raise ApiError(400, f"The body lacks {', '.join(lost)}.")
            try:
                return Response.json({path: done(site, body)})
            # What was done before the first refusal stays done, as with calls one by one.
            except KeyError as error:
                raise ApiError(400, f"There is no {error.args[0]}.") from None
            except ValueError as error:
                raise ApiError(400, str(error)) from None

        return done

    return register


def _each(body: dict[str, Any], do: Callable[[str], object]) -> list[str]:
    keys = [str(key) for key in body["issues"]]
    for key in keys:
        do(key)
    return keys


@change("delete", '{"issues": ["PAY-1"]}', issues=list)
def delete(site: Site, body: dict[str, Any]) -> list[str]:
    return _each(body, site.delete_issue)


@change("move", '{"issues": ["PAY-1"], "project": "WEB"}', issues=list, project=str)
def move(site: Site, body: dict[str, Any]) -> dict[str, str]:
    return {str(key): site.move_issue(str(key), body["project"]) for key in body["issues"]}


@change("touch", '{"issues": ["PAY-1"]}  (a history is added, `updated` stays)', issues=list)
def touch(site: Site, body: dict[str, Any]) -> list[str]:
    return _each(body, site.touch_issue)


@change("edit", '{"issue": "PAY-1", "summary": "Another name"}', issue=str, summary=str)
def edit(site: Site, body: dict[str, Any]) -> int:
    return site.edit_issue(body["issue"], summary=body["summary"])


@change("transition", '{"issue": "PAY-1", "status": "Done"}', issue=str, status=str)
def transition(site: Site, body: dict[str, Any]) -> int:
    return site.edit_issue(body["issue"], status=body["status"])


@change("add", '{"project": "PAY", "count": 3}', project=str, count=int)
def add(site: Site, body: dict[str, Any]) -> list[str]:
    return [site.add_issue(body["project"]) for _ in range(body.get("count", 1))]


@change("develop", '{"issue": "PAY-1", "pull_requests": ["OPEN", "MERGED"]}', issue=str, pull_requests=list)
def develop(site: Site, body: dict[str, Any]) -> str:
    site.develop_issue(body["issue"], pull_requests=[str(state) for state in body["pull_requests"]])
    return str(body["issue"])


@change("rename-status", '{"status": "In Review", "name": "Peer review"}', status=str, name=str)
def rename_status(site: Site, body: dict[str, Any]) -> str:
    site.rename_status(body["status"], body["name"])
    return str(body["name"])


@change("remove-project", '{"project": "GROW"}', project=str)
def remove_project(site: Site, body: dict[str, Any]) -> str:
    site.remove_project(body["project"])
    return str(body["project"])


@change("restore-project", '{"project": "GROW"}', project=str)
def restore_project(site: Site, body: dict[str, Any]) -> str:
    site.restore_project(body["project"])
    return str(body["project"])
