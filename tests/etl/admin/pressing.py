"""Pressing buttons, and what the page says then."""

from typing import Any

from django.db.models import Model
from django.test import Client
from django.urls import reverse

from tests.etl.admin import addresses
from tests.etl.admin.rows import HOSTILE


def named(model: type[Model], page: str, *args: Any) -> str:
    """The address of a page of the model's that is not one of Django's own."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def _said(response: Any) -> list[str]:
    assert response.status_code == 200
    assert HOSTILE not in response.content.decode()
    return [str(message) for message in response.context["messages"]]


def on_list(client: Client, name: str, *rows: Model) -> list[str]:
    """Presses a button of the list for those rows, and means it."""
    form = {"action": name, "_selected_action": [row.pk for row in rows], "confirmed": "1"}
    return _said(client.post(addresses.list_of(type(rows[0])), form, follow=True))


def on_page(client: Client, name: str, row: Model) -> list[str]:
    """Presses a button of the row's page, and means it."""
    return _said(client.post(named(type(row), "act", row.pk), {"act": name, "confirmed": "1"}, follow=True))


def offered(client: Client, row: Model) -> list[str]:
    """The buttons that the row's page shows."""
    response = client.get(addresses.page_of(row))
    assert response.status_code == 200
    names = [button.name for button in response.context["buttons"]]
    content = response.content.decode()
    assert all(f'name="act" value="{name}"' in " ".join(content.split()) for name in names)
    return names
