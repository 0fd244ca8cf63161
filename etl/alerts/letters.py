"""Alerts about dead letters that become more and more."""

from django.conf import settings

from etl.alerts.findings import Finding, Findings, findings
from etl.sql import fetch

SUBJECT = "dead letters"


def growing_letters() -> Findings:
    """Tenants with `settings.ALERT_DEAD_LETTERS` new open letters in an hour; anew in each hour in which more came."""
    rows = fetch(
        """SELECT l.tenant_id, count(*), max(l.created_at),
             (SELECT count(*) FROM etl_dead_letters o WHERE o.tenant_id = l.tenant_id AND o.state = 'open'),
             mode() WITHIN GROUP (ORDER BY l.cause)
           FROM etl_dead_letters l JOIN tenants t ON t.id = l.tenant_id AND t.active
           WHERE l.state = 'open' AND l.created_at >= now() - interval '1 hour'
           GROUP BY l.tenant_id HAVING count(*) >= %s""",
        [settings.ALERT_DEAD_LETTERS],
    )
    return findings(
        [
            Finding(
                tenant_id,
                SUBJECT,
                f"{new} new dead letters within an hour, {total} are open{_most(cause)}",
                newest.strftime("%Y-%m-%dT%H"),
                {"new": new, "open": total, "cause": cause},
            )
            for tenant_id, new, newest, total, cause in rows
        ]
    )


def _most(cause: str) -> str:
    return f"; most of them: {cause}" if cause else ""
