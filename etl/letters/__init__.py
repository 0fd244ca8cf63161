"""Messages that were given up, for a person to look at: kept, grouped by cause, sent back or discarded."""
