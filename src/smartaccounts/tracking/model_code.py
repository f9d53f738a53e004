"""The script that MLflow copies into a model and runs to load it: for its other users, this product never does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd

from smartaccounts.bundle import load


class GrowthRanker(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # mlflow is untyped
    """Score the eligible rows of a snapshot; columns as in the model's signature."""

    def load_context(self, context: Any) -> None:
        """Read the bundle; its digests are checked."""
        self.fitted = load(Path(context.artifacts["bundle"])).fitted

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002 - the signature of MLflow
        """Return score and probability, one row per row; probability is null where the ranker has none."""
        scores = self.fitted.score(model_input)
        probability = np.full(len(model_input), np.nan) if scores.probability is None else scores.probability
        return pd.DataFrame({"score": scores.score, "probability": probability}, index=model_input.index)


mlflow.models.set_model(GrowthRanker())
