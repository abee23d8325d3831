from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from examples.customers.catalogue import MENSWEAR, WOMENSWEAR
from examples.customers.draws import Draws
from examples.customers.orders import MOST_ORDERS, last_orders

ROWS = np.arange(5_000, dtype=np.uint64)
HISTORY = np.linspace(29.99, 3_000, len(ROWS))
MENS = ROWS % 3 != 0
WOMENS = ROWS % 3 != 1
RECENCY = (ROWS % 12 + 1).astype(np.int64)


@pytest.fixture(scope="module")
def orders() -> list[list[dict[str, Any]]]:
    return last_orders(Draws(5), ROWS, HISTORY, RECENCY, MENS, WOMENS).to_pylist()


def test_none_to_five(orders: list[list[dict[str, Any]]]) -> None:
    assert {len(each) for each in orders} == set(range(MOST_ORDERS + 1))


def test_together_they_cost_no_more_than_the_years_purchases(orders: list[list[dict[str, Any]]]) -> None:
    for each, spent in zip(orders, HISTORY, strict=True):
        assert sum(round(order["price"] * 100) * order["quantity"] for order in each) <= round(spent * 100)
        assert all(order["quantity"] in (1, 2) for order in each)


def test_they_are_of_the_lines_that_the_customer_buys(orders: list[list[dict[str, Any]]]) -> None:
    for each, mens, womens in zip(orders, MENS, WOMENS, strict=True):
        lines = {order["sku"][0] for order in each}
        assert lines <= {line for line, bought in (("M", mens), ("W", womens)) if bought}


def test_sku_name_and_price_belong_together(orders: list[list[dict[str, Any]]]) -> None:
    sold = {(product.sku, product.name, product.cents / 100) for product in MENSWEAR + WOMENSWEAR}
    assert {(order["sku"], order["name"], order["price"]) for each in orders for order in each} == sold


@pytest.mark.parametrize("line", [MENSWEAR, WOMENSWEAR])
def test_the_catalogue_is_by_ascending_price(line: tuple[Any, ...]) -> None:
    assert [product.cents for product in line] == sorted(product.cents for product in line)
    assert line[0].cents < 2_999  # the least that a customer of the experiment spent
