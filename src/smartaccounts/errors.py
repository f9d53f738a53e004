"""Every error that a user can mend, with what was expected, what came, where, and the next step."""

from __future__ import annotations

from collections.abc import Iterable


class SmartAccountsError(Exception):
    """The root: the command line prints its text without a traceback and exits with 2."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Hold one sentence of what is wrong and one of what to do next."""
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return `message`, and on a line of its own `Hint: hint`."""
        return f"{self.message}\nHint: {self.hint}" if self.hint else self.message


class PipelineError(SmartAccountsError):
    """The pipeline file or an option of a command is wrong."""


class InputError(SmartAccountsError):
    """The order lines cannot be read or do not keep the contract."""


class HistoryError(SmartAccountsError):
    """The order lines are sound but too few, too short or too uniform for what was asked."""


class ModelError(SmartAccountsError):
    """A model is missing, damaged, or does not fit the pipeline or the data."""


def culprits(values: Iterable[object], *, most: int = 5) -> str:
    """Join up to `most` values for an error text; what was left out is counted.

    >>> culprits(["a", "b"])
    "'a', 'b'"
    >>> culprits(range(9), most=2)
    '0, 1 and 7 more'
    """
    shown = [repr(v) if isinstance(v, str) else str(v) for v in values]
    more = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {more} more" if more > 0 else "")
