"""Stand-ins for the sites that Pulse talks to, for demos and tests: an HTTP server over generated, life-like data."""

from integrations.sandbox.damage import Damage
from integrations.sandbox.faults import Faults, Throttle
from integrations.sandbox.jira.entries import SiteSpec
from integrations.sandbox.jira.site import Site, empty_site
from integrations.sandbox.server import SandboxServer

__all__ = ["Damage", "Faults", "SandboxServer", "Site", "SiteSpec", "Throttle", "empty_site"]
