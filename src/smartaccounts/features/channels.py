"""Which channels count as self-service."""

from __future__ import annotations

DIGITAL = (
    "web",
    "edi",
    "online",
    "shop",
    "webshop",
    "portal",
    "app",
    "api",
    "e-commerce",
    "ecommerce",
    "marketplace",
    "digital",
)
"""Channels, in lower case, that count as self-service."""


def is_digital(channel: str) -> str:
    """Return the SQL condition that a channel is one of them."""
    return f"LOWER({channel}) IN ({', '.join(repr(d) for d in DIGITAL)})"
