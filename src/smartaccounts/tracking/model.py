"""A bundle as an MLflow model: files that MLflow's own tools can load, with a signature, without a pickle."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from smartaccounts.bundle import Bundle, save
from smartaccounts.features.snapshot import CATALOGUE, STANDING

CODE = Path(__file__).with_name("model_code.py")
REQUIREMENTS = ("smartaccounts", "mlflow", "lightgbm", "numpy", "pandas", "scikit-learn", "scipy", "duckdb", "pydantic")
"""What the model needs to be loaded, pinned to what it was trained with."""

OUTPUTS = ("score", "probability")


def requirements() -> list[str]:
    """Return the pinned requirements, names and versions only."""
    return [f"{name}=={version(name)}" for name in REQUIREMENTS]


def write_model(mlflow: Any, bundle: Bundle, folder: Path, *, run_id: str, model_id: str) -> None:
    """Write the MLflow model of a bundle as `folder`, which must not exist; no path of this machine is left in it."""
    described = mlflow.models.Model(artifact_path="model", run_id=run_id, model_id=model_id, model_uuid=model_id)
    with TemporaryDirectory() as temporary:
        files = Path(temporary) / "bundle"
        save(bundle, files)
        mlflow.pyfunc.save_model(
            folder,
            python_model=CODE,
            artifacts={"bundle": str(files)},
            signature=_signature(mlflow, bundle),
            pip_requirements=requirements(),
            mlflow_model=described,
        )
    flavor = described.flavors["python_function"]
    flavor["model_code_path"] = CODE.name
    flavor["artifacts"]["bundle"]["uri"] = flavor["artifacts"]["bundle"]["path"]
    described.save(folder / "MLmodel")


def _signature(mlflow: Any, bundle: Bundle) -> Any:
    """Describe a snapshot's frame: date and market of a row, which rankers compare it within, but not whose it is."""
    column, schema = mlflow.types.ColSpec, mlflow.types.Schema
    standing = [c for c in STANDING if c not in ("active", "eligible")]
    numbers = [column("double", name) for name in (*standing, *CATALOGUE, *(e.name for e in bundle.card.extra))]
    inputs = [column("datetime", "as_of"), column("string", "market"), *numbers]
    outputs = schema([column("double", name) for name in OUTPUTS])
    return mlflow.models.ModelSignature(schema(inputs), outputs)
