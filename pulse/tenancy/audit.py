"""Who changed what, when and from where: an entry for each change that somebody asked for, in its transaction.

Who acts is said once, where a request or a command begins (`acting`); services say what was done (`note`). What the
installation does by itself, such as the syncs of its schedule, stands in the runs' logs and is not noted here: in its
threads nobody acts.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model

from pulse.postgres.scope import platform_scope
from pulse.redaction import is_secret, redacted, redacted_json
from pulse.tenancy.addresses import client_address
from pulse.tenancy.models import ApiKey, AuditEntry, Tenant, User

LONGEST_TEXT = 1000
LONGEST_NAME = 250
# Of dictionaries, what stands in them is compared, so deep.
LEVELS = 3
# What is said of a secret.
SET, CHANGED = "set", "changed"

Changes = Mapping[str, Sequence[Any]]
"""What was before and what is now, by field."""


@dataclass(frozen=True)
class Actor:
    """Who acts, and from which IP address, where there is one."""

    name: str
    user_id: int | None = None
    api_key_id: int | None = None
    address: str | None = None


_actor: ContextVar[Actor | None] = ContextVar("actor", default=None)


@contextmanager
def acting(actor: Actor | None) -> Iterator[None]:
    """What is done within is done by them; by nobody where it is None."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def actor_of(request: Any) -> Actor | None:
    """Who asks, by a session, a token or a key; None before the login."""
    key = getattr(request, "auth", None)
    user = request.user
    if not isinstance(user, User):
        return None
    if isinstance(key, ApiKey):
        return Actor(f"{user.username} ({key.prefix}…)"[:LONGEST_NAME], None, key.pk, client_address(request))
    return Actor(user.username, user.pk, None, client_address(request))


def note(action: str, target: Model, changes: Changes | None = None) -> None:
    """Notes what was done with a row. For use in the transaction that does it; nothing is noted where nobody acts.

    ``action`` is a word for the kind of thing and one for the deed: "job.paused". ``changes`` are as `differences`
    gives them: they hold no secret.
    """
    note_all(action, [target], changes)


def note_all(action: str, targets: Sequence[Model], changes: Changes | None = None) -> None:
    """The same with many rows of a table."""
    actor = _actor.get()
    if actor is None:
        return
    entries = [
        AuditEntry(
            tenant_id=tenant_of(target), user_id=actor.user_id, api_key_id=actor.api_key_id, actor=actor.name,
            action=action, target_table=target._meta.db_table, target_id=str(target.pk), changes=dict(changes or {}),
            address=actor.address,
        )
        for target in targets
    ]  # fmt: skip
    # What belongs to no tenant is the installation's, and no tenant's scope can write it.
    if any(entry.tenant_id is None for entry in entries):
        with platform_scope():
            AuditEntry.objects.bulk_create(entries)
    else:
        AuditEntry.objects.bulk_create(entries)


def thing_of(model: type[Model]) -> str:
    """What a model's rows are called in actions: "api_key", "job"."""
    return str(model._meta.verbose_name).removeprefix("etl ").replace(" ", "_")


def note_password(instance: User, *, created: bool, **_: Any) -> None:
    """Django's receiver of each user that is saved, by whichever form: that the password is another now."""
    if not created and getattr(instance, "_password", None) is not None:
        note("user.changed", instance, {"password": [SET, CHANGED]})


def tenant_of(target: Model) -> int | None:
    found: int | None = target.pk if isinstance(target, Tenant) else getattr(target, "tenant_id", None)
    return found


# What changed


def values(row: Model, names: Sequence[str]) -> dict[str, Any]:
    """What a row holds in those fields; of a reference, the id."""
    columns = {field.name: field.attname for field in row._meta.concrete_fields}
    return {name: getattr(row, columns[name]) for name in names}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """[before, after] by field, where these differ; None where there was, or is, nothing.

    What is in a dictionary is named by its path ("settings.projects"). Of what has a secret's name only is told that it
    was set, changed or taken away.
    """
    return dict(_differences("", before, after, LEVELS, hidden=False))


def _differences(
    path: str, before: Mapping[str, Any], after: Mapping[str, Any], levels: int, *, hidden: bool
) -> Iterator[tuple[str, list[Any]]]:
    for name in dict.fromkeys((*before, *after)):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        place, secret = f"{path}{name}", hidden or is_secret(str(name))
        if levels and all(isinstance(value, Mapping | None) for value in (was, now)):
            yield from _differences(f"{place}.", was or {}, now or {}, levels - 1, hidden=secret)
        else:
            yield place, _of_secret(was, now) if secret else [_told(was), _told(now)]


def _of_secret(was: Any, now: Any) -> list[Any]:
    return [SET if was else None, (CHANGED if was else SET) if now else None]


def _told(value: Any) -> Any:
    """The value as JSON takes it, cut where it is long."""
    text = json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
    if len(text) <= LONGEST_TEXT:
        return redacted_json(json.loads(text))
    return redacted(text[:LONGEST_TEXT]) + "…"
