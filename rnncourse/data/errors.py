"""The one error for texts that cannot be had."""

__all__ = ["DataError"]


class DataError(Exception):
    """A text is unknown, unreadable, damaged or out of reach. The message says what to do."""
