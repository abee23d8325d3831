"""What the DNS says of a sending domain, asked over the wire."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from engine.adapters.resolver import DnsNames
from engine.delivery.alignment import (
    Level,
    look_at_alignment,
    look_at_dkim,
    look_at_dmarc,
    look_at_return_path,
    look_at_spf,
    organizational,
    walk,
)
from engine.delivery.reverse_names import addresses_in_spf, addresses_of, look_at_reverse_names
from engine.errors import ServiceError, UsageError

PUBLIC = b"the public half"
FOUR, SIX = "192.88.99.1", "2620:4f:8000::1"  # of nobody who sends: 6to4 relays, and AS112
BACK = {("1.99.88.192.in-addr.arpa", "PTR"): ["mx.example.com."]}
KEY = f"v=DKIM1; k=rsa; p={b64encode(PUBLIC).decode()}"
SHOP = "news.shop.example.com"


@pytest.fixture
def names(zone: Any) -> DnsNames:
    return DnsNames(zone.address)


@pytest.mark.parametrize(
    ("records", "level"),
    [
        ([], Level.FAIL),
        (["google-site-verification=x"], Level.FAIL),
        (["v=spf1 -all"], Level.OK),
        (["v=spf1 include:relay.example -all", "something else"], Level.OK),
        (["v=spf1 -all", "v=spf1 ~all"], Level.FAIL),
        (["v=spf1 +all"], Level.FAIL),
        (["v=spf1 all"], Level.FAIL),
        (["v=spf1 mx"], Level.WARN),
        (["v=spf10 -all"], Level.FAIL),
        (["v=spf1 " + " ".join(f"include:r{number}.example" for number in range(11)) + " -all"], Level.FAIL),
        (["v=spf1 redirect=relay.example"], Level.OK),
    ],
)
def test_spf(zone: Any, names: DnsNames, records: list[str], level: Level) -> None:
    zone.text(SHOP, *records)
    zone.text("relay.example", "v=spf1 a -all")
    remark = look_at_spf(names, SHOP)
    assert (remark.level, bool(remark.help)) == (level, level is not Level.OK)


def test_the_lookups_of_what_is_included_count_and_a_circle_ends(zone: Any, names: DnsNames) -> None:
    for number in range(6):
        zone.text(f"s{number}.example", f"v=spf1 a mx include:s{(number + 1) % 6}.example -all")
    remark = look_at_spf(names, "s0.example")
    assert (remark.level, "18 lookups" in remark.detail) == (Level.FAIL, True)


@pytest.mark.parametrize(
    ("records", "level"),
    [
        ([], Level.FAIL),
        ([KEY], Level.OK),
        ([KEY.replace("; ", ";")], Level.OK),
        ([KEY + "; t=y"], Level.WARN),
        (["v=DKIM1; p="], Level.FAIL),
        (["v=DKIM1; p=%%%"], Level.FAIL),
        (["v=DKIM1; p=b3RoZXI="], Level.FAIL),
        ([KEY, KEY + ";"], Level.FAIL),
    ],
)
def test_dkim(zone: Any, names: DnsNames, records: list[str], level: Level) -> None:
    zone.text(f"spring._domainkey.{SHOP}", *records)
    assert look_at_dkim(names, SHOP, "spring", PUBLIC).level is level


def test_a_long_key_is_joined_from_its_strings(zone: Any, names: DnsNames) -> None:
    public = bytes(300)
    text = f"v=DKIM1; p={b64encode(public).decode()}"
    zone.records[f"spring._domainkey.{SHOP}", "TXT"] = [f'"{text[:250]}" "{text[250:]}"']
    assert look_at_dkim(names, SHOP, "spring", public).level is Level.OK


@pytest.mark.parametrize(
    ("records", "found"),
    [
        ({}, None),
        ({SHOP: "v=DMARC1; p=reject"}, "reject, from _dmarc.news.shop.example.com"),
        ({"example.com": "v=DMARC1; p=reject; sp=quarantine"}, "quarantine, from _dmarc.example.com"),
        (
            {"shop.example.com": "v=DMARC1; p=none; psd=n", "example.com": "v=DMARC1; p=reject"},
            "none, from _dmarc.shop",
        ),
        (
            {"example.com": "v=DMARC1; p=reject; psd=y", "shop.example.com": "v=DMARC1; p=none"},
            "none, from _dmarc.shop",
        ),
        ({"example.com": "v=DMARC2; p=reject"}, None),
    ],
)
def test_the_policy_is_found_up_the_tree(
    zone: Any, names: DnsNames, records: dict[str, str], found: str | None
) -> None:
    for name, text in records.items():
        zone.text(f"_dmarc.{name}", text)
    remark = look_at_dmarc(names, SHOP)
    assert (remark.level is Level.OK, found or "no DMARC record") == (found is not None, found or "no DMARC record")
    assert (found or "no DMARC record") in remark.detail


def test_two_records_at_one_name_are_none(zone: Any, names: DnsNames) -> None:
    zone.text(f"_dmarc.{SHOP}", "v=DMARC1; p=none", "v=DMARC1; p=reject")
    assert look_at_dmarc(names, SHOP).level is Level.FAIL


def test_a_long_name_is_cut_and_no_more_than_eight_are_asked_for(zone: Any, names: DnsNames) -> None:
    """The example of RFC 9989's tree walk: from ten labels to seven."""
    assert list(walk(names, "a.b.c.d.e.f.g.h.i.example.com")) == []
    asked = [name for name, _ in zone.asked]
    assert asked[0] == "_dmarc.a.b.c.d.e.f.g.h.i.example.com"
    assert asked[1] == "_dmarc.e.f.g.h.i.example.com"
    assert (asked[-1], len(asked)) == ("_dmarc.com", 8)


