"""The one door to MLflow: imported on first use, silent, and without sending usage statistics anywhere."""

from __future__ import annotations

import importlib
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

SETTINGS: Mapping[str, str] = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",  # else a lock file that lies in the current directory is copied into the model
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # seven, the default, take minutes to say that nobody answers
}
"""What MLflow is told through the environment while it works for us; what the user has set stays."""


@contextmanager
def quiet() -> Iterator[Any]:
    """Yield the module `mlflow`; its log lines (alembic's too) and its warnings are kept off the terminal."""
    added = {name: value for name, value in SETTINGS.items() if name not in os.environ}
    os.environ.update(added)
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield importlib.import_module("mlflow")
    finally:
        logging.disable(disabled)
        for name in added:
            os.environ.pop(name, None)
