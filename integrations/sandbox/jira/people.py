"""The people of the sandbox site, in the shape of Jira Cloud's user objects."""

from typing import Any
from uuid import UUID, uuid5

# A reserved name: nobody can follow a link of the sandbox to a real site.
BASE_URL = "https://jira.test"
# Ids are derived from names, so they are the same in every run.
NAMESPACE = UUID("6f0d2a52-5a0e-4f2e-9b7a-3f1c64d5a7c1")
NAMES = (
    "Ada Okafor",
    "Ben Carter",
    "Chiara Russo",
    "Dmitri Volkov",
    "Elif Şahin",
    "Femi Adeyemi",
    "Grace Kim",
    "Hugo Lambert",
    "Ines Almeida",
    "Jonas Weber",
    "Keiko Tanaka",
    "Liam O'Brien",
    "Mei Chen",
    "Noor Haddad",
    "Olga Nowak",
    "Priya Raman",
    "Quentin Moreau",
    "Rosa Martínez",
    "Sven Lindqvist",
    "Tala Mansour",
)
FORMER, AUTOMATION = "Former user", "Automation for Jira"


def account_id(name: str) -> str:
    return uuid5(NAMESPACE, name).hex[:24]


def user(name: str, zone: str = "America/Los_Angeles") -> dict[str, Any]:
    """One user; every third hides the mail address, as the profile settings of Cloud do by default."""
    account = account_id(name)
    shown: dict[str, Any] = {"self": f"{BASE_URL}/rest/api/3/user?accountId={account}", "accountId": account}
    if name in NAMES and NAMES.index(name) % 3:
        shown["emailAddress"] = f"{name.split()[0].lower()}@example.com"
    kind = "app" if name == AUTOMATION else "atlassian"
    state = {"active": name != FORMER, "timeZone": zone, "accountType": kind}
    return shown | {"avatarUrls": {}, "displayName": name} | state


PEOPLE = tuple(user(name) for name in (*NAMES, FORMER, AUTOMATION))
TEAMS = tuple(
    {
        "id": str(uuid5(NAMESPACE, title)),
        "name": title,
        "avatarUrl": "",
        "isVisible": True,
        "isVerified": False,
        "title": title,
        "isShared": True,
    }
    for title in ("Checkout", "Identity", "Platform", "Insights", "Mobile")
)
