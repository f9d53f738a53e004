"""The whole job on a simulated supplier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from smartaccounts.config import pipeline_from
from smartaccounts.errors import PipelineError
from smartaccounts.orders.contract import COLUMNS
from smartaccounts.orders.simulate import Simulation, simulate
from smartaccounts.workflow.predict import Predicted, predict
from smartaccounts.workflow.service import bundle_of, put_in_service
from smartaccounts.workflow.train import fit

AS_OF = date(2025, 1, 1)
"""The day after the simulated history ends."""

PIPELINE: dict[str, Any] = {
    "name": "demo",
    "source": {"path": "orders.parquet", "cancelled": "order_id LIKE 'C%'"},
    "columns": {c.name: c.name for c in COLUMNS if c.name != "currency"},
    "keep": "product_id NOT IN ('FREIGHT', 'BANK FEE', 'TEST01') AND unit_price > 0",
}
"""The source of pipelines/demo.yaml, for an installed package; the path counts from --out."""

LIST: dict[str, Any] = {
    "customers": {
        "path": "orders_customers.csv",
        "columns": {c: c for c in ("market", "customer_id", "name", "region", "sales_rep")},
    },
    "growth_list": {
        "costs": {
            "per_order": 8, "per_personal_order": 6, "per_line": 0.4, "per_return": 6, "per_customer": 20,
            "worked_account": 250,
        },
    },
}  # fmt: skip
"""The list of pipelines/demo.yaml: whose the accounts are, and assumptions on what serving and working them costs."""

QUICK = {"bags": 4, "rounds": 200, "rows_per_bag": 20_000, "training_dates": 24}
"""The model of pipelines/demo.yaml: a demonstration shall not take minutes."""


@dataclass(frozen=True)
class Demo:
    """What was simulated and predicted."""

    simulation: Simulation
    predicted: Predicted


def run_demo(out: Path, *, step: Callable[[str], None] = lambda _: None) -> Demo:
    """Simulate 4,000 customers over four years into `out`, train, log, put in service, and write the list there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PipelineError(f"Expected a folder that can be written, got {error.strerror} in {out}.") from None
    simulation = simulate(out / "orders.parquet", customers=4000, years=4.0, seed=0, start=date(2021, 1, 1))
    step("order lines simulated")
    pipeline = pipeline_from(PIPELINE | LIST | {"model": QUICK}, folder=out.absolute())
    trained = fit(pipeline, AS_OF, step=step)
    models = Path("models")
    put_in_service(trained, pipeline, models=models, promote_it=True)
    step("logged and put in service")
    return Demo(simulation, predict(pipeline, AS_OF, bundle_of(pipeline, None, models=models), out, step=step))
