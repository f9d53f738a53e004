"""Which small customers will realistically grow into key accounts: from order lines to a ranked growth list."""

from importlib import import_module
from typing import Any

_FACE = {
    "Backtest": "smartaccounts.evaluation.backtest",
    "Classifier": "smartaccounts.rankers.classifier",
    "Panel": "smartaccounts.panel",
    "Pipeline": "smartaccounts.config",
    "SmartAccountsError": "smartaccounts.errors",
    "backtest": "smartaccounts.workflow.notebook",
    "check": "smartaccounts.workflow.notebook",
    "compare": "smartaccounts.workflow.notebook",
    "read_panel": "smartaccounts.workflow.notebook",
    "read_pipeline": "smartaccounts.config",
    "simulate": "smartaccounts.orders.simulate",
    "train": "smartaccounts.workflow.notebook",
}
__all__ = sorted(_FACE)  # noqa: PLE0605 - sorted names, imported when they are first used


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import smartaccounts` costs nothing."""
    if name not in _FACE:
        raise AttributeError(f"module 'smartaccounts' has no attribute {name!r}")
    return getattr(import_module(_FACE[name]), name)
