"""Bringing what the tests need from Debian, where that is allowed."""

import os
import shutil
import subprocess
from pathlib import Path

POLICY = Path("/usr/sbin/policy-rc.d")
# Another process may be installing something.
_LOCK_SECONDS = 300


def install(package: str) -> None:
    """Installs a package without letting it start a service, if this is Debian and we are root.

    Whether it is there now is for the caller to see: a failure leaves the next way to be tried.
    """
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    forbids_services = not POLICY.exists()
    if forbids_services:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        if not _apt_get("install", "-y", "--no-install-recommends", package):
            _apt_get("update")
            _apt_get("install", "-y", "--no-install-recommends", package)
    finally:
        if forbids_services:
            POLICY.unlink(missing_ok=True)


def _apt_get(*arguments: str) -> bool:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-qq", "-o", f"DPkg::Lock::Timeout={_LOCK_SECONDS}", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0
