"""`search`: the tenant's rows that are nearest in meaning to a text."""

from dataclasses import asdict

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.base import ApiView
from etl.api.describing import Results
from etl.api.forms import Form, IdField, OneOfField
from etl.embedding import search
from etl.embedding.texts import EMBEDDED_TABLES
from integrations.registry import get_provider, provider_names

MOST = 100
LONGEST = 2000


class SearchForm(Form):
    """``q`` is what is looked for, in any words; the others narrow it."""

    q = serializers.CharField(max_length=LONGEST)
    table_name = OneOfField(EMBEDDED_TABLES, required=False)
    source_type = OneOfField(sorted({get_provider(name).source_type for name in provider_names()}), required=False)
    integration_id = IdField(required=False)
    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=10)


class SearchView(ApiView):
    """GET: the rows that mean nearly the same, the nearest first. Words need not be the same."""

    forms = {"GET": SearchForm}
    answers = {"GET": Results(search.Match)}

    def get(self, request: Request) -> Response:
        if "integration_id" in self.given:
            self.integration()
        narrowed = {name: value for name, value in self.given.items() if name != "q"}
        hits = search.search(self.tenant.pk, self.given["q"], **narrowed)
        return Response({"results": [asdict(match) for match in search.matches(self.tenant.pk, hits)]})
