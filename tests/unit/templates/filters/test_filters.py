import datetime
import doctest
import importlib
import inspect
from decimal import Decimal
from pathlib import Path

import jinja2
import pytest

from engine.templates import filters
from engine.templates.filters import FILTERS
from engine.templates.sandbox import campaign_environment

NAMES = [each.__name__ for each in FILTERS]


def render(expression: str, **row: object) -> str:
    return campaign_environment(autoescape=True).from_string("{{ " + expression + " }}").render(row)


def test_the_tuple_names_every_file_of_the_folder() -> None:
    folder = Path(filters.__file__).parent
    assert [path.stem for path in sorted(folder.glob("*.py")) if not path.stem.startswith("_")] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_in_the_documentation_are_true(name: str) -> None:
    module = importlib.import_module(f"engine.templates.filters.{name}")
    results = doctest.testmod(module)
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_filter_is_in_the_campaigns_environment(name: str) -> None:
    function = campaign_environment(autoescape=True).filters[name]
    assert inspect.unwrap(function) is next(each for each in FILTERS if each.__name__ == name)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "link"])
def test_an_undefined_value_and_an_unknown_locale_raise(name: str) -> None:
    rest = {"money": "'EUR', ", "pluralise": "'item', "}.get(name, "")
    with pytest.raises(jinja2.UndefinedError):
        render(f"missing|{name}({rest}locale='en')")
    value: object = {"listing": ["a"], "date": datetime.date(2026, 1, 1)}.get(name, 1)
    if name in ("date_time", "time_of_day"):
        value = datetime.datetime(2026, 1, 1)
    with pytest.raises(ValueError, match="no locale"):
        render(f"value|{name}({rest}locale='xx_YY')", value=value)


@pytest.mark.parametrize("name", ["money", "number", "percent", "pluralise"])
@pytest.mark.parametrize("value", [None, "12", True, [1]])
def test_what_is_no_number_is_refused(name: str, value: object) -> None:
    rest = {"money": "('EUR')", "pluralise": "('item')"}.get(name, "")
    with pytest.raises(TypeError, match=f"{name} takes a number"):
        render(f"value|{name}{rest}", value=value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN")])
def test_a_number_that_is_not_finite_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="finite"):
        render("value|money('EUR')", value=value)


def test_money_follows_the_currency_and_the_locale() -> None:
    assert render("1234.5|money('EUR', 'de_DE')") == "1.234,50\xa0€"
    assert render("v|money('USD', 'en-US')", v=Decimal("0.125")) == "$0.12"
    assert render("0|money('KWD')").endswith("0.000")
    assert render("v|money('USD')", v=-3) == "-$3.00"
    with pytest.raises(ValueError, match="no currency"):
        render("1|money('EURO')")


def test_number_rounds_to_the_decimals_asked_for() -> None:
    assert render("1234|number") == "1,234"
    assert render("2.5|number(0)") == "2"
    assert render("2|number(2, 'fr_FR')") == "2,00"
    with pytest.raises(ValueError, match="decimals"):
        render("1|number(1000)")


def test_an_instant_without_an_offset_is_in_utc() -> None:
    naive = datetime.datetime(2026, 7, 1, 23, 0)
    aware = naive.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=-5)))
    assert render("v|date(timezone='Europe/Berlin')", v=naive) == "Jul 2, 2026"
    assert render("v|date_time('y-MM-dd HH:mm', timezone='Asia/Tokyo')", v=aware) == "2026-07-02 13:00"
    assert render("v|time_of_day('HH:mm')", v=naive) == "23:00"


def test_a_date_is_the_same_day_in_every_zone() -> None:
    assert render("v|date('short', 'en_GB', 'Pacific/Kiritimati')", v=datetime.date(2026, 7, 1)) == "01/07/2026"


def test_an_hour_that_occurs_twice_keeps_its_offset() -> None:
    first = datetime.datetime(2026, 10, 25, 0, 30)
    second = datetime.datetime(2026, 10, 25, 1, 30)
    assert render("v|time_of_day('HH:mm ZZZZZ', timezone='Europe/Berlin')", v=first) == "02:30 +02:00"
    assert render("v|time_of_day('HH:mm ZZZZZ', timezone='Europe/Berlin')", v=second) == "02:30 +01:00"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "/etc/localtime", ""])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        render("v|date_time(timezone=zone)", v=datetime.datetime(2026, 1, 1), zone=zone)


@pytest.mark.parametrize("value", [None, 5, "yesterday", datetime.time(1)])
def test_what_is_no_instant_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        render("v|date", v=value)


def test_a_long_pattern_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        render("v|date('y' * 1000)", v=datetime.date(2026, 1, 1))


@pytest.mark.parametrize(("count", "word"), [(0, "none"), (1, "item"), (2, "items"), (1.5, "items"), (-1, "item")])
def test_the_plural_goes_with_the_count(count: float, word: str) -> None:
    assert render("n|pluralise('item', zero='none')", n=count) == word


def test_a_listing_is_escaped_like_any_text() -> None:
    assert render("v|listing", v=["<b>", "c", "d"]) == "&lt;b&gt;, c, and d"
    assert render("v|listing", v=[]) == ""
    with pytest.raises(TypeError, match="a list"):
        render("v|listing", v="abc")


def test_a_link_keeps_what_it_has() -> None:
    address = "https://example.com/a?utm_medium=push&x=%20&x=2&empty=#part"
    assert render("v|link(source='s')|safe", v=address) == (
        "https://example.com/a?utm_medium=push&x=%20&x=2&empty=&utm_source=s#part"
    )
    assert render("v|link('Ü&=', none)", v="https://example.com") == (
        "https://example.com?utm_medium=email&amp;utm_campaign=%C3%9C%26%3D"
    )


@pytest.mark.parametrize("address", ["mailto:a@example.com?subject=x", "tel:+491234"])
def test_what_is_no_web_address_is_not_tracked(address: str) -> None:
    assert render("v|link('c')|safe", v=address) == address


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "/relative", "//example.com", "https://", "",
     "java\nscript:x", "https://example.com/\r\nBcc: x", "https://example.com/a b", 'https://example.com/"onclick=', "ftp://example.com"],
)  # fmt: skip
def test_a_link_elsewhere_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="link takes"):
        render("v|link('c')", v=address)
