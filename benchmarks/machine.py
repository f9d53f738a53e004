"""What figures were measured on."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import psutil


def machine() -> str:
    """Return processor, cores, memory and system."""
    try:
        said = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        said = None
    memory = psutil.virtual_memory().total / 1e9
    return (
        f"{said[1] if said else platform.processor()}, {os.cpu_count()} cores, {memory:.0f} GB, {platform.platform()}"
    )
