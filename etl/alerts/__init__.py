"""Alerts: seeing what somebody should hear of (`raising`), and telling the tenants' channels (`delivering`)."""

from etl.alerts import delivering
from etl.alerts.raising import Looked, look_at_all


def look() -> Looked:
    """Raises and resolves alerts, and has what is new sent, without waiting for that. Any number of schedulers may."""
    looked = look_at_all()
    delivering.begin()
    return looked


__all__ = ["Looked", "look"]
