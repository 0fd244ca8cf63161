"""How GitHub says no, by statuses and by errors in an answer of GraphQL, and what is to be done then.

https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from integrations import http_errors
from integrations.errors import Permanent, RateLimited, StageError, Transient
from integrations.http import Response
from integrations.http_errors import limited
from integrations.providers.github.queries import NEWER_FIELDS

# GitHub's own word for a limit that does not say how long it lasts.
LEAST_WAIT_SECONDS = 60
NOT_FOUND, FORBIDDEN = "NOT_FOUND", "FORBIDDEN"
SSO = "x-github-sso"
_LIMITS = ("RATE_LIMITED", "RATE_LIMIT")
_TOO_MUCH = ("RESOURCE_LIMITS_EXCEEDED", "MAX_NODE_LIMIT_EXCEEDED")
# Besides those of which an answer has no data at all.
_NEVER_RIGHT = (
    "INSUFFICIENT_SCOPES", "EXCESSIVE_PAGINATION", "MISSING_PAGINATION_BOUNDARIES", "INVALID_PAGINATION_BOUNDARIES",
    "INVALID_CURSOR_ARGUMENTS", "UNPROCESSABLE", NOT_FOUND, FORBIDDEN,
)  # fmt: skip
# The site's own trouble, also where an answer has no data.
_FAILED = {"SERVICE_UNAVAILABLE", "INTERNAL"}
_GATEWAY_TIMEOUTS = (502, 504)
# Older versions of Enterprise Server give errors no type.
_slow_down = re.compile(
    r"secondary rate limit|abuse detection|submitted too quickly|rate limit exceeded|login attempts exceeded", re.I
)
_too_much = re.compile(
    r"resource limits|exceeds the maximum limit|something went wrong while executing|timed? ?out|request in time", re.I
)
_resource = re.compile(r"resource not accessible by", re.I)
_unknown_field = re.compile(r"Field '(\w+)' doesn't exist on type ")
_url = re.compile(r"url=(https?://[^\s;,]+)")
_SHOWN_ERRORS, _SHOWN_CHARACTERS = 3, 500
_AUTHORISE = "authorise the token for the organisation's single sign-on"
_PERMIT = "it needs the permissions to read Metadata, Contents and Pull requests"


class TooMuch(Transient):
    """The site gave up on the question, or will not begin with it: the same one fails again, a smaller one may not."""


class UnknownFields(Permanent):
    """This version of Enterprise Server does not have fields of that ``names``, which are all `NEWER_FIELDS`."""

    def __init__(self, message: str, names: frozenset[str]) -> None:
        super().__init__(message)
        self.names = names


class Advised(Permanent):
    """Says already which setting is to be looked at."""


def advised(error: Permanent, advice: str) -> Permanent:
    """The error with what to check in the settings, unless it says so already."""
    if isinstance(error, Advised):
        return error
    told = Advised(f"{error}; {advice}")
    told.status = error.status
    return told


def judged(response: Response) -> Response:
    """A good answer of REST. Raises the StageError that it is instead."""
    try:
        return http_errors.judged(response)
    except StageError as error:
        told = _in_words_of_github(response, error)
        if told is error:
            raise
        raise told from error


def judged_graph(response: Response) -> Response:
    """An answer of GraphQL, which may have errors that concern a path in it only: `at_a_path`.

    Raises RateLimited, TooMuch, UnknownFields, else Permanent for a question that cannot be answered, and Transient for
    what may pass.
    """
    try:
        judged(response)
    except Transient as error:
        if response.status in _GATEWAY_TIMEOUTS or (error.status and _too_much.search(str(error))):
            raise _with_status(TooMuch(str(error)), response.status) from error
        raise
    content = response.json()
    if content == {"data": None}:
        raise Transient(f"{response.call} answered without data, and without an error")
    if type(content) is not dict or not any(content.get(part) for part in ("data", "errors", "message")):
        raise Permanent(f"{response.call} answered neither data nor errors: check setting base_url")
    # REST's form of an error, which the secondary limit has at times with status 200 too.
    errors = errors_of(content) if content.get("data") or content.get("errors") else [content]
    if refused := _refusal(response, errors, has_data="data" in content):
        raise refused
    return response


def object_in(response: Response) -> dict[str, Any]:
    """What an answer of REST holds. Raises Permanent where that is no object."""
    content = response.json()
    if type(content) is not dict:
        raise Permanent(f"{response.call} answered something of type {type(content).__name__}, not an object")
    return content


def errors_of(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The errors of an answer of GraphQL; what is none is shown as one."""
    errors = content.get("errors") or []
    listed = errors if type(errors) is list else [errors]
    return [error if type(error) is dict else {"message": str(error)} for error in listed]


