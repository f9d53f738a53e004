"""The customers table of a simulated supplier: invented firms, where they are, and who looks after them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

FAMILIES = (
    "Abel", "Ahrens", "Bach", "Berg", "Brandt", "Busch", "Carlsen", "Conrad", "Dahl", "Dorn",
    "Ebert", "Engel", "Falk", "Frank", "Gerber", "Gross", "Haas", "Holm", "Iversen", "Jansen",
    "Kern", "Krause", "Lang", "Lorenz", "Maurer", "Moll", "Nagel", "Nolte", "Ott", "Petersen",
    "Quast", "Rau", "Ritter", "Sander", "Stein", "Thiel", "Ulrich", "Voss", "Winter", "Zander",
)  # fmt: skip
TRADES = (
    "Metalworks", "Electric", "Joinery", "Plumbing", "Machine Tools", "Roofing", "Garage", "Facility Services",
    "Coatings", "Packaging", "Lighting", "Printing", "Boats", "Gardens", "Foods", "Logistics",
)  # fmt: skip
REGIONS = ("North", "East", "South", "West", "Centre")
REGION_SHARES = (0.3, 0.15, 0.25, 0.2, 0.1)
REPS = (
    "A. Arndt", "B. Behrens", "C. Claus", "D. Decker", "E. Evers", "F. Fuchs", "G. Gerlach", "H. Heller", "I. Ihde",
    "J. Jost",
)  # fmt: skip
"""Two of each region, in the order of REGIONS."""

STEP = 7919
"""Prime to the number of names, so that neighbours in the numbering have nothing in common."""


def customers_table(rng: np.random.Generator, *, customer: pa.Array, market: pa.Array) -> pa.Table:
    """Return customer_id, market, name, region, sales_rep: one row per customer.

    No two firms of the first 25,600 bear the same name; none is drawn from what a customer buys.
    """
    count = len(customer)
    shape = (len(FAMILIES), len(FAMILIES), len(TRADES))
    number = rng.permutation(count) * STEP % np.prod(shape)
    first, second, trade = (pa.array(at) for at in np.unravel_index(number, shape))
    family = pa.array(FAMILIES)
    firm = pc.binary_join_element_wise(family.take(first), family.take(second), " & ")
    region = rng.choice(len(REGIONS), count, p=REGION_SHARES)
    return pa.table(
        {
            "customer_id": customer,
            "market": market,
            "name": pc.binary_join_element_wise(firm, pa.array(TRADES).take(trade), " "),
            "region": pa.array(REGIONS).take(pa.array(region)),
            "sales_rep": pa.array(REPS).take(pa.array(2 * region + rng.integers(0, 2, count))),
        }
    )
