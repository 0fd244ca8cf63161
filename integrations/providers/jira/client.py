"""The calls that Pulse makes to Jira: one client, that speaks the dialect of its site."""

import threading
import time
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from integrations.errors import Permanent, StageError
from integrations.http import HttpClient, Response, shared_client
from integrations.provider import Connection
from integrations.providers.jira import dialect
from integrations.providers.jira.auth import advice, checked_base_url, checked_credentials
from integrations.providers.jira.cloud import Cloud
from integrations.providers.jira.dialect import Call, Dialect, Place
from integrations.providers.jira.jql import UNKNOWN_ZONE
from integrations.providers.jira.server import Server

PROJECTS_A_PAGE = 50
HISTORIES_A_PAGE = 1000
CREATEMETA_A_PAGE = 200
# People may change the time zone of their account while a worker lives.
ZONE_SECONDS = 600
_REFUSED = (401, 403)
_UNKNOWN = ("AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED")


class JiraClient:
    """One method a call. Each raises what `HttpClient.request` raises. Safe to share between threads.

    The dialect is asked for before the first call and kept. ``advice`` says what to check where the site refuses the
    credentials.
    """

    def __init__(self, http: HttpClient, advice: str = "check email and api_token") -> None:
        self._http, self._advice = http, advice
        self._dialect: Dialect | None = None
        self._zone: tuple[float, ZoneInfo] | None = None
        # Reentrant: asking for the zone asks for the dialect.
        self._asking = threading.RLock()

    @property
    def deployment(self) -> str:
        """What the site says that it is: "Cloud" or "Server"."""
        return self._speaking().deployment

    @property
    def is_cloud(self) -> bool:
        return self.deployment == Cloud.deployment

    @property
    def zone(self) -> ZoneInfo:
        """The account's time zone, in which dates in JQL are read; `UNKNOWN_ZONE` where the site does not tell it."""
        with self._asking:
            if self._zone is None or time.monotonic() > self._zone[0]:
                self.myself()
            return self._zone[1] if self._zone else UNKNOWN_ZONE

    def server_info(self) -> Response:
        first, second = dialect.server_info()
        try:
            return self._told(first)
        except Permanent as error:
            if error.status != 404:
                raise
            return self._told(second)

    def myself(self) -> Response:
        """The account. 401 where the credentials are wrong: other calls may answer a stranger, with fewer records."""
        response = self._told(self._speaking().myself())
        self._zone = time.monotonic() + ZONE_SECONDS, zone_of(response.json())
        return response

    def my_permissions(self, project_key: str | None = None) -> Response:
        """Which of `dialect.PERMISSIONS` the account has, in a project or in any. 404 where it sees no such project."""
        return self._send(self._speaking().my_permissions(project_key))

    def projects(self, start_at: int) -> Response:
        """A page of projects on Cloud, where 404 (as an answer) means that there is none; elsewhere an array of all."""
        return self._send(self._speaking().projects(start_at, PROJECTS_A_PAGE))

    def project(self, project_id: str) -> Response:
        """One project, with its issue types. 404 is given as an answer: it is gone, or hidden."""
        return self._send(self._speaking().project(project_id))

    def project_statuses(self, project_id: str) -> Response:
        return self._send(self._speaking().project_statuses(project_id))

    def statuses(self) -> Response:
        return self._send(self._speaking().statuses())

    def fields(self) -> Response:
        return self._send(self._speaking().fields())

    def createmeta_types(self, project_id: str, start_at: int) -> Response:
        """The types that the account may create in a project: ``issueTypes`` on Cloud, ``values`` elsewhere."""
        return self._send(self._speaking().createmeta_types(project_id, start_at, CREATEMETA_A_PAGE))

    def createmeta_fields(self, project_id: str, type_id: str, start_at: int) -> Response:
        """The fields of such a type: ``fields`` on Cloud, ``values`` elsewhere."""
        return self._send(self._speaking().createmeta_fields(project_id, type_id, start_at, CREATEMETA_A_PAGE))

    def createmeta(self, project_id: str) -> Response:
        """All types that the account may create in a project, with their fields, from sites that still tell it so."""
        return self._send(self._speaking().createmeta(project_id))

    def search(
        self, jql: str, size: int, place: Place, *, fields: Sequence[str] = ("*all",), expand: str = "changelog"
    ) -> Response:
        """A page of issues. Of a ``changelog`` in ``expand`` Cloud gives the newest histories, elsewhere all come.

        ``place`` is what the page before gave: its ``nextPageToken`` on Cloud, elsewhere the ``startAt`` to go on at.
        """
        return self._send(self._speaking().search(jql, size, place, fields, expand))

    def count(self, jql: str) -> Response:
        """How many issues match: ``count`` on Cloud, which is an estimate, elsewhere ``total``."""
        return self._send(self._speaking().count(jql))

    def changelogs(self, issue_ids: Sequence[str], token: str | None) -> Response:
        """Whole histories of up to 1000 issues; one issue's can be split over pages. Only on Cloud."""
        return self._send(self._speaking().changelogs(issue_ids, token, HISTORIES_A_PAGE))

    def issue_changelog(self, issue_id: str, start_at: int) -> Response:
        """A page of one issue's histories, oldest first, on Cloud; elsewhere the issue with all of them."""
        return self._send(self._speaking().issue_changelog(issue_id, start_at))

    def issues(
        self, issue_ids: Sequence[str], *, fields: Sequence[str] = ("*all",), expand: str = "changelog"
    ) -> Response:
        """Up to 100 issues by id, wherever they are now, with their histories as `search` gives them.

        Data Center may give fewer than the ``total`` that it found, where its pages are smaller than that.
        """
        return self._send(self._speaking().issues(issue_ids, fields, expand))

    def issue(self, issue_id: str) -> Response:
        """An issue, and of its fields next to nothing. 403 and 404 are given as answers: is it there at all?"""
        return self._send(self._speaking().issue(issue_id))

    def dev_summary(self, issue_id: str) -> Response:
        """How many pull requests, branches and commits an issue has, by the type of application."""
        return self._send(self._speaking().dev_summary(issue_id))

    def dev_detail(self, issue_id: str, application_type: str, data_type: str) -> Response:
        return self._send(self._speaking().dev_detail(issue_id, application_type, data_type))

    def _speaking(self) -> Dialect:
        """The dialect of the site. A site that cannot tell it is asked again by the next call."""
        # Without the lock where it is known: another thread may hold it while it asks for the zone.
        return self._dialect or self._asked()

    def _asked(self) -> Dialect:
        with self._asking:
            if self._dialect is None:
                self._dialect = self._found()
            return self._dialect

    def _found(self) -> Dialect:
        try:
            return dialect_of(self.server_info())
        except Permanent as error:
            # A gateway may let only some paths through. Where base_url is wrong instead, the next call says so.
            if error.status != 404:
                raise
            return Cloud()

    def _send(self, call: Call) -> Response:
        """An answer that was given to a stranger is none: a token can end in the middle of a run."""
        response = self._request(call)
        if is_for_stranger(response):
            # Only this call decides: proxies may change headers. It raises where the site does not know us.
            self.myself()
        return response

    def _request(self, call: Call) -> Response:
        return self._http.request(call.method, call.path, params=call.params, json=call.json, accept=call.accept)

    def _told(self, call: Call) -> Response:
        """A call that every account may make: where it is refused, it is the settings that are wrong."""
        try:
            return self._request(call)
        except StageError as error:
            said = {**dict.fromkeys(_REFUSED, self._advice), 404: _NO_JIRA}.get(error.status or 0)
            if said is None:
                raise
            refused = Permanent(f"{error}; {said}")
            refused.status = error.status
            raise refused from error


