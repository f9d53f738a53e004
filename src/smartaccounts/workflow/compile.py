"""Compile what the first command would: `python -m smartaccounts.workflow.compile`, for installations and images."""

from __future__ import annotations

from smartaccounts.engine.compiled import ready
from smartaccounts.features.sweep import run  # noqa: F401 - has what is compiled, and so has the next
from smartaccounts.rankers import trees  # noqa: F401

if __name__ == "__main__":
    ready()
