"""The pages about what an integration's fields, statuses and types mean."""

import re
from typing import Any

from django.db.models import Model
from django.test import Client
from django.urls import reverse

from integrations.models import Integration


def page_of(model: type[Model], integration: Integration, page: str = "of") -> str:
    return reverse(f"admin:custommapping_{model._meta.model_name}_{page}", args=[integration.pk])


def form_of(client: Client, address: str) -> dict[str, Any]:
    """What a browser would send of the page's form: all that stands in it."""
    content = client.get(address).content.decode()
    sent: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", content):
        found = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if found.get("type") not in ("checkbox", "file", "submit") and "name" in found:
            sent.setdefault(found["name"], []).append(found.get("value", ""))
    for name, options in re.findall(r'<select name="([^"]+)".*?>(.*?)</select>', content, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)"[^>]* selected', options)
        sent[name] = [chosen.group(1) if chosen else ""]
    sent.pop("csrfmiddlewaretoken", None)
    return sent


def texts(response: Any) -> list[str]:
    """The messages that a page shows, or has left for the next one."""
    return [str(message) for message in response.context["messages"]]


def said(client: Client, response: Any) -> list[str]:
    """The messages on the page that the answer leads to."""
    assert response.status_code == 302, response.content.decode()
    return texts(client.get(response["Location"]))
