"""The documents that are sent to GitHub, and nothing else: each is one operation with the fragments that it needs.

Sizes of pages are variables everywhere: what is too much for the site is asked for in smaller ones. ``$parts`` are the
commits, reviews, comments and labels of each pull request. Without ``$lineCounts`` commits do not say how many lines
they changed; without ``$whole`` all but ids is left out.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Query:
    """``text`` is a document whose only operation is called ``name``."""

    name: str
    text: str


_PAGE = "pageInfo { hasNextPage endCursor }"
_LIMITS = "rateLimit { cost remaining resetAt }"
_NEWEST_FIRST = "orderBy: { field: UPDATED_AT, direction: DESC }"
# In this order wherever it is asked for: what comes in another one counts as changed.
_PULL_REQUEST = "id fullDatabaseId databaseId number updatedAt ...pullRequest @include(if: $whole)"
_LISTED = f"{_NEWEST_FIRST}) {{ {_PAGE} nodes {{ {_PULL_REQUEST} }} }}"
_FRAGMENTS: Mapping[str, str] = {
    "actor": "on Actor { __typename login ... on User { name } }",
    "repository": """on Repository {
      id databaseId nameWithOwner url description isPrivate isArchived isFork isDisabled isEmpty
      defaultBranchRef { name } }""",
    "commits": f"""on PullRequestCommitConnection {{ totalCount {_PAGE} nodes {{ commit {{
      oid message additions @include(if: $lineCounts) deletions @include(if: $lineCounts) authoredDate committedDate
      author {{ name email user {{ __typename login name }} }} }} }} }}""",
    "reviews": f"""on PullRequestReviewConnection {{ totalCount {_PAGE} nodes {{
      id fullDatabaseId databaseId state createdAt submittedAt body author {{ ...actor }} }} }}""",
    "comments": f"""on IssueCommentConnection {{ totalCount {_PAGE} nodes {{
      id fullDatabaseId databaseId createdAt updatedAt body author {{ ...actor }} }} }}""",
    "labels": f"on LabelConnection {{ totalCount {_PAGE} nodes {{ name }} }}",
    "threads": f"""on PullRequestReviewThreadConnection {{ totalCount {_PAGE} nodes {{
      id isResolved comments(first: $threadComments) {{ ...threadComments }} }} }}""",
    "threadComments": f"""on PullRequestReviewCommentConnection {{ totalCount {_PAGE} nodes {{
      id fullDatabaseId databaseId createdAt updatedAt body path line originalLine author {{ ...actor }}
      pullRequestReview {{ id fullDatabaseId databaseId }} }} }}""",
    "pullRequest": """on PullRequest {
      id fullDatabaseId databaseId number url title body state isDraft createdAt updatedAt closedAt mergedAt
      author { ...actor } mergedBy { ...actor } additions deletions changedFiles reviewDecision
      baseRefName headRefName headRepository { nameWithOwner } mergeCommit { oid }
      labels(first: $parts) { ...labels } commits(first: $parts) { ...commits } reviews(first: $parts) { ...reviews }
      comments(first: $parts) { ...comments } reviewThreads(first: $threads) { ...threads } }""",
    "pullRequests": f"""on Repository {{ ...repository
      pullRequests(first: $first, after: $after, {_LISTED} }}""",
    "pullRequestsFrom": f"""on Repository {{ ...repository
      pullRequests(first: $first, headRefName: $head, {_LISTED} }}""",
}
# Enterprise Server has these since some version only; where they are missing they are read as null.
NEWER_FIELDS = frozenset(("fullDatabaseId", "isEmpty", "line", "originalLine"))
_SPREAD = re.compile(r"\.\.\.(\w+)")
_PULL_REQUEST_SIZES = "$parts: Int!, $threads: Int!, $threadComments: Int!, $lineCounts: Boolean!, $whole: Boolean!"


def without(document: str, fields: Collection[str]) -> str:
    """The document without some of `NEWER_FIELDS`."""
    return re.sub(rf"\b({'|'.join(fields)})\b", "", document) if fields else document


def _query(name: str, variables: str, selection: str) -> Query:
    operation = f"query {name}({variables}) {{ {selection} {_LIMITS} }}"
    return Query(name, "\n".join([operation, *(f"fragment {used} {_FRAGMENTS[used]}" for used in _used(operation))]))


def _used(text: str) -> list[str]:
    """The names of the fragments that a text spreads, and of those that they spread, each once."""
    found = list(dict.fromkeys(_SPREAD.findall(text)))
    # It grows meanwhile.
    for name in found:
        found += [inner for inner in dict.fromkeys(_SPREAD.findall(_FRAGMENTS[name])) if inner not in found]
    return found


# Repositories that belong to the owner: a person's list would else hold those of others that he works on.
REPOSITORIES = _query(
    "repositories",
    "$login: String!, $first: Int!, $after: String",
    f"""repositoryOwner(login: $login) {{ __typename login repositories(first: $first, after: $after,
      ownerAffiliations: [OWNER], orderBy: {{ field: CREATED_AT, direction: ASC }}) {{
        totalCount {_PAGE} nodes {{ ...repository }} }} }}""",
)
REPOSITORY = _query(
    "repository", "$owner: String!, $name: String!", "repository(owner: $owner, name: $name) { ...repository }"
)
# The first page of a repository is asked for by its name. The others by its id: names change hands.
PULL_REQUESTS = _query(
    "pullRequests",
    f"$owner: String!, $name: String!, $first: Int!, $after: String, {_PULL_REQUEST_SIZES}",
    "repository(owner: $owner, name: $name) { ...pullRequests }",
)
PULL_REQUESTS_OF = _query(
    "pullRequestsOf",
    f"$id: ID!, $first: Int!, $after: String, {_PULL_REQUEST_SIZES}",
    "repository: node(id: $id) { ...pullRequests }",
)
# Those of a branch.
PULL_REQUESTS_FROM = _query(
    "pullRequestsFrom",
    f"$owner: String!, $name: String!, $head: String!, $first: Int!, {_PULL_REQUEST_SIZES}",
    "repository(owner: $owner, name: $name) { ...pullRequestsFrom }",
)
PULL_REQUESTS_BY_ID = _query(
    "pullRequestsById",
    f"$ids: [ID!]!, {_PULL_REQUEST_SIZES}",
    f"nodes(ids: $ids) {{ ... on PullRequest {{ {_PULL_REQUEST} repository {{ ...repository }} }} }}",
)
# Where pull requests stand in the list that pages are read from.
PLACES = _query(
    "places",
    "$id: ID!, $first: Int!, $after: String",
    f"""repository: node(id: $id) {{ ... on Repository {{
      pullRequests(first: $first, after: $after, {_NEWEST_FIRST}) {{ {_PAGE} edges {{ cursor node {{ updatedAt }} }} }}
    }} }}""",
)
# The same by name, for a first look.
SOUGHT_PLACES = _query(
    "soughtPlaces",
    "$owner: String!, $name: String!, $first: Int!, $after: String",
    f"""repository(owner: $owner, name: $name) {{ id databaseId nameWithOwner
      pullRequests(first: $first, after: $after, {_NEWEST_FIRST}) {{ {_PAGE} edges {{ cursor node {{ updatedAt }} }} }}
    }}""",
)
# All that tells whether a pull request is the one that is stored.
PULL_REQUEST_LISTING = _query(
    "pullRequestListing",
    "$owner: String!, $name: String!, $first: Int!, $after: String",
    f"""repository(owner: $owner, name: $name) {{ id databaseId nameWithOwner
      pullRequests(first: $first, after: $after, {_NEWEST_FIRST}) {{
        totalCount {_PAGE} nodes {{ id fullDatabaseId databaseId createdAt updatedAt }} }} }}""",
)


def _rest(connection: str, fragment: str, more: str = "") -> Query:
    return _query(
        f"{fragment}OfPullRequest",
        f"$id: ID!, $first: Int!, $after: String, $whole: Boolean!{more}",
        f"""node(id: $id) {{ ... on PullRequest {{ id fullDatabaseId databaseId
          {connection}(first: $first, after: $after) @include(if: $whole) {{ ...{fragment} }} }} }}""",
    )


# What a pull request has of each of these goes on behind its page.
REST: Mapping[str, Query] = {
    "commits": _rest("commits", "commits", ", $lineCounts: Boolean!"),
    **{connection: _rest(connection, connection) for connection in ("reviews", "comments", "labels")},
    "reviewThreads": _rest("reviewThreads", "threads", ", $threadComments: Int!"),
}
THREAD_REST = _query(
    "commentsOfThread",
    "$id: ID!, $first: Int!, $after: String, $whole: Boolean!",
    """node(id: $id) { ... on PullRequestReviewThread { id
      comments(first: $first, after: $after) @include(if: $whole) { ...threadComments } } }""",
)
QUERIES = (
    REPOSITORIES, REPOSITORY, PULL_REQUESTS, PULL_REQUESTS_OF, PULL_REQUESTS_FROM, PULL_REQUESTS_BY_ID, PLACES,
    SOUGHT_PLACES,
    PULL_REQUEST_LISTING,
    *REST.values(), THREAD_REST,
)  # fmt: skip
