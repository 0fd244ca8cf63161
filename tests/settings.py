"""The settings of the test run: those of Pulse, in a folder of its own, one database server for all its processes."""

import os
import tempfile
from pathlib import Path

HOME_VARIABLE = "PULSE_TEST_HOME"

# The first process of the run makes the folder; the workers that it starts inherit the variable.
os.environ.setdefault(HOME_VARIABLE, tempfile.mkdtemp(prefix="pulse-test-"))
os.environ["PULSE_HOME"] = os.environ[HOME_VARIABLE]
# What a developer has set for real use must never be used by a test.
for name in ("DATABASE_URL", "QDRANT_URL", "PULSE_PRODUCTION"):
    os.environ.pop(name, None)
os.environ["RABBITMQ_URL"], given = "", os.environ.get("RABBITMQ_URL", "")
# Sandboxes and receivers, also those of the processes that tests start.
os.environ["PULSE_ALLOW_PRIVATE_HOSTS"] = "127.0.0.1,::1"
# A test's own transaction may stand still for as long as it likes.
os.environ["TRANSACTION_IDLE_SECONDS"] = "0"

from pulse.settings import *  # noqa: E402, F403

if given:
    os.environ["RABBITMQ_URL"] = given
else:
    del os.environ["RABBITMQ_URL"]
del os.environ["TRANSACTION_IDLE_SECONDS"]

# The vector store has one owner process: each test worker has a store of its own.
PULSE_HOME = Path(os.environ[HOME_VARIABLE]) / os.environ.get("PYTEST_XDIST_WORKER", "main")
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Tests ask and log in as often as they like.
LOGIN_TRIES = API_REQUESTS_PER_MINUTE = API_REQUESTS_PER_KEY_PER_MINUTE = 0
# Each client of a test would look through all static files first.
WHITENOISE_USE_FINDERS = False
