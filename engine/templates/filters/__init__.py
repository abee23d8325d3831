"""The filters that e-mail templates have beside Jinja2's own.

Each is a pure function of plain values: one file, the filter's name the function's. To add one, add its file and its name below.
"""

from collections.abc import Callable

from engine.templates.filters.date import date
from engine.templates.filters.date_time import date_time
from engine.templates.filters.link import link
from engine.templates.filters.listing import listing
from engine.templates.filters.money import money
from engine.templates.filters.number import number
from engine.templates.filters.percent import percent
from engine.templates.filters.pluralise import pluralise
from engine.templates.filters.time_of_day import time_of_day

FILTERS: tuple[Callable[..., str], ...] = (
    date,
    date_time,
    link,
    listing,
    money,
    number,
    percent,
    pluralise,
    time_of_day,
)

__all__ = ["FILTERS"]
