"""The base of every page of the admin: tenants apart, roles obeyed, lists light."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import BadRequest, ValidationError
from django.db import DataError, transaction
from django.db.models import CharField, JSONField, Model, Q, QuerySet, TextField
from django.db.models.constants import LOOKUP_SEP
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest
from django.utils.text import smart_split, unescape_string_literal
from unfold.paginator import InfinitePaginator

from pulse.numbers import row_id
from pulse.tenancy import audit
from pulse.tenancy.admin.shown import heavy_fields, json_column
from pulse.tenancy.models import Role
from pulse.tenancy.scoping import has_role, person, tenant_path, visible_to

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
    _ModelForm = forms.ModelForm[Model]
else:
    from unfold.admin import ModelAdmin as _ModelAdmin

    _ModelForm = forms.ModelForm

LARGEST_FILTER_CHOICES = 200
# What addresses may ask of a column. There are values that PostgreSQL refuses in others, such as patterns.
_LOOKUPS = frozenset(("id", "exact", "in", "isnull", "isempty", "gt", "gte", "lt", "lte"))


class LightChangeList(ChangeList):
    """A list that reads no unbounded column, except those it shows."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        if any("\0" in value for name in request.GET for value in request.GET.getlist(name)):
            raise IncorrectLookupParameters("no text column can hold the character U+0000")
        page = cast(PulseAdmin, self.model_admin)
        shown = {*map(str, self.list_display), *page.list_loads}
        unseen = [name for name in heavy_fields(self.model) if name not in shown]
        return super().get_queryset(request, exclude_parameters).defer(*unseen)

    def get_results(self, request: HttpRequest) -> None:
        """Reads the rows too: what no column of the kind can hold, such as an address "abc", PostgreSQL alone says."""
        super().get_results(request)
        try:
            with transaction.atomic():
                len(self.result_list)
        except DataError as error:
            raise IncorrectLookupParameters(str(error)) from error


class VisibleRelatedFilter(admin.RelatedFieldListFilter):
    """A filter that offers only what the person may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        rows = visible_to(person(request), field.remote_field.model._default_manager.order_by("name"))
        return [(str(pk), name) for pk, name in rows.values_list("pk", "name")[:LARGEST_FILTER_CHOICES]]


class ShallowJSONField(forms.JSONField):
    """JSON that people write: what nobody can read is refused, however deeply it is nested."""

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except RecursionError as error:
            raise ValidationError("It is nested too deeply.") from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What the form shows again."""
        try:
            return super().bound_data(data, initial)
        except RecursionError:
            return InvalidJSONInput(data)


