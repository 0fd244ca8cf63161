"""POST /graphql: reading, checking, pricing, paying for and answering a query.

https://docs.github.com/en/graphql/guides/forming-calls-with-graphql
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeGuard

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    SelectionSetNode,
    execute,
    get_operation_ast,
    parse,
    validate,
)
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values

from integrations.sandbox.damage import TEXT_DAMAGES
from integrations.sandbox.github.api import GitHubApi, with_headers
from integrations.sandbox.github.budgets import GRAPHQL
from integrations.sandbox.github.callers import Caller
from integrations.sandbox.github.context import Call
from integrations.sandbox.github.pricing import Price, price
from integrations.sandbox.github.refusals import Denied, Refusal
from integrations.sandbox.github.schema import served_schema
from integrations.sandbox.http import ApiError, Request, Response

Read = tuple[DocumentNode | None, tuple[GraphQLError, ...]]


class Unusable(Exception):
    """A query that is refused before anything is read, with the errors that say why."""

    def __init__(self, *errors: GraphQLError) -> None:
        super().__init__(*errors)
        self.errors = errors


def answer(api: GitHubApi, caller: Caller, request: Request) -> Response:
    """Raises Denied 400 for a body that holds no query."""
    text, variables, name = _body(request)
    try:
        document, operation, values = _read(text, variables, name)
        found = price(served_schema(), document, operation, values)
        if found.errors:
            raise Unusable(*found.errors)
    except Unusable as refused:
        return with_headers(_errors(refused.errors), api.standing(caller, GRAPHQL))
    if _is_dry_run(operation, values):
        return _answer_dry(api, caller, found, operation)
    charge = api.spend(caller, GRAPHQL, found.cost)
    if isinstance(charge, Response):
        return charge
    call = Call(api.site, api.faults, caller, found, charge)
    result = _execute(call, document, variables, name)
    if api.faults.heavy_nodes and call.served > api.faults.heavy_nodes:
        # It was worked on until the time was over: that costs more than an answer.
        api.spend(caller, GRAPHQL, found.cost)
        return api.faults.heavy()
    return with_headers(_damaged(api, _shown(result)), charge)


def _damaged(api: GitHubApi, response: Response) -> Response:
    """Works on the bytes: no JSON writer would write these."""
    body = response.body
    for name, damage in api.faults.issues.items():
        title = orjson.dumps(api.site.find(name).title)
        body = body.replace(title, b'"' + TEXT_DAMAGES[damage] + title[1:])
    return replace(response, body=body)


def _body(request: Request) -> tuple[str, dict[str, Any], str | None]:
    try:
        body = request.json()
    except ApiError:
        raise Denied(400, "Problems parsing JSON") from None
    query = body.get("query") if isinstance(body, dict) else None
    if not isinstance(query, str):
        raise Denied(400, "A query attribute must be specified and must be a string.")
    variables = body.get("variables") or {}
    if not isinstance(variables, dict):
        raise Denied(400, "Variables must be a JSON object.")
    return query, variables, body.get("operationName")


def _read(
    text: str, variables: dict[str, Any], name: str | None
) -> tuple[DocumentNode, OperationDefinitionNode, VariableValues]:
    """Raises Unusable."""
    document, errors = _parsed(text)
    if document is None or errors:
        raise Unusable(*errors)
    operation = get_operation_ast(document, name)
    if operation is None:
        raise Unusable(GraphQLError(f"No operation named {name!r}" if name else "An operation name is required"))
    values = get_variable_values(served_schema(), operation.variable_definitions or (), variables)
    if isinstance(values, list):
        raise Unusable(*values)
    return document, operation, values


# A client sends the same few texts again and again; reading one takes longer than answering many a page.
@lru_cache(256)
def _parsed(text: str) -> Read:
    try:
        document = parse(text)
    except GraphQLSyntaxError as error:
        return None, (error,)
    return document, tuple(validate(served_schema(), document))


def _execute(call: Call, document: DocumentNode, variables: dict[str, Any], name: str | None) -> ExecutionResult:
    # One page tells of one moment: nothing changes meanwhile.
    with call.site.lock:
        result = execute(
            served_schema(),
            document,
            context_value=call,
            variable_values=variables,
            operation_name=name,
            # Nothing here waits for anything: asking each value costs a quarter of the time.
            is_awaitable=_never,
            is_async_iterable=_never,
        )
    assert isinstance(result, ExecutionResult)
    return result


def _never(value: object) -> TypeGuard[Any]:
    return False


def _is_dry_run(operation: OperationDefinitionNode, values: VariableValues) -> bool:
    query = served_schema().query_type
    assert query
    return any(
        get_argument_values(query.fields["rateLimit"], node, values).get("dryRun") for node in _rate_limits(operation)
    )


def _rate_limits(operation: OperationDefinitionNode) -> list[FieldNode]:
    found = operation.selection_set.selections
    return [node for node in found if isinstance(node, FieldNode) and node.name.value == "rateLimit"]


def _answer_dry(api: GitHubApi, caller: Caller, found: Price, operation: OperationDefinitionNode) -> Response:
    """The price alone: nothing else is read, and nothing is charged."""
    standing = api.standing(caller, GRAPHQL)
    # Without their arguments: those may be variables, and would be asked for.
    limits = tuple(
        FieldNode(name=node.name, alias=node.alias, selection_set=node.selection_set)
        for node in _rate_limits(operation)
    )
    alone = OperationDefinitionNode(operation=operation.operation, selection_set=SelectionSetNode(selections=limits))
    call = Call(api.site, api.faults, caller, found, standing)
    result = _execute(call, DocumentNode(definitions=(alone,)), {}, None)
    return with_headers(_shown(result), standing)


def _shown(result: ExecutionResult) -> Response:
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body["errors"] = [_error(error) for error in result.errors]
    return Response.json(body)


def _errors(errors: tuple[GraphQLError, ...]) -> Response:
    return Response.json({"errors": [_error(error) for error in errors]})


def _error(error: GraphQLError) -> dict[str, Any]:
    """With the type beside the message, where GitHub has it, and not among the extensions."""
    cause = error.original_error
    shown: dict[str, Any] = {}
    if isinstance(cause, Refusal):
        shown["type"] = cause.type
    elif cause is not None and not isinstance(cause, GraphQLError):
        # A bug of the sandbox must not look like an answer of GitHub.
        raise cause
    if error.path:
        shown["path"] = error.path
    if isinstance(cause, Refusal) and cause.extensions:
        shown["extensions"] = cause.extensions
    places = [{"line": place.line, "column": place.column} for place in error.locations or ()]
    return shown | ({"locations": places} if places else {}) | {"message": error.message}
