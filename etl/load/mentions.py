"""Links of work items to the pull requests whose text mentions their keys, and to rows of those that the source links.

A work item and a pull request have one link: the source's own (see `etl.load.links`) wherever there is one, else one of
the source "mention" while a key that the pull request mentions is, or was, that of an active work item of its tenant.

What is right depends on work items, pull requests and links, each of which is loaded in any order and beside the
others. So whoever changes one of them then derives the mentions of what it changed, and loads of pull requests do that
alone in their tenant: of two loads, the one that derives last sees what the other has changed.
"""

from collections.abc import Collection

from etl.models.code import MENTION
from etl.sql import execute, fetch

TABLE = "work_items_prs_links"

_KEYS = ("work_item_id", "source", "kind", "external_id")
_VALUES = (
    "integration_id",
    "pr_id",
    "external_repo",
    "pr_number",
    "url",
    "title",
    "state",
    "author",
    "last_changed_at",
    "raw_data_id",
)
_FROM_SOURCE = f"kind = 'pull_request' AND source <> '{MENTION}'"


def lock(tenant_id: int, *, exclusive: bool) -> None:
    """Until the transaction's end. To be held by whoever writes work items or links, before it locks a row of these.

    Exclusively by whoever derives the links of pull requests; that may be late: nobody who holds the lock waits for a
    row of a pull request, which references do not lock against being written.
    """
    shared = "" if exclusive else "_shared"
    execute(f"SELECT pg_advisory_xact_lock{shared}(hashtext('pulse mentions'), %s)", [tenant_id])


def pull_request_of(repository: str, number: str, url: str) -> str:
    """The id of the tenant's pull request of that name, number and site, as a subquery over three SQL expressions.

    The site is that of the address, any where there is none: the same name and number elsewhere is another one.
    Any integration may have brought it; names know no case. Where several go by one name, since two integrations read
    the repository, or it was deleted and made anew, the newest is meant.
    """
    return f"""SELECT b.id FROM repositories n JOIN prs b ON b.repository_id = n.id
        WHERE n.tenant_id = %(tenant)s AND lower(n.full_name) = lower({repository}) AND b.number = {number}
          AND ({_site("b.url")} = {_site(url)} OR '' IN ({_site("b.url")}, {_site(url)}))
        ORDER BY b.created DESC, b.integration_id, b.external_id LIMIT 1"""


def _site(url: str) -> str:
    """The host of an address, without what may be left out of it: the port that goes without saying, 'www.'."""
    return rf"regexp_replace(lower(split_part({url}, '/', 3)), '^(.*@)?(www\.)?|:(443|80)$', '', 'g')"


def link_work_items(tenant_id: int, item_ids: Collection[int]) -> None:
    """Derives the mentions of work items that were written, became inactive, or whose links were loaded."""
    # Most of what is loaded is of tenants without any.
    if item_ids and fetch("SELECT 1 FROM prs WHERE tenant_id = %s LIMIT 1", [tenant_id]):
        execute(OF_WORK_ITEMS, {"tenant": tenant_id, "ids": list(item_ids)})


def link_pull_requests(tenant_id: int, pr_ids: Collection[int], repository_ids: Collection[int] = ()) -> None:
    """Has the links that sources gave, and the mentions, follow these pull requests and all of these repositories.

    The last thing that a load does: it takes the lock exclusively.
    """
    if not pr_ids and not repository_ids:
        return
    lock(tenant_id, exclusive=True)
    touched = fetch(_NAMESAKES, {"tenant": tenant_id, "ids": list(pr_ids), "repositories": list(repository_ids)})
    ids = [row[0] for row in touched]
    left = [row[0] for row in fetch(_AIM, {"tenant": tenant_id, "ids": ids}) if row[0]]
    execute(OF_PULL_REQUESTS, {"tenant": tenant_id, "ids": [*ids, *left]})


# Also all others of the same name and number: which of them is meant may have changed.
_NAMESAKES = """
    SELECT DISTINCT o.id
    FROM (SELECT repository_id, number FROM prs WHERE id = ANY(%(ids)s)
          UNION ALL SELECT repository_id, number FROM prs WHERE repository_id = ANY(%(repositories)s)) p
    JOIN repositories r ON r.id = p.repository_id
    CROSS JOIN LATERAL (
        SELECT b.id FROM repositories n JOIN prs b ON b.repository_id = n.id AND b.number = p.number
        WHERE n.tenant_id = %(tenant)s AND lower(n.full_name) = lower(r.full_name) OFFSET 0) o"""

# A link whose pull request goes by another name now keeps it: only another one of the link's name takes its place.
_AIM = f"""
    WITH called AS (
        SELECT DISTINCT lower(r.full_name) AS name, p.number FROM prs p JOIN repositories r ON r.id = p.repository_id
        WHERE p.id = ANY(%(ids)s)),
    aimed AS (
        SELECT l.id, l.pr_id AS left_id, ({pull_request_of("c.name", "c.number", "l.url")}) AS pr_id
        FROM called c CROSS JOIN LATERAL (
            SELECT l.id, l.pr_id, l.url FROM {TABLE} l WHERE l.tenant_id = %(tenant)s AND {_FROM_SOURCE}
                AND lower(l.external_repo) = c.name AND l.pr_number = c.number OFFSET 0) l)
    UPDATE {TABLE} l SET pr_id = a.pr_id, last_updated_at = now()
    FROM aimed a WHERE l.id = a.id AND a.pr_id IS NOT NULL AND a.left_id IS DISTINCT FROM a.pr_id
    RETURNING a.left_id"""