class TenantForm(_ModelForm):
    """A form whose row refers to nothing of another tenant or integration."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for owner in ("tenant_id", "integration_id"):
            own = getattr(cleaned.get(owner.removesuffix("_id")), "pk", None) or getattr(self.instance, owner, None)
            for name, value in list(cleaned.items()):
                if isinstance(value, Model) and own and getattr(value, owner, own) != own:
                    self.add_error(name, f"{value} belongs to another {owner.removesuffix('_id')}.")
        return cleaned


class PulseAdmin(_ModelAdmin):
    """Base of all pages. Superusers see all rows, or those of the tenant they chose; other staff those of their own.

    ``relations`` are the foreign keys that the page shows; ``list_loads`` the unbounded columns that the list's methods
    need besides; ``hidden`` what is never shown nor searched; ``least_reader`` who may see rows, ``least_role``
    who may change them.
    """

    form = TenantForm
    relations: ClassVar[tuple[str, ...]] = ()
    list_loads: ClassVar[tuple[str, ...]] = ()
    hidden: ClassVar[tuple[str, ...]] = ()
    least_reader: ClassVar[Role] = Role.VIEWER
    least_role: ClassVar[Role] = Role.OPERATOR
    fixed_owner: ClassVar[tuple[str, ...]] = ("tenant", "integration")
    list_per_page = 50
    show_full_result_count = False
    list_disable_select_all = False

    def __init__(self, model: type[Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        self._fields = {field.name: field for field in model._meta.concrete_fields}
        self._json = {name: json_column(field) for name, field in self._fields.items() if isinstance(field, JSONField)}

    # Who may do what

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user = person(request)
        if not (user.is_active and user.is_staff and has_role(user, self.least_reader)):
            return False
        return user.is_superuser or (user.tenant_id is not None and tenant_path(self.model) is not None)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj) and has_role(person(request), self.least_role)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    # Whose rows

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = visible_to(person(request), super().get_queryset(request))
        if not self.relations:
            return rows
        unseen = [name for name in self._heavy_in_relations() if name not in self.list_loads]
        return rows.select_related(*self.relations).defer(*unseen)

    def _heavy_in_relations(self) -> list[str]:
        return [f"{path}__{name}" for path in self.relations for name in heavy_fields(self._related(path))]

    def _related(self, path: str) -> type[Model]:
        model: Any = self.model
        for part in path.split("__"):
            model = model._meta.get_field(part).related_model
        found: type[Model] = model
        return found

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, JSONField):
            kwargs.setdefault("form_class", ShallowJSONField)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        user = person(request)
        kwargs["queryset"] = visible_to(user, db_field.remote_field.model._default_manager.all())
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field and db_field.name == "tenant" and not user.sees_all:
            field.required, field.empty_label, field.initial = True, None, user.only_tenant_id
        return field

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        column, *asked = lookup.split(LOOKUP_SEP)
        # A prefix search would read a hidden value letter by letter.
        if column in self.hidden or not _LOOKUPS.issuperset(asked):
            return False
        return super().lookup_allowed(lookup, value, request)

    # Lists

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LightChangeList

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any) -> Any:
        """Does to the rows that were ticked what was chosen."""
        if self.list_disable_select_all and request.POST.get("select_across") == "1":
            raise BadRequest("rows are ticked one by one, or a page at a time")
        if any(row_id(pk) is None for pk in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            raise BadRequest("rows are ticked by their numbers")
        return super().response_action(request, queryset, *args, **kwargs)

    def get_list_display(self, request: HttpRequest) -> Any:
        columns = super().get_list_display(request)
        return [name for name in columns if name != "tenant" or person(request).sees_all]

    def get_list_filter(self, request: HttpRequest) -> Any:
        names = super().get_list_filter(request)
        seen = [name for name in names if name != "tenant" or person(request).sees_all]
        return [(name, VisibleRelatedFilter) if self._is_relation(name) else name for name in seen]

    def _is_relation(self, name: Any) -> bool:
        return isinstance(name, str) and name in self._fields and self._fields[name].is_relation

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Rows that have each of the words, as Django finds them, or the words as they stand: "job 12".

        Numbers are compared as numbers: Django makes texts of the rows', which no index has.
        """
        fields = [str(name) for name in self.get_search_fields(request)]
        words = [unescape_string_literal(part) if _is_quoted(part) else part for part in smart_split(search_term)]
        found = Q(*(self._having(word, fields) for word in words))
        if len(words) > 1:
            found |= self._having(search_term, fields)
        return queryset.filter(found), False

    def _having(self, words: str, fields: Sequence[str]) -> Q:
        """Rows that have the words in one of the search fields."""
        lookups = (self._lookup(name, words) for name in fields)
        return Q(*filter(None, lookups), _connector=Q.OR) or Q(pk__in=())

    def _lookup(self, name: str, words: str) -> tuple[str, str | int] | None:
        """None where the field has numbers and the words are none."""
        path = name.removesuffix("__exact")
        if path == name:
            return f"{name}__icontains", words
        if isinstance(get_fields_from_path(self.model, path)[-1], CharField | TextField):
            return name, words
        number = row_id(words)
        return None if number is None else (name, number)

    # One row

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        # Django looks for a field without a name where the address has an empty one.
        return super().get_object(request, object_id, from_field or None)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        names = [*super().get_readonly_fields(request, obj)]
        if obj is not None:
            names += [name for name in self.fixed_owner if name in self._fields and name not in names]
        return [self._json.get(name, name) for name in names]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Writes only what was changed: workers may have written the rest since the form was opened.

        Pages whose rows a service saves override it: the service notes what was done.
        """
        changed = [name for name in form.changed_data if name in self._fields]
        before = self._as_stored(obj, changed) if change else {}
        if change:
            obj.save(update_fields=[*changed, *({"last_updated_at"} & self._fields.keys())])
        else:
            obj.save()
        deed = "changed" if change else "created"
        audit.note(f"{self._thing}.{deed}", obj, audit.differences(before, audit.values(obj, changed)))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        audit.note(f"{self._thing}.deleted", obj, {"name": [str(obj), None]})
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with transaction.atomic():
            for row in queryset:
                audit.note(f"{self._thing}.deleted", row, {"name": [str(row), None]})
            super().delete_queryset(request, queryset)

    @property
    def _thing(self) -> str:
        """What its rows are, in the audit log's words."""
        return audit.thing_of(self.model)

    def _as_stored(self, obj: Any, names: Sequence[str]) -> dict[str, Any]:
        return audit.values(self.model._default_manager.get(pk=obj.pk), names)


def _is_quoted(part: str) -> bool:
    return part[0] in "\"'" and part[0] == part[-1]


class ReadOnlyAdmin(PulseAdmin):
    """Base of pages about what workers write. Their tables grow without bound, so nothing counts their rows."""

    paginator = InfinitePaginator
    list_disable_select_all = True
    show_facets = admin.ShowFacets.NEVER

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        names = [name for name in self._fields if name != "id" and name not in self.hidden]
        return [self._json.get(name, name) for name in names]
