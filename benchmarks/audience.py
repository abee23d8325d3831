"""Recipients with a profile and a basket of three to six articles, in Arrow; the same rows and seed give the same batch."""

from __future__ import annotations

import itertools
import random

import numpy as np
import numpy.typing as npt
import pyarrow as pa

SYLLABLES = [
    "an",
    "be",
    "ca",
    "do",
    "el",
    "fi",
    "ga",
    "ho",
    "is",
    "jo",
    "ka",
    "li",
    "mo",
    "na",
    "ol",
    "pe",
    "ra",
    "si",
    "to",
    "ul",
]
RARE_FIRST_NAMES = ("o'brien", "jean-luc", "zoë", "ümit", "d'arcy <3", "maría josé")
RARE_LAST_NAMES = ("O'Neil", "Müller & Co", '"Ace" Smith', "García")
RARE_CITIES = ("köln", "straßburg", "são paulo", "l'aquila")
EVERY = 37  # one name in so many is a rare one
ARTICLES = 3000
DAY, MICROSECONDS = 86_400, 1_000_000


def _words(count: int, syllables: int, rare: tuple[str, ...], chance: random.Random) -> pa.StringArray:
    words = ["".join(chance.choices(SYLLABLES, k=syllables)) for _ in range(count)]
    words[::EVERY] = itertools.islice(itertools.cycle(rare), len(words[::EVERY]))
    return pa.array(words)


def _article_names(chance: random.Random) -> pa.StringArray:
    lengths = chance.choices((2, 3, 4, 6, 8), k=ARTICLES)
    return pa.array([" ".join(_words(length, 3, ("A&B",), chance).to_pylist()) for length in lengths])


def _drawn(pool: pa.Array, rows: int, numbers: np.random.Generator) -> pa.Array:
    return pool.take(pa.array(numbers.integers(0, len(pool), rows)))


def _users(rows: int, chance: random.Random, numbers: np.random.Generator) -> pa.StructArray:
    ids = np.arange(rows) + 10_000_000
    last_names = _drawn(_words(8000, 4, RARE_LAST_NAMES, chance), rows, numbers)
    balance = np.round(numbers.random(rows) * 100, 3) * (numbers.random(rows) < 0.5)
    signup = (1_500_000_000 + numbers.integers(0, 3000, rows) * DAY + 3600) * MICROSECONDS
    columns = {
        "id": pa.array(ids),
        "first_name": _drawn(_words(5000, 3, RARE_FIRST_NAMES, chance), rows, numbers),
        "last_name": pa.array(last_names.to_numpy(zero_copy_only=False), pa.string(), mask=numbers.random(rows) < 0.1),
        "email": pa.array([f"user{number}@example.com" for number in ids]),
        "city": _drawn(_words(2000, 4, RARE_CITIES, chance), rows, numbers),
        "token": pa.array([chance.randbytes(16).hex() for _ in range(rows)]),
        "points": pa.array(numbers.integers(0, 3000, rows)),
        "balance": pa.array(balance),
        "tier": _drawn(pa.array(["gold", "silver", "bronze"]), rows, numbers),
        "signup": pa.array(signup, pa.timestamp("us")),
    }
    return pa.StructArray.from_arrays(list(columns.values()), names=list(columns))


def _carts(rows: int, chance: random.Random, numbers: np.random.Generator) -> pa.ListArray:
    offsets: npt.NDArray[np.int32] = np.concatenate([[0], np.cumsum(numbers.integers(3, 7, rows))]).astype(np.int32)
    lines = int(offsets[-1])
    article = pa.array(numbers.integers(0, ARTICLES, lines))
    columns = {
        "sku": pa.array([f"SKU{number:06d}" for number in range(ARTICLES)]).take(article),
        "name": _article_names(chance).take(article),
        "price": pa.array(np.round(numbers.gamma(2.0, 30.0, lines), 2)),
        "qty": pa.array(numbers.integers(1, 4, lines)),
    }
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.StructArray.from_arrays(list(columns.values()), names=list(columns))
    )


def audience(rows: int, seed: int = 1) -> pa.RecordBatch:
    """``rows`` recipients: the columns ``user`` (a struct) and ``cart`` (a list of structs)."""
    chance, numbers = random.Random(seed), np.random.default_rng(seed)
    return pa.RecordBatch.from_pydict({"user": _users(rows, chance, numbers), "cart": _carts(rows, chance, numbers)})
