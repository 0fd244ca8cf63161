#!/usr/bin/env python3
"""Pulse's command line: `manage.py help` lists the commands."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from pulse.postgres.scope import owner_scope

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pulse.settings")
    try:
        _ = settings.PULSE_HOME  # with the first all are read
    except (ImproperlyConfigured, OSError) as error:
        sys.exit(f"the settings cannot be used: {error}")
    # Who may run commands here has the login that the tables belong to.
    with owner_scope():
        execute_from_command_line(sys.argv)