def at_a_path(error: Mapping[str, Any]) -> bool:
    """Whether only a part of an answer is missing, because it does not exist or may not be seen."""
    return error.get("type") in (NOT_FOUND, FORBIDDEN) and bool(error.get("path"))


def explained(error: Mapping[str, Any]) -> str:
    """An error of GraphQL with what to do about it."""
    message, extensions = str(error.get("message") or "an error without a message"), error.get("extensions")
    if "SAML" in message or (type(extensions) is dict and extensions.get("saml_failure")):
        return f"{message} ({_AUTHORISE}: under Configure SSO, where the site lists your tokens)"
    return f"{message} ({_PERMIT})" if _resource.search(message) else message


def hidden_by_sign_on(headers: Mapping[str, str]) -> str:
    """What a good answer says of organisations that it leaves out; '' where it leaves out none.

    https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api
    """
    kind, _, told = headers.get(SSO, "").partition(";")
    if kind.strip() != "partial-results":
        return ""
    return f"left out is what belongs to organisations with single sign-on ({told.strip()[:200]}): {_AUTHORISE}"


def _in_words_of_github(response: Response, error: StageError) -> StageError:
    status, headers = response.status, response.headers
    if isinstance(error, RateLimited):
        error.least_seconds = LEAST_WAIT_SECONDS
    elif status == 403 and _slow_down.search(str(error)):
        return _with_status(limited(str(error), headers, LEAST_WAIT_SECONDS), status)
    if status == 403 and SSO in headers:
        place = _url.search(headers[SSO])
        return _with_status(Permanent(f"{error}; {_AUTHORISE}{f' at {place[1]}' if place else ''}"), status)
    if status == 403 and _resource.search(str(error)):
        return _with_status(Permanent(f"{error}; {_PERMIT}"), status)
    return error


def _refusal(response: Response, errors: Sequence[Mapping[str, Any]], *, has_data: bool) -> StageError | None:
    """What errors mean for the whole answer; the most urgent goes first."""
    whole = [error for error in errors if not at_a_path(error)]
    told = f"{response.call} answered {_told(whole)}"
    if any(_is(error, _LIMITS, _slow_down) for error in whole):
        return limited(told, response.headers, LEAST_WAIT_SECONDS)
    if any(_is(error, _TOO_MUCH, _too_much) for error in whole):
        return TooMuch(told)
    if not whole:
        return None
    if unknown := _unknown_fields(whole):
        return UnknownFields(told, unknown)
    if not has_data and {error.get("type") for error in whole} <= _FAILED:
        return Transient(told)
    # A question that was begun with may come to another end, or all but a part of it; one that was not, never.
    wrong = not has_data or any(error.get("type") in _NEVER_RIGHT for error in whole)
    return Permanent(told) if wrong else TooMuch(told)


def _unknown_fields(errors: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Their names, where nothing else is wrong with the question than that it has some of `NEWER_FIELDS`."""
    found = [_unknown_field.match(str(error.get("message"))) for error in errors]
    names = frozenset(match[1] for match in found if match)
    return names if all(found) and names <= NEWER_FIELDS else frozenset()


def _is(error: Mapping[str, Any], types: Sequence[str], message: re.Pattern[str]) -> bool:
    return error.get("type") in types or bool(message.search(str(error.get("message"))))


def _told(errors: Sequence[Mapping[str, Any]]) -> str:
    shown = [f"{error.get('type') or 'an error'}: {explained(error)}" for error in errors[:_SHOWN_ERRORS]]
    more = len(errors) - len(shown)
    text = "; ".join(shown)[:_SHOWN_CHARACTERS] + (f" and {more} more errors" if more else "")
    # The text ends up in a database column, which takes neither NUL nor half a character.
    return text.replace("\0", "").encode(errors="replace").decode()


def _with_status(error: StageError, status: int) -> StageError:
    error.status = status
    return error
