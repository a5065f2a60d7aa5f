"""Moments as results have them."""

from datetime import UTC, datetime


def moment(seconds: float) -> str:
    """One in seconds since 1970, as RFC 3339 has it, in UTC, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
