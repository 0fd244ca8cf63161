"""The base of every endpoint: who asks, for which tenant, what they may do, and what they said.

A view cannot forget any of it: all is decided before its method is called, and `rows` is its one way to rows. An
endpoint is a subclass of `ApiView` with ``forms`` (what each method takes) and ``answers`` (what comes back: see
`etl.api.describing`), methods that call one function and answer with a Response, a line in `etl.api.urls`, and a case
in tests/etl/api/cases. What services raise (`Refused`, `Outdated`, `IllegalTransition`) is answered by
`etl.api.errors`: views catch none of it.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, ClassVar, TypeVar, cast

from django.db.models import Model, QuerySet
from rest_framework import exceptions
from rest_framework.authentication import SessionAuthentication
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from etl.api import errors
from etl.api.auth import TENANT, InternalAuthentication, KeyAuthentication, TokenAuthentication, named_tenant
from etl.api.describing import Body, Description
from etl.api.forms import Form
from etl.api.paging import page
from etl.api.parsing import JsonBody
from etl.api.rendering import Json
from etl.queue.topology import Tier
from integrations.models import Integration
from pulse.postgres.scope import platform_scope, tenant_scope
from pulse.tenancy import keys
from pulse.tenancy.audit import acting, actor_of
from pulse.tenancy.models import ApiKey, Role, Tenant, User
from pulse.tenancy.scoping import has_role, person, visible_to
from pulse.tenancy.throttling import KeyThrottle, TenantThrottle

M = TypeVar("M", bound=Model)

READING = ("GET", "HEAD")
# Their parameters stand in the address.
WITHOUT_BODY = (*READING, "DELETE")


class JsonView(APIView):
    """Takes JSON, answers with JSON, errors in the one shape. Its ``forms`` say, by method, what may be given.

    The query's parameters of GET and DELETE, the body of the others; a method without a form takes nothing. What was
    given stands in ``given`` when the method is called.
    """

    parser_classes: Sequence[type[BaseParser]] = (JsonBody,)
    renderer_classes = (Json,)
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    schema = Description()
    forms: ClassVar[Mapping[str, type[Form]]] = {}
    answers: ClassVar[Mapping[str, Body]] = {}
    given: dict[str, Any]
    _within: ExitStack

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        # Whose rows there are is decided in between, and holds until there is an answer.
        with ExitStack() as self._within:
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method not in self.allowed_methods:
            raise exceptions.MethodNotAllowed(str(request.method))
        self.decide(request)
        self._within.enter_context(acting(actor_of(request)))
        self.given = self._given(request)

    def decide(self, request: Request) -> None:
        """Decides, before the form is read, what else the method needs."""

    def get_exception_handler(self) -> Any:
        return errors.problem

    def _given(self, request: Request) -> dict[str, Any]:
        parameters = _parameters(request)
        data: Any = parameters
        if request.method not in WITHOUT_BODY:
            # Who puts into the address what belongs into the body shall be told.
            Form(data=parameters).is_valid(raise_exception=True)
            data = request.data
        form = self.forms.get("GET" if request.method in READING else str(request.method), Form)(data=data)
        form.is_valid(raise_exception=True)
        given: dict[str, Any] = form.validated_data
        return given


class RoleAllows(IsAuthenticated):
    """Who is logged in may do what their role allows; who comes with a key, where its scopes lead."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        user, least = person(request), cast(ApiView, view).least_role(str(request.method))
        if not has_role(user, least):
            raise exceptions.PermissionDenied(f"this needs the role {least}; {user.username} is {user.role}")
        if isinstance(request.auth, ApiKey):
            _check_scopes(request.auth, request)
        return True


def _check_scopes(key: ApiKey, request: Request) -> None:
    """Raises PermissionDenied where the key does not lead."""
    match = request.resolver_match
    if match is None or not keys.may_enter(key, match.route, reading=request.method in READING):
        raise exceptions.PermissionDenied(f"the API key {key.prefix}… does not lead here: see its scopes")