_NO_JIRA = "check that base_url is what all addresses of the site's own pages begin with, a context path included"


def is_for_stranger(response: Response) -> bool:
    """Whether a good answer says itself that it was given to nobody we are: it may hold fewer records, or none."""
    reason = response.headers.get("x-seraph-loginreason", "").upper()
    return response.headers.get("x-ausername", "").lower() == "anonymous" or any(said in reason for said in _UNKNOWN)


def dialect_of(response: Response) -> Dialect:
    """The dialect that a site's answer about itself asks for. Raises Permanent where it is not Jira's."""
    content = response.json()
    if type(content) is not dict or not {"deploymentType", "version", "versionNumbers"} & content.keys():
        raise Permanent(f"{response.call} answered something else than a Jira: {_NO_JIRA}")
    # Sites from before there was a Cloud do not say what they are.
    return Cloud() if content.get("deploymentType") == Cloud.deployment else Server()


def zone_of(account: object) -> ZoneInfo:
    """The time zone that an account names; `UNKNOWN_ZONE` where it names none that is known, such as Java's own."""
    name = account.get("timeZone") if type(account) is dict else None
    try:
        return ZoneInfo(name) if type(name) is str and name else UNKNOWN_ZONE
    # A name that is no path of the zone database at all is a ValueError or an OSError.
    except (KeyError, ValueError, OSError):
        return UNKNOWN_ZONE


def client_for(connection: Connection) -> JiraClient:
    """This process's client of an integration. Raises Permanent where a setting is missing or wrong."""
    return shared_client(connection, _client)


def _client(connection: Connection) -> JiraClient:
    base_url, credentials = checked_base_url(connection.setting("base_url")), checked_credentials(connection)
    http = HttpClient(base_url, auth=credentials.auth, headers=credentials.headers)
    return JiraClient(http, advice(base_url, credentials))
