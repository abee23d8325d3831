import pyarrow as pa
import pytest

from engine.assembly.destinations import destination_table
from engine.delivery.pacing import OTHER, Destinations, with_domains

TABLE = destination_table()


@pytest.mark.parametrize(
    ("domain", "group"),
    [
        ("gmail.com", "google"),
        ("outlook.com", "microsoft"),
        ("contoso.onmicrosoft.com", "microsoft"),
        ("notgmail.com", OTHER),
        ("example.com", OTHER),
        ("", OTHER),
    ],
)
def test_a_domain_stands_for_its_subdomains_and_no_other(domain: str, group: str) -> None:
    assert Destinations(TABLE).group(domain) == group


def test_addresses_are_grouped_in_columns() -> None:
    found = Destinations(TABLE)
    column = pa.array(["A@GMail.com ", "b@x.aol.com", None, "nonsense", '"a@b"@icloud.com', "c@example.com"])
    assert [found.names[each] for each in found.numbers(column)] == ["google", "yahoo", OTHER, OTHER, "icloud", OTHER]
    assert found.numbers(pa.array([], pa.string())).tolist() == []


def test_a_campaigns_own_domains_count_more() -> None:
    found = Destinations(with_domains(TABLE, [("google", ["Example.com"]), ("partner", ["gmail.com"])]))
    assert [found.group(each) for each in ("example.com", "gmail.com", "googlemail.com")] == [
        "google",
        "partner",
        "google",
    ]


def test_the_table_names_each_domain_once_and_in_lower_case() -> None:
    assert len(TABLE) > 50
    for domain, group in TABLE.items():
        assert domain == domain.lower().strip() and "." in domain
        assert group == group.lower().strip() and group != OTHER