_MENTIONED_BY_PULL_REQUESTS = """
    SELECT DISTINCT w.id AS work_item_id, p.id AS pr_id
    FROM prs p CROSS JOIN LATERAL jsonb_array_elements_text(p.mentioned_keys) k(key)
    CROSS JOIN LATERAL (
        SELECT i.id, i.tenant_id, i.active FROM work_items i WHERE i.tenant_id = %(tenant)s AND i.key = k.key
        UNION ALL
        SELECT i.id, i.tenant_id, i.active FROM work_items i WHERE i.former_keys <> '[]' AND i.former_keys ? k.key
        OFFSET 0) w
    WHERE p.id = ANY(%(ids)s) AND w.active AND w.tenant_id = %(tenant)s"""

# By its key each, and not by the tenant, all of whose pull requests a planner that knows too little would read.
_MENTIONED_WORK_ITEMS = """
    WITH named AS (
        SELECT i.id, n.key FROM work_items i CROSS JOIN LATERAL (
            SELECT i.key::text UNION ALL SELECT jsonb_array_elements_text(i.former_keys)) n(key)
        WHERE i.id = ANY(%(ids)s) AND i.active)
    SELECT DISTINCT w.id AS work_item_id, p.id AS pr_id
    FROM (SELECT id, tenant_id, mentioned_keys FROM prs
          WHERE mentioned_keys ?| ARRAY(SELECT key FROM named) OFFSET 0) p
    CROSS JOIN LATERAL jsonb_array_elements_text(p.mentioned_keys) k(key)
    JOIN named w ON w.key = k.key
    WHERE p.tenant_id = %(tenant)s"""

# An address from before the repository was renamed may be another one's by now: then its name is the id.
_MENTION = f"""
    SELECT '{MENTION}' AS source, 'pull_request' AS kind,
        left(CASE WHEN strpos(lower(p.url), '/' || lower(r.full_name) || '/') > 0 THEN p.url
             ELSE r.full_name || '#' || p.number END, 512) AS external_id,
        p.integration_id, p.id AS pr_id, r.full_name AS external_repo, p.number AS pr_number, p.url, p.title, p.state,
        coalesce(p.author, '') AS author, p.updated AS last_changed_at, p.raw_data_id
    FROM (SELECT * FROM prs WHERE id = m.pr_id OFFSET 0) p JOIN repositories r ON r.id = p.repository_id"""


def _derive(mentioned: str, column: str) -> str:
    """Makes the mentions of the rows that ``column`` refers to what ``mentioned`` finds, as one statement.

    NOT IN is looked up in a hash table. NOT EXISTS would become a join, and a planner that cannot know how many are
    mentioned would compare each with each: a work item may be mentioned by all pull requests of a tenant.
    """
    old, new = (", ".join(f"{alias}.{name}" for name in _VALUES) for alias in ("l", "n"))
    same = " AND ".join(f"f.{name} = n.{name}" for name in _KEYS)
    return f"""
        WITH mentioned AS ({mentioned}),
        needed AS (
            SELECT DISTINCT ON (m.work_item_id, s.external_id) m.work_item_id, s.*
            FROM mentioned m CROSS JOIN LATERAL ({_MENTION} OFFSET 0) s
            WHERE s.pr_id = ({pull_request_of("s.external_repo", "s.pr_number", "s.url")})
              AND (m.work_item_id, m.pr_id) NOT IN (
                SELECT d.work_item_id, d.pr_id FROM {TABLE} d
                WHERE d.pr_id = ANY(ARRAY(SELECT pr_id FROM mentioned)) AND {_FROM_SOURCE})
            ORDER BY m.work_item_id, s.external_id, s.last_changed_at DESC, s.pr_id),
        ended AS (
            DELETE FROM {TABLE} l WHERE l.source = '{MENTION}' AND l.{column} = ANY(%(ids)s)
              AND (l.work_item_id, l.external_id) NOT IN (SELECT work_item_id, external_id FROM needed))
        INSERT INTO {TABLE} AS l (tenant_id, {", ".join((*_KEYS, *_VALUES))})
        SELECT %(tenant)s, {", ".join(f"n.{name}" for name in _KEYS)}, {new}
        FROM needed n LEFT JOIN LATERAL (SELECT * FROM {TABLE} f WHERE {same} LIMIT 1) l ON true
        WHERE l.id IS NULL OR ({old}) IS DISTINCT FROM ({new})
        ORDER BY {", ".join(f"n.{name}" for name in _KEYS)}
        ON CONFLICT ({", ".join(_KEYS)}) DO UPDATE
            SET {", ".join(f"{name} = EXCLUDED.{name}" for name in _VALUES)}, last_updated_at = now()"""


OF_WORK_ITEMS = _derive(_MENTIONED_WORK_ITEMS, "work_item_id")
OF_PULL_REQUESTS = _derive(_MENTIONED_BY_PULL_REQUESTS, "pr_id")