def test_below_a_public_suffix_each_name_is_an_organization(zone: Any, names: DnsNames) -> None:
    zone.text("_dmarc.example", "v=DMARC1; p=reject; psd=y")
    assert organizational(list(walk(names, "a.b.example")), "a.b.example") == "b.example"
    assert look_at_alignment(names, "b.example", "c.example", None).level is Level.FAIL


@pytest.mark.parametrize(
    ("sender", "envelope", "signer", "policy", "level"),
    [
        ("example.com", "bounces.example.com", "example.com", "p=none", Level.OK),
        ("example.com", "relay.test", "mail.example.com", "p=none", Level.OK),
        ("example.com", "bounces.example.com", None, "p=none", Level.WARN),
        ("example.com", "relay.test", None, "p=none", Level.FAIL),
        ("example.com", "relay.test", "mail.example.com", "p=none; adkim=s", Level.FAIL),
        ("example.com", "bounces.example.com", "relay.test", "p=none; aspf=s", Level.FAIL),
        ("example.com", "example.com", "example.com", "p=none; aspf=s; adkim=s", Level.OK),
    ],
)
def test_who_passes_must_be_of_the_senders_organization(
    zone: Any, names: DnsNames, sender: str, envelope: str, signer: str | None, policy: str, level: Level
) -> None:
    zone.text("_dmarc.example.com", f"v=DMARC1; {policy}")
    assert look_at_alignment(names, sender, envelope, signer).level is level


@pytest.mark.parametrize(
    ("records", "level"),
    [
        ({"MX": ["20 b.example.", "10 a.example."]}, Level.OK),
        ({"MX": ["0 ."]}, Level.FAIL),
        ({"A": ["192.0.2.1"]}, Level.WARN),
        ({"AAAA": ["2001:db8::1"]}, Level.WARN),
        ({}, Level.FAIL),
    ],
)
def test_bounces_have_somewhere_to_go(zone: Any, names: DnsNames, records: dict[str, list[str]], level: Level) -> None:
    zone.records |= {(SHOP, kind): texts for kind, texts in records.items()}
    remark = look_at_return_path(names, SHOP)
    assert remark.level is level
    assert level is not Level.OK or "a.example" in remark.detail


@pytest.mark.parametrize(
    ("records", "level"),
    [
        (BACK | {("mx.example.com", "A"): [FOUR]}, Level.OK),
        (BACK | {("mx.example.com", "A"): ["192.88.99.2", FOUR]}, Level.OK),
        (BACK | {("mx.example.com", "A"): ["192.88.99.2"]}, Level.WARN),
        (BACK, Level.WARN),
        ({}, Level.WARN),
    ],
)
def test_an_address_has_a_name_that_leads_back_to_it(
    zone: Any, names: DnsNames, records: dict[tuple[str, str], list[str]], level: Level
) -> None:
    zone.records |= records
    remark = look_at_reverse_names(names, [FOUR, FOUR])
    assert (remark.level, FOUR in remark.detail, bool(remark.help)) == (level, True, level is not Level.OK)


def test_one_of_several_without_a_name_is_told(zone: Any, names: DnsNames) -> None:
    zone.records |= BACK | {("mx.example.com", "A"): [FOUR]}
    remark = look_at_reverse_names(names, [FOUR, SIX])
    assert (remark.level, SIX in remark.detail, FOUR in remark.detail) == (Level.WARN, True, False)
    zone.records[f"1{'.0' * 19}.0.0.0.8.f.4.0.0.0.2.6.2.ip6.arpa", "PTR"] = ["six.example.com."]
    zone.records["six.example.com", "AAAA"] = [SIX]
    assert look_at_reverse_names(names, [FOUR, SIX]).level is Level.OK


def test_nobody_is_asked_about_addresses_that_receivers_never_see(zone: Any, names: DnsNames) -> None:
    remark = look_at_reverse_names(names, ["127.0.0.1", "10.0.0.5", "fe80::1", "::1", "192.168.1.1"])
    assert (remark.level, "not known" in remark.detail, zone.asked) == (Level.OK, True, [])


def test_single_addresses_that_may_send(zone: Any, names: DnsNames) -> None:
    zone.text(
        SHOP, f"v=spf1 ip4:{FOUR} +ip4:192.88.99.7/32 ip4:192.88.98.0/24 -ip4:192.88.99.9 ip4:no ip6:{SIX}/128 mx -all"
    )
    assert addresses_in_spf(names, SHOP) == [FOUR, "192.88.99.7", SIX]
    zone.records |= {("relay.test", "A"): [FOUR], ("relay.test", "AAAA"): [SIX]}
    assert addresses_of(names, "relay.test") == [FOUR, SIX]
    assert addresses_of(names, FOUR) == [FOUR]


def test_who_does_not_answer_is_not_taken_for_one_who_says_no(zone: Any, names: DnsNames) -> None:
    zone.broken.add(SHOP)
    with pytest.raises(ServiceError) as caught:
        look_at_spf(names, SHOP)
    assert caught.value.diagnostics[0].code == "MR756"


@pytest.mark.parametrize("server", ["here", "127.0.0.1:dns", "resolver.example:53", ""])
def test_a_resolver_is_an_address(server: str) -> None:
    with pytest.raises(UsageError):
        DnsNames(server)
