"""The last orders of each customer: what a template loops over."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from examples.customers.catalogue import MENSWEAR, WOMENSWEAR
from examples.customers.draws import Draws, Index, Rows

ORDER = pa.struct([("sku", pa.string()), ("name", pa.string()), ("price", pa.float64()), ("quantity", pa.int32())])
MOST_ORDERS = 5

_PRODUCTS = MENSWEAR + WOMENSWEAR
_SKUS = pa.array([product.sku for product in _PRODUCTS])
_NAMES = pa.array([product.name for product in _PRODUCTS])
_CENTS = np.array([product.cents for product in _PRODUCTS], dtype=np.int64)
_STEPS = (10_000, 20_000, 35_000, 50_000)  # cents of a year's purchases, each worth one more order
_ARCHIVED_AFTER = 10  # months


def last_orders(
    draws: Draws,
    rows: Rows,
    history: npt.NDArray[np.float64],
    recency: npt.NDArray[np.int64],
    mens: npt.NDArray[np.bool_],
    womens: npt.NDArray[np.bool_],
) -> pa.ListArray:
    """Up to five orders from the lines a customer buys, together never worth more than `history` (US dollars)."""
    budget = np.rint(history * 100).astype(np.int64)
    wanted = _wanted(draws, rows, budget, recency)
    product = np.zeros((len(rows), MOST_ORDERS), dtype=np.int64)
    quantity = np.zeros((len(rows), MOST_ORDERS), dtype=np.int32)
    for slot in range(MOST_ORDERS):
        womenswear = womens & (~mens | (draws.uniform(f"line {slot}", rows) < 0.5))
        affordable = _affordable(budget, womenswear)
        chosen = draws.below(f"product {slot}", rows, affordable) + np.where(womenswear, len(MENSWEAR), 0)
        bought = (slot < wanted) & (affordable > 0)
        chosen[~bought] = 0
        pair = (draws.uniform(f"pair {slot}", rows) < 0.18) & (budget >= 2 * _CENTS[chosen])
        product[:, slot] = chosen
        quantity[:, slot] = np.where(bought, 1 + pair, 0)
        budget = budget - quantity[:, slot] * _CENTS[chosen]
    return _lists(product, quantity)


def _wanted(draws: Draws, rows: Rows, budget: Index, recency: npt.NDArray[np.int64]) -> Index:
    most = 1 + np.searchsorted(_STEPS, budget, side="right")
    archived = draws.uniform("archived", rows) < np.where(recency >= _ARCHIVED_AFTER, 0.45, 0.08)
    return np.where(archived, 0, 1 + draws.below("orders", rows, most))


def _affordable(budget: Index, womenswear: npt.NDArray[np.bool_]) -> Index:
    """How many products of the line, counted from the cheapest, the budget pays for."""
    menswear_cents, womenswear_cents = np.split(_CENTS, [len(MENSWEAR)])
    return np.where(
        womenswear,
        np.searchsorted(womenswear_cents, budget, side="right"),
        np.searchsorted(menswear_cents, budget, side="right"),
    )


def _lists(product: Index, quantity: npt.NDArray[np.int32]) -> pa.ListArray:
    bought = quantity > 0
    offsets = np.concatenate([[0], np.cumsum(bought.sum(axis=1))]).astype(np.int32)
    flat = product[bought]
    positions = pa.array(flat)
    orders = pa.StructArray.from_arrays(
        [_SKUS.take(positions), _NAMES.take(positions), pa.array(_CENTS[flat] / 100), pa.array(quantity[bought])],
        fields=list(ORDER),
    )
    return pa.ListArray.from_arrays(pa.array(offsets), orders)
