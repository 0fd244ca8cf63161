"""What vendors publish of their APIs, as `make test` installs it beside the tests."""

from functools import cache
from pathlib import Path

import orjson
from graphql import GraphQLSchema, build_client_schema

FOLDER = Path(__file__).resolve().parents[1] / "published"
# Not schema.graphql: that file of the package names some fields twice.
GITHUB = FOLDER / "node_modules" / "@octokit" / "graphql-schema" / "schema.json"


@cache
def github_schema() -> GraphQLSchema:
    """GitHub's GraphQL schema. Building it takes a second, so it is built once in each process."""
    if not GITHUB.exists():
        raise FileNotFoundError(f"{GITHUB} is missing: `make test` installs it, and so does `npm ci` in {FOLDER}")
    content = orjson.loads(GITHUB.read_bytes())
    return build_client_schema(content.get("data", content), assume_valid=True)
