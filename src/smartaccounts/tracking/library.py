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
def quiet(*, uri: str | None = None) -> Iterator[Any]:
    """Yield the module `mlflow`; its log lines (alembic's too) and its warnings are kept off the terminal.

    `uri` is the store for what MLflow does not take from a client but looks up by itself. The environment, logging and
    warnings are as before when the block ends.
    """
    wanted = {name: value for name, value in SETTINGS.items() if name not in os.environ}
    wanted |= {"MLFLOW_TRACKING_URI": uri} if uri is not None else {}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield importlib.import_module("mlflow")
    finally:
        logging.disable(disabled)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
