"""Where a GitHub answers: what the setting ``base_url`` stands for."""

from dataclasses import dataclass
from urllib.parse import SplitResult

from integrations.addresses import checked_address
from integrations.errors import Permanent

_EXAMPLE = "https://github.com or https://ghe.acme.com"
_HOSTS = ("github.com", "www.github.com", "api.github.com")
# Beside GitHub.com: pages, files and uploads, where no call is answered.
_OTHER_HOSTS = (".github.com", ".github.io", ".githubusercontent.com")
# Enterprise Cloud with data residency: a company's own subdomain, with the API at "api." before it.
_RESIDENCY = ".ghe.com"
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_API_PATHS = ("", "/graphql", "/api", "/api/v3", "/api/graphql", "/api/v3/graphql")


@dataclass(frozen=True)
class Address:
    """``site`` is what people open. Calls go to ``root``: GraphQL to the path ``graphql``, REST below ``rest``."""

    site: str
    root: str
    graphql: str = "/graphql"
    rest: str = ""


GITHUB = Address("https://github.com", "https://api.github.com")


def address_of(base_url: str) -> Address:
    """GitHub.com where the setting is empty. Raises Permanent, naming it and its value, with what to write.

    https://docs.github.com/en/enterprise-server/graphql/guides/forming-calls-with-graphql#the-graphql-endpoint
    """
    if not base_url:
        return GITHUB
    parts = checked_address("base_url", base_url, _EXAMPLE, "token")
    address = _address(parts)
    if address is None or parts.path.rstrip("/") not in _API_PATHS:
        raise Permanent(f"setting base_url is {base_url!r}, which is the address of a page: {_advice(parts, address)}")
    return address


def _address(parts: SplitResult) -> Address | None:
    """Of the host alone; None where it belongs to GitHub.com and answers no calls."""
    host = parts.hostname or ""
    if host in _HOSTS:
        return GITHUB
    if host.endswith(_RESIDENCY):
        own = host.removeprefix("api.")
        return Address(f"https://{own}", f"https://api.{own}")
    if host.endswith(_OTHER_HOSTS):
        return None
    root = f"{parts.scheme}://{parts.netloc}"
    return Address(root, root, "/api/graphql", "/api/v3")


def _advice(parts: SplitResult, address: Address | None) -> str:
    """With what to do of the owner and the repository whose page it is."""
    site = "leave it empty" if address in (GITHUB, None) else f"write {address.site}"
    steps = [step for step in parts.path.split("/") if step]
    if address is None or not steps:
        return site
    if len(steps) == 1:
        return f"{site}, and set organization to {steps[0]}"
    return f"{site}, and set repositories to {steps[0]}/{steps[1].removesuffix('.git')}"
