"""Programs of this machine that some tests need, and how root gets them on Debian."""

import os
import shutil
import subprocess
from pathlib import Path

SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin"  # not in an ordinary user's PATH
RTMP_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")


def nginx_rtmp() -> str | None:
    """nginx, where its RTMP module is there, too."""
    return (shutil.which("nginx") or shutil.which("nginx", path=SYSTEM)) if RTMP_MODULE.exists() else None


def install(*packages: str) -> None:
    """Debian's packages, where root may; tells nothing when it fails: whoever needs them looks again."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"tests: installing {' '.join(packages)}", flush=True)
        quiet = {
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
            "env": os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"},
        }  # starts no service
        subprocess.call(["apt-get", "update"], **quiet)
        subprocess.call(["apt-get", "install", "-y", "--no-install-recommends", *packages], **quiet)
