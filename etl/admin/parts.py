"""Pages of which a script keeps a part up to date (fresh.js): a view answers with the page, or with the part alone."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

# What the script says where it wants the part.
ASKS_FOR_PART = "X-Part"


def answer(page: "admin.ModelAdmin[Any]", request: HttpRequest, name: str, title: str, **shown: Any) -> HttpResponse:
    """The page ``etl/operations/<name>.html`` with its part ``<name>_part.html``, or that part."""
    part = f"etl/operations/{name}_part.html"
    if ASKS_FOR_PART in request.headers:
        return TemplateResponse(request, part, {"opts": page.opts, **shown})
    request.current_app = page.admin_site.name
    known = {"opts": page.opts, "title": title, "is_fullwidth": "1", "part": part}
    more = {**page.admin_site.each_context(request), **known}
    return TemplateResponse(request, f"etl/operations/{name}.html", {**more, **shown})
