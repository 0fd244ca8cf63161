"""What a query may bring, and what it costs: counted from its arguments before anything is read.

https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLError,
    GraphQLField,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)
from graphql.execution.values import VariableValues, get_argument_values

from integrations.sandbox.github.refusals import Refusal

MOST_NODES, MOST_A_PAGE = 500_000, 100
REQUESTS_A_POINT = 100


@dataclass(slots=True)
class Price:
    """`requests` are the pages that would have to be fetched if every page were full."""

    nodes: int = 0
    requests: int = 0
    errors: list[GraphQLError] = field(default_factory=list)

    @property
    def cost(self) -> int:
        # Halves round up.
        return max(1, int(self.requests / REQUESTS_A_POINT + 0.5))


def price(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: VariableValues
) -> Price:
    """The price of a query that is valid. Its `errors` say which pages have no size or too large a one."""
    fragments = {found.name.value: found for found in document.definitions if isinstance(found, FragmentDefinitionNode)}
    pricing = _Pricing(schema, fragments, variables, Price())
    root = schema.get_root_type(operation.operation)
    if root:
        pricing.walk(operation.selection_set, root, 1, [])
    found = pricing.price
    if found.nodes > MOST_NODES and not found.errors:
        message = f"This query requests up to {found.nodes:,} possible nodes which exceeds the maximum limit of "
        refused = Refusal("MAX_NODE_LIMIT_EXCEEDED", f"{message}{MOST_NODES:,}.")
        found.errors.append(GraphQLError(refused.message, [operation], original_error=refused))
    return found


@dataclass(slots=True)
class _Pricing:
    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: VariableValues
    price: Price

    def walk(
        self, selections: SelectionSetNode, parent: GraphQLCompositeType, times: int, path: list[str | int]
    ) -> None:
        """`times`: for how many objects the selections are fetched at most."""
        for node, owner in self._fields(selections, parent):
            definition = self.schema.get_field(owner, node.name.value)
            if definition is None:
                continue
            here = [*path, node.alias.value if node.alias else node.name.value]
            inner = times * self._size(definition, node, times, here)
            found = get_named_type(definition.type)
            if node.selection_set and is_composite_type(found):
                self.walk(node.selection_set, found, inner, here)

    def _fields(
        self, selections: SelectionSetNode, parent: GraphQLCompositeType
    ) -> Iterator[tuple[FieldNode, GraphQLCompositeType]]:
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield node, parent
            elif isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                yield from self._fields(fragment.selection_set, self._type(fragment.type_condition.name.value))
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                inner = self._type(condition.name.value) if condition else parent
                yield from self._fields(node.selection_set, inner)

    def _type(self, name: str) -> GraphQLCompositeType:
        found = self.schema.type_map[name]
        assert is_composite_type(found)
        return found

    def _size(self, definition: GraphQLField, node: FieldNode, times: int, path: list[str | int]) -> int:
        """How many objects one object's field brings."""
        arguments = get_argument_values(definition, node, self.variables)
        if not get_named_type(definition.type).name.endswith("Connection"):
            return len(arguments["ids"]) if "ids" in arguments else 1
        size = self._page_size(arguments, node, path)
        self.price.requests += times
        self.price.nodes += times * size
        return size

    def _page_size(self, arguments: Mapping[str, Any], node: FieldNode, path: list[str | int]) -> int:
        name = node.name.value
        given = {word: arguments[word] for word in ("first", "last") if arguments.get(word) is not None}
        refused = None
        if not given:
            message = f"You must provide a `first` or `last` value to properly paginate the `{name}` connection."
            refused = Refusal("MISSING_PAGINATION_BOUNDARIES", message)
        elif len(given) == 2:
            message = f"Passing both `first` and `last` to paginate the `{name}` connection is not supported."
            refused = Refusal("UNPROCESSABLE", message)
        for word, wanted in given.items():
            if wanted > MOST_A_PAGE:
                message = f"Requesting {wanted} records on the `{name}` connection exceeds the `{word}` limit of "
                refused = Refusal("EXCESSIVE_PAGINATION", f"{message}{MOST_A_PAGE} records.")
            elif wanted < 0:
                message = f"`{word}` on the `{name}` connection cannot be less than zero."
                refused = Refusal("INVALID_PAGINATION_BOUNDARIES", message)
        if refused:
            self.price.errors.append(GraphQLError(refused.message, [node], path=path, original_error=refused))
            return 0
        size: int = max(given.values())
        return min(size, MOST_A_PAGE)