class ForPeople(BasePermission):
    """Who comes with a key makes no other: one that was stolen ends when it is withdrawn."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if person(request).pk is None:
            raise exceptions.PermissionDenied("this is for people who are logged in, not for programs with a key")
        return True


class ApiView(JsonView):
    """Base of all endpoints for people: within the caller's ``tenant`` alone.

    Viewers read, operators change; ``roles`` says by method where that is otherwise. Superusers name the tenant as
    ``?tenant_id=``.
    """

    authentication_classes = (TokenAuthentication, KeyAuthentication, InternalAuthentication, SessionAuthentication)
    permission_classes: Sequence[type[BasePermission]] = (RoleAllows,)
    throttle_classes = (KeyThrottle, TenantThrottle)
    roles: ClassVar[Mapping[str, Role]] = {}
    takes_tenant = True
    tenant: Tenant

    @property
    def user(self) -> User:
        return person(self.request)

    @property
    def trigger(self) -> str:
        """What runs that the caller starts say of who started them."""
        return f"API: {self.user.username}"[:50]

    def least_role(self, method: str) -> Role:
        return self.roles.get(method, Role.VIEWER if method in READING else Role.OPERATOR)

    def decide(self, request: Request) -> None:
        self.tenant = _tenant(self.user, request.query_params.get(TENANT))
        self._within.enter_context(tenant_scope(self.tenant.pk))

    def rows(self, model: type[M]) -> QuerySet[M]:
        """The tenant's rows of a table, as far as the caller may see them."""
        return visible_to(self.user, model._default_manager.all(), self.tenant)

    def row(self, model: type[M], pk: int, name: str = "id") -> M:
        """One of them. Raises NoSuchRow with that name."""
        found = self.rows(model).filter(pk=pk).first()
        if found is None:
            raise errors.NoSuchRow(name, pk)
        return found

    def integration(self) -> Integration:
        """The integration that ``integration_id`` in the form names. Raises NoSuchRow."""
        return self.row(Integration, self.given["integration_id"], "integration_id")

    def filtered(self, rows: QuerySet[M], *names: str) -> QuerySet[M]:
        """The rows of the integration, if one was given, whose columns of those names are as they were given, if so."""
        if "integration_id" in self.given:
            rows = rows.filter(integration=self.integration())
        return rows.filter(**{name: self.given[name] for name in names if name in self.given})

    def page(self, rows: QuerySet[M], keys: Sequence[str], answer: type[BaseSerializer[Any]]) -> dict[str, Any]:
        """The page of the rows that the form, a `PageForm`, asks for (see `etl.api.paging`)."""
        return page(rows, keys, self.given, lambda found: answer(found, many=True, context={"view": self}).data)


class InstallationView(ApiView):
    """Base of endpoints about what all tenants share: ``tier`` is the part that the caller may see, None all of it.

    Members see what serves their tenant. Superusers see everything, or what serves the tenant that they name.
    """

    tier: Tier | None

    def decide(self, request: Request) -> None:
        asked = request.query_params.get(TENANT)
        if self.user.is_superuser and asked is None:
            self.tier = None
            self._within.enter_context(platform_scope())
            return
        super().decide(request)
        self.tier = Tier(self.tenant.tier)


class ForSuperusers(BasePermission):
    """What serves all tenants is not for one of them to change."""

    free: ClassVar[Sequence[str]] = READING

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = person(request)
        if request.method not in self.free and not user.is_superuser:
            raise exceptions.PermissionDenied(f"this is for superusers, since it is every tenant's; {user} is none")
        return True


class ForSuperusersAlone(ForSuperusers):
    """Nor to read."""

    free = ()


class NoSuchAddress(JsonView):
    """What has no other address."""

    authentication_classes = ()
    permission_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise exceptions.NotFound(f"there is nothing at {request.path}")


def _parameters(request: Request) -> dict[str, str]:
    twice = [name for name, values in request.query_params.lists() if len(values) > 1]
    if twice:
        raise exceptions.ValidationError({name: ["is given more than once"] for name in twice})
    return {name: value for name, value in request.query_params.dict().items() if name != TENANT}


def _tenant(user: User, asked: str | None) -> Tenant:
    """The tenant that the request is about."""
    if user.is_superuser:
        return named_tenant(asked or user.tenant_id)
    if user.tenant is None:
        raise exceptions.PermissionDenied(f"{user.username} belongs to no tenant")
    if asked is not None and asked != str(user.tenant_id):
        raise errors.NoSuchRow(TENANT, asked)
    if not user.tenant.active:
        raise exceptions.PermissionDenied(f"tenant {user.tenant} is inactive")
    return user.tenant
