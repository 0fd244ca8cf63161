"""What must not be read in logs. Imports nothing of Django: the settings name it."""

import logging
import re


class WithoutSecretPaths(logging.Filter):
    """Takes the secret part out of webhooks' paths, which Django logs with each request that fails."""

    _path = re.compile(r"(/webhooks/[^/]+/\d+/).+", re.DOTALL)

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(self._path.sub(r"\1…", arg) if isinstance(arg, str) else arg for arg in record.args)
        return True
