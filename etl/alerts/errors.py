"""What can go wrong when somebody is told."""

from integrations.errors import Transient


class NotDelivered(Transient):
    """A channel took no message; the text says why, and may be shown to the channel's tenant."""
