"""Changing a site while it runs: POST /sandbox/... with a JSON object, answered with what it did."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from integrations.sandbox.http import ApiError, Request, Response, Router
from integrations.sandbox.jira.api import read_body

Site = TypeVar("Site")
Change = Callable[[Site, dict[str, Any]], Any]


class Changes(Generic[Site]):
    """The changes of one kind of site. `help` has one line for each, for people who ask `run_sandbox --help`."""

    def __init__(self) -> None:
        self.router: Router[Site] = Router()
        self.help: list[str] = []

    def change(
        self, path: str, example: str, optional: tuple[str, ...] = (), **allowed: type
    ) -> Callable[[Change[Site]], Change[Site]]:
        """Serves a change at a path. `allowed` are the keys of its body; all but numbers and `optional` are required.

        A change that returns nothing is answered with the last of them. What cannot be done is a 400 that says why.
        """
        self.help.append(f"POST /sandbox/{path} {example}")

        def register(done: Change[Site]) -> Change[Site]:
            @self.router.on("POST", f"/sandbox/{path}")
            def handle(site: Site, request: Request) -> Response:
                body = read_body(request, allowed)
                lost = [name for name in allowed if name not in (*body, *optional) and allowed[name] is not int]
                if lost:
                    raise ApiError(400, f"The body lacks {', '.join(lost)}.")
                try:
                    told = done(site, body)
                    return Response.json({path: body[list(allowed)[-1]] if told is None else told})
                # What was done before the first refusal stays done, as with calls one by one.
                except KeyError as error:
                    raise ApiError(400, f"There is no {error.args[0]}.") from None
                except ValueError as error:
                    raise ApiError(400, str(error)) from None

            return done

        return register
