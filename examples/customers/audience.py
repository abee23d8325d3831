"""The example's audience: a customer's real row of the experiment with a generated person around it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from examples.customers import hillstrom
from examples.customers.addresses import addresses, name_index, persons
from examples.customers.draws import Draws, Rows
from examples.customers.names import FIRST_NAMES, LAST_NAMES
from examples.customers.orders import ORDER, last_orders

SCHEMA = pa.schema(
    [
        ("customer_id", pa.string()),
        ("email", pa.string()),
        ("first_name", pa.string()),
        ("last_name", pa.string()),
        ("timezone", pa.string()),
        ("subscribed", pa.bool_()),
        ("signup_date", pa.date32()),
        ("loyalty_points", pa.int32()),  # null: not in the loyalty programme
        *hillstrom.SCHEMA,
        ("last_orders", pa.list_(ORDER)),
    ]
)

# Zones by their share of the population in per mille; a few profiles have none.
_TIMEZONES = {
    "America/New_York": 470,
    "America/Chicago": 287,
    "America/Los_Angeles": 156,
    "America/Denver": 50,
    "America/Phoenix": 22,
    "America/Anchorage": 6,
    "Pacific/Honolulu": 5,
    None: 4,
}
_SNAPSHOT = np.datetime64("2008-03-01")  # the month in which the experiment was published


def synthesise(experiment: pa.RecordBatch, rows: Rows, seed: int) -> pa.RecordBatch:
    """Customers number `rows` of an audience around rows of the experiment, in SCHEMA.

    A pure function of each row's number, its row of the experiment and the seed.
    """
    draws = Draws(seed)
    real = {name: experiment.column(name) for name in hillstrom.SCHEMA.names}
    recency = real["recency"].to_numpy().astype(np.int64)
    history = real["history"].to_numpy()
    mens, womens, newbie = (real[name].to_numpy(zero_copy_only=False) for name in ("mens", "womens", "newbie"))
    person = persons(draws, rows)
    first, last = name_index(draws, person)
    columns = {
        "customer_id": _customer_ids(rows),
        "email": addresses(draws, rows, person),
        "first_name": _with_nulls(pa.array(FIRST_NAMES).take(pa.array(first)), draws, "no first name", rows),
        "last_name": _with_nulls(pa.array(LAST_NAMES).take(pa.array(last)), draws, "no last name", rows),
        "timezone": pa.array(_TIMEZONES).take(pa.array(draws.weighted("zone", rows, tuple(_TIMEZONES.values())))),
        "subscribed": _subscribed(draws, rows),
        "signup_date": _signup_dates(draws, rows, recency, newbie),
        "loyalty_points": _loyalty_points(draws, rows, history),
        **real,
        "last_orders": last_orders(draws, rows, history, recency, mens, womens),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _customer_ids(rows: Rows) -> pa.StringArray:
    number = pc.ascii_lpad(pa.array(rows + np.uint64(1)).cast(pa.string()), 7, "0")
    return pc.binary_join_element_wise("H", number, "")


def _with_nulls(names: pa.StringArray, draws: Draws, stream: str, rows: Rows) -> pa.StringArray:
    return pc.if_else(pa.array(draws.uniform(stream, rows) < 0.004), None, names)


def _subscribed(draws: Draws, rows: Rows) -> pa.BooleanArray:
    """Nearly all yes, a few per cent no, two in a thousand never asked."""
    return pa.array([True, False, None], pa.bool_()).take(pa.array(draws.weighted("opt-in", rows, (966, 32, 2))))


def _signup_dates(
    draws: Draws, rows: Rows, recency: npt.NDArray[np.int64], newbie: npt.NDArray[np.bool_]
) -> pa.Date32Array:
    """Before the last purchase: within the past year for a new customer, up to nine years ago for the others."""
    oldest = np.where(newbie, 365, 9 * 365)
    newest = np.where(newbie, recency * 30, 366)
    age = newest + (draws.uniform("signup", rows) * (oldest - newest)).astype(np.int64)
    return pa.array((_SNAPSHOT - age.astype("timedelta64[D]")).astype("datetime64[D]"), pa.date32())


def _loyalty_points(draws: Draws, rows: Rows, history: npt.NDArray[np.float64]) -> pa.Int32Array:
    points = (history * (1 + 2 * draws.uniform("points", rows))).astype(np.int32)
    return pa.array(points, mask=draws.uniform("not a member", rows) < 0.24)
