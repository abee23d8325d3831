"""Every fault of a campaign file: its code, its place, and that nothing else is reported with it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

import engine.campaign
from engine.errors import Diagnostic

Faults = Callable[[str], tuple[Diagnostic, ...]]

# code, what is replaced, by what, the text that the caret must stand under, a word of the message, a word of the help
THANKS = "type: send_email\n    template: thanks"
ELSE, NO_ELSE = "    else: hello\n  - id: thanks\n    ", "  - id: thanks\n    "
WAIT = "type: wait_condition\n    "
WEBHOOK = "type: trigger_webhook\n    url: https://example.com/\n"
DKIM = "  dkim: "  # before the last key
WARM_UP = "{destinations: {google: {warm_up: {since: '2026-02-30', daily: [1]}}}}"
AUTOMATION = """\
  - {id: pause, type: wait_condition, event: bought, when: event.total > 9, timeout: 2 days, on_timeout: tell}
  - {id: mark, type: update_user_data, critical: true, set: {tier: "'gold'"}, retry: {attempts: 2, backoff: 5 minutes}}
  - id: tell
    type: trigger_webhook
    url: https://example.com/hook
    payload: {who: id}
    response: {score: {path: data.score, type: number}}
  - {id: half, type: conditional_branch, split: [{weight: 1, next: own}, {weight: 3, next: end}]}
  - {id: own, type: generic, uses: postcard, with: {size: A5}, into: {sent: boolean}}
events:
  left: {total: number}
  bought: {total: number, at: instant}
trigger: {event: left, when: event.total > 5}
reentry: 30 days
not_while: [winter]
only_after: [winter, welcome]
exit: [{event: bought}, {when: age < 18}]
goal: {event: bought, when: event.total > 50}
delivery:"""
CASES = [
    ("MR103", "name: spring", "name: [spring", ": welcome", "not valid YAML", "quotes"),
    ("MR103", "  key: id", "\tkey: id", "", "not valid YAML", "tabs"),
    ("MR103", "key: id", "key: id: x", ": x", "not valid YAML", "quotes"),
    ("MR104", "type: welcome_series\n", "type: welcome_series\nname: other\n", "name", "written twice", "line 1"),
    ("MR107", "key: id", "key: !!python/name:os.system id", "!!python", "tag", "known are"),
    ("MR107", "  key: id", "  1: x\n  key: id", "1", "key must be text", "quotes"),
    ("MR107", "  loyal: orders > 3", "  <<: {loyal: x}", "<<", "merge keys", "write"),
    ("MR107", "name: The Shop", "name: 2026-02-31", "2026-02-31", "timestamp", "quotes"),
    ("MR110", "  key: id\n", "", "audience", "`audience` has no `key`", "add `key:`"),
    ("MR110", "name: spring\n", "", "type", "the campaign has no `name`", "add `name:`"),
    ("MR110", "    type: send_email\n    template: thanks\n", "    template: thanks\n", "id: thanks", "has no `type`", "type"),
    ("MR110", "template: thanks\n    next: end", "next: end", "id: thanks", "has no `template`", "template"),
    ("MR111", "  key: id", "  kye: id\n  key: id", "kye", "unknown key `kye`", "`key`"),
    ("MR111", "type: welcome_series", "typ: 1\ntype: welcome_series", "typ", "unknown key `typ`", "`type`"),
    ("MR111", "template: thanks", "template: thanks\n    templat: x", "templat", "`templat`", "`template`"),
    ("MR111", "    name: The Shop", "    nmae: The Shop", "nmae", "`nmae`", "`name`"),
    ("MR111", "type: welcome_series", "mail_class: marketing\ntype: welcome_series", "mail_class", "mail_class", "`class`"),
    ("MR112", "type: send_email\n", "type: send_emial\n", "send_emial", "send_emial", "`send_email`"),
    ("MR113", "welcome_series", "welcome_serie", "welcome_serie", "`type`", "`welcome_series`"),
    ("MR113", "type: welcome_series", "type: welcome_series\npriority: hihg", "hihg", "`priority`", "`high`"),
    ("MR113", "key: id", "key: id\n  format: parqet", "parqet", "`audience.format`", "`parquet`"),
    ("MR113", "type: welcome_series", "type: welcome_series\npriority: 1", "1", "a whole number", "known are"),
    ("MR114", "key: id", "key: 3", "3", "must be text, not a whole number", "quotes"),
    ("MR114", "key: id", "key:", "", "must be text, not nothing", None),
    ("MR114", "source: people.parquet", "source: 7", "7", "text or a list of texts", "quotes"),
    ("MR114", "source: people.parquet", "source: [a.parquet, 7]", "7", "`audience.source[1]` must be text", "quotes"),
    ("MR114", "source: people.parquet", "source: {a: b}", "{a: b}", "text or a list of texts, not a mapping", None),
    ("MR114", "key: id", "key: id\n  suppression: 7", "7", "text or a list of texts", "quotes"),
    ("MR114", "postal_address: 1 Main Street", "postal_address: x\n  connections: '8'", "'8'", "a whole number", "quotes"),
    ("MR114", "postal_address: 1 Main Street", "postal_address: x\n  connections: true", "true", "a whole number", None),
    ("MR114", "template: thanks", "template: thanks\n    critical: yes", "yes", "`true` or `false`", None),
    ("MR114", "  loyal: orders > 3", "  - x", "- x", "must be a mapping of keys, not a list", None),
    ("MR114", "    else: hello\n", "    else: hello\n  - 7\n", "7", "must be a mapping of keys", None),
    ("MR115", "key: id", "key: id\n  holdout: {percent: 101}", "101", "at most 100", None),
    ("MR115", "key: id", "key: id\n  holdout: {percent: -1}", "-1", "at least 0", None),
    ("MR115", "postal_address: 1 Main Street", "postal_address: x\n  connections: 0", "0", "at least 1", None),
    ("MR115", "postal_address: 1 Main Street", "postal_address: x\nlimits: {messages_per_second: 0}", "0", "more than 0", None),
    ("MR115", "age >= 18", '""', '""', "must not be empty", None),
    ("MR116", "name: spring", "name: 9spring", "9spring", "must be a name", None),
    ("MR116", "loyal: orders", "lo yal: orders", "lo yal", "`lo yal` must be a name", None),
    ("MR116", "https://example.com/u/", "http://example.com/u/", "http", "https://", None),
    ("MR116", "template: thanks", "template: /etc/passwd", "/etc/passwd", "must be a template's name", None),
    ("MR120", "delivery:", "  - {id: hello, type: send_email, template: a}\ndelivery:", "hello", "two steps have the id", "line 21"),
    ("MR120", "delivery:", "  - {id: end, type: send_email, template: a}\ndelivery:", "end", "ends an execution", "another id"),
    ("MR121", "next: end", "next: helo", "helo", "no step has the id `helo`", "`hello`"),
    ("MR121", "else: hello", "else: helo", "helo", "no step has the id `helo`", "`hello`"),
    ("MR121", "next: thanks", "next: nowhere", "nowhere", "no step has the id `nowhere`", "known are"),
    ("MR122", "next: end", "next: split", "split", "split -> thanks -> split", "`end`"),
    ("MR122", "next: end", "next: thanks", "thanks", "thanks -> thanks", "`end`"),
    ("MR123", "next: thanks", "next: hello", "thanks", "no step leads to `thanks`", "`next`"),
    ("MR114", THANKS, "type: wait_condition\n    for: 3", "3", "must be text", "quotes"),
    ("MR116", THANKS, "type: wait_condition\n    for: 3 fortnights", "3 fort", "length of time", None),
    ("MR116", THANKS, "type: wait_condition\n    until: '24:00'", "'24:00'", "time of the day", None),
    ("MR116", THANKS, "type: trigger_webhook\n    url: ftp://example.com/", "ftp", "`https://`", None),
    ("MR116", THANKS, f"{WEBHOOK}    response: {{a: {{path: a..b}}}}", "a..b", "keys and positions", None),
    ("MR116", THANKS, f"{WEBHOOK}    headers: {{'X Y': a}}", "'X Y'", "must be a name", None),
    ("MR116", "type: welcome_series", "type: welcome_series\nreentry: often", "often", "`after_exit`", None),
    ("MR125", THANKS, "type: wait_condition", "id: thanks", "says not for what", "`for: 2 days`"),
    ("MR125", THANKS, "type: wait_condition\n    for: 1 day\n    until: '09:00'", "'09:00'", "two things", "one of"),
    ("MR126", THANKS, f"{WAIT}event: bought\n    on_timeout: hello", "bought", "no `timeout`", "3 days"),
    ("MR126", THANKS, f"{WAIT}condition: loyal\n    timeout: 1 day", "loyal", "no `on_timeout`", "where that leads"),
    ("MR127", THANKS, f"{WAIT}for: 1 day\n    timeout: 2 days", "timeout", "`event` or `condition` alone", "remove"),
    ("MR127", THANKS, f"{WAIT}until: '2026-03-01T09:00:00Z'\n    timezone: UTC", "timezone", "a time of the day", "remove"),
    ("MR127", THANKS, f"{WAIT}for: 1 day\n    when: loyal", "when", "`event` alone", "remove"),
    ("MR127", "segments:", "trigger: {api: true, timezone: UTC}\nsegments:", "timezone", "`cron` alone", "remove"),
    ("MR127", "segments:", "trigger: {event: a, properties: {n: number}}\nsegments:", "properties", "`api` alone", "`events`"),
    ("MR128", "segments:", "events: {bought: {}}\ntrigger: {event: boght}\nsegments:", "boght", "among `events`", "`bought`"),
    ("MR128", "segments:", "events: {bought: {}}\ngoal: {event: boght}\nsegments:", "boght", "among `events`", "`bought`"),
    ("MR129", "segments:", "trigger: {event: a}\nexit: [{event: a}]\nsegments:", "{event: a}]", "begins", "another"),
    ("MR129", "segments:", "trigger: {segment_entry: loyal}\nexit: [{when: loyal}]\nsegments:", "{when", "begins", "another"),
    ("MR129", "segments:", "trigger: {segment_exit: loyal}\nexit: [{when: NOT  loyal}]\nsegments:", "{when", "begins", "another"),
    ("MR129", "segments:", "trigger: {cron: 0 9 * * *, when: a = 1}\nexit: [{when: A = 1}]\nsegments:", "{when: A", "begins", "another"),
    ("MR130", THANKS, f"{WAIT}until: '09:00'\n    timezone: Europe/Berln", "Europe/Berln", "unknown timezone", "`Europe/Berlin`"),
    ("MR133", THANKS, f"{WAIT}until: '2026-02-30T09:00:00Z'", "'2026-02-30", "does not exist", "calendar"),
    ("MR135", "segments:", "trigger: {cron: 0 25 * * *}\nsegments:", "0 25", "bad hour", "day of week"),
    ("MR135", "segments:", "trigger: {cron: 0 9 * * 8}\nsegments:", "0 9", "bad day of week", "day of week"),
    ("MR135", "segments:", "trigger: {cron: 0 9 * *}\nsegments:", "0 9", "five fields", "day of week"),
    ("MR136", "segments:", "trigger: {when: a = 1}\nsegments:", "trigger", "by nothing", "`event`"),
    ("MR136", "segments:", "trigger: {api: true, event: a}\nsegments:", "api", "by two things", "`event`"),
    ("MR136", "segments:", "trigger: {segment_entry: loyl}\nsegments:", "loyl", "no segment", "`loyal`"),
    ("MR136", "segments:", "exit: [{}]\nsegments:", "{}", "neither", "`when:`"),
    ("MR146", "segments:", "trigger: {api: true}\nlimits: {recipients: 5}\nsegments:", "recipients", "silent for ever", "`warm_up`"),
    ("MR137", ELSE + THANKS + "\n    next: end\n", NO_ELSE + THANKS + "\n", "id: split", "no `else`", "`end`"),
    ("MR137", "    else: hello", "    else: hello\n    split: [{weight: 1, next: hello}]", "split", "and by weights", "two steps"),
    ("MR137", "branches:\n      - when: loyal\n        next: thanks", "split: [{weight: 1, next: thanks}]", "else", "a share", "remove"),
    ("MR139", THANKS, f"{WEBHOOK}    headers: {{Authorization: x}}", "Authorization", "holds a secret", "`credentials: env:NAME`"),
    ("MR139", THANKS, f"{WEBHOOK}    headers: {{host: example.com}}", "host", "itself", "remove"),
    ("MR143", "    else: hello", "      - {when: ' loyal', next: hello}\n    else: hello", "' loyal'", "nobody comes", "line 14"),
    ("MR151", THANKS, f'{WEBHOOK}    headers: {{X-Shop: "a\\nb"}}', '"a', "a line break", "`payload`"),
    ("MR151", THANKS, f"{WEBHOOK}    headers: {{X-Shop: caf\u00e9}}", "caf", "beyond ASCII", "`payload`"),
    ("MR130", "Europe/Berlin", "Europe/Berln", "Europe/Berln", "unknown timezone", "`Europe/Berlin`"),
    ("MR130", "Europe/Berlin", "europe/berlin", "europe/berlin", "unknown timezone", "`Europe/Berlin`"),
    ("MR130", "Europe/Berlin", "qqqq", "qqqq", "unknown timezone", "IANA"),
    ("MR131", "segments:", "variables: {rate: .nan}\nsegments:", ".nan", "`variables.rate` must be a finite number", "number"),
    ("MR131", "key: id", "key: id\n  holdout: {percent: .inf}", ".inf", "finite", "number"),
    ("MR132", "delivery:", "limits: {quiet_hours: {from: '21:00', until: '21:00'}}\ndelivery:", "'21:00'}}", "same time", "another"),
    ("MR133", "segments:", f"limits: {WARM_UP}\nsegments:", "'2026-02-30'", "does not exist", "calendar"),
    ("MR133", "1 Main Street", "x\n  expires: '2026-02-30T09:00:00Z'", "'2026-02-30", "does not exist", "calendar"),
    ("MR116", "1 Main Street", "x\n  expires: 3 fortnights", "3 fortnights", "must be a length of time", None),
    ("MR116", "1 Main Street", "x\n  send_at: 9:00", "9:00", "must be a time of the day", None),
    ("MR116", "delivery:", "limits: {frequency: [{messages: 3, per: week}]}\ndelivery:", "week", "`7 days`", None),
    ("MR140", "template: thanks", "template: a/../../b", "a/../../b", "no plain path", "templates/"),
    ("MR140", "template: thanks", "template: a//b", "a//b", "no plain path", "templates/"),
    ("MR141", "segments:", "trigger: {api: true}\nnot_while: [winter, spring]\nsegments:", "spring]", "the campaign itself", "`reentry`"),
    ("MR141", "segments:", "trigger: {api: true}\nonly_after: [spring]\nsegments:", "spring", "the campaign itself", "`reentry`"),
    ("MR142", "segments:", "not_while: [winter]\nsegments:", "not_while", "whom a trigger lets in", "`trigger:`"),
    ("MR142", "segments:", "only_after: [winter]\nsegments:", "only_after", "whom a trigger lets in", "`trigger:`"),
    ("MR115", "postal_address: 1 Main Street", "postal_address: x\ncapacity: {concurrent_executions: 0}", "0", "at least 1", None),
    ("MR150", "address: news@example.com", "address: news.example.com", "news.example.com", "no e-mail address", "news@"),
    ("MR150", "address: news@example.com", "address: The Shop <news@example.com>", "The Shop", "no e-mail address", "name"),
    ("MR150", "postal_address: 1 Main Street", "postal_address: x\n  reply_to: a@b@example.com", "a@b", "`delivery.reply_to`", "news@"),
    ("MR151", "name: The Shop", 'name: "a\\r\\nBcc: x@example.com"', '"a', "line break", "one line"),
    ("MR152", "  postal_address: 1 Main Street\n", "", "delivery", "`delivery.postal_address`", "transactional"),
    ("MR152", "  unsubscribe:\n    url: https://example.com/u/\n", "", "delivery", "`delivery.unsubscribe`", "transactional"),
    ("MR156", "  postal_", "  reconcile: {then: resend}\n  postal_", "{then", "`delivery.reconcile`", "on_unknown: reconcile"),
    ("MR153", '"rehearsal:"', "smpt://localhost:25", "smpt", "unknown transport `smpt`", "`smtp`"),
    ("MR153", '"rehearsal:"', "localhost", "localhost", "unknown transport", "smtp://"),
    ("MR153", '"rehearsal:"', "smtp://", "smtp", "names no server", "smtp://"),
    ("MR153", '"rehearsal:"', "smtp://localhost:port", "smtp", "names no server", "smtp://"),
    ("MR153", '"rehearsal:"', "file://out", "file", "names no folder", "file:///"),
    ("MR153", '"rehearsal:"', '"postmrk:"', '"postmrk', "unknown transport `postmrk`", "`postmark`"),
    ("MR153", '"rehearsal:"', '"https+webhook:"', '"https', "names no server", "https+webhook://host"),
    ("MR154", "postal_address: 1 Main Street", "postal_address: x\n  secret: hunter2", None, "a secret", "env:"),
    ("MR154", "postal_address: 1 Main Street", "postal_address: x\n  credentials: hunter2", None, "a secret", "env:"),
    ("MR154", "  postal_", DKIM + "{domain: example.com, selector: s, key: hunter2}\n  postal_", None, "a secret", "file:"),
    ("MR155", "  postal_", DKIM + "{domain: example.org, selector: s, key: env:K}\n  postal_", "example.org", "not aligned", "example.com"),
    ("MR155", "  postal_", DKIM + "{domain: ample.com, selector: s, key: env:K}\n  postal_", "ample.com", "not aligned", "example.com"),
    ("MR116", "  postal_", DKIM + "{domain: com, selector: s, key: env:K}\n  postal_", "com", "not well formed", None),
    ("MR116", "  postal_", DKIM + "{domain: example.com, selector: 's;d=x', key: env:K}\n  postal_", "'s;d", "not well formed", None),
    ("MR154", '"rehearsal:"', "smtp://me:hunter2@localhost:25", None, "holds a password", "URL"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "old", "new", "under", "message", "help"), CASES)
def test_a_fault_is_reported_alone_and_in_its_place(
    faults: Faults, valid: str, code: str, old: str, new: str, under: str | None, message: str, help: str | None
) -> None:
    text = valid.replace(old, new, 1)
    assert text != valid
    (fault,) = faults(text)
    assert fault.code == code
    assert message in fault.message
    assert help is None or help in (fault.help or "")
    place = fault.place
    assert place is not None and place.line is not None and place.column is not None
    line = text.split("\n")[place.line - 1]
    if under is None:
        assert place.excerpt is None and "hunter2" not in str(fault)
    else:
        assert place.excerpt == line.replace("\t", " ")
        assert line[place.column - 1 :].startswith(under)


def test_the_small_campaign_is_valid(faults: Faults, valid: str) -> None:
    assert faults(valid) == ()


def test_all_faults_come_in_one_look_in_the_order_of_the_file(faults: Faults, valid: str) -> None:
    text = (
        valid.replace("name: spring", "name: 9spring").replace("Berlin", "Berln").replace("  key: id", "  kye: id")
        .replace("next: end", "next: nowhere").replace("news@example.com", "news").replace("1 Main Street", '""')
    )  # fmt: skip
    found = faults(text)
    assert [each.code for each in found] == ["MR116", "MR130", "MR110", "MR111", "MR121", "MR152", "MR150"]
    assert [each.place.line for each in found if each.place] == sorted(
        each.place.line or 0 for each in found if each.place
    )


@pytest.mark.parametrize("change", [("class: transactional\n", ""), ("class: marketing\n", "MR152")])
def test_only_marketing_must_offer_a_way_out(faults: Faults, valid: str, change: tuple[str, str]) -> None:
    added, code = change
    text = added + valid.replace("  postal_address: 1 Main Street\n", "")
    assert [each.code for each in faults(text)] == ([code] if code else [])


@pytest.mark.parametrize("reference", ["env:MAILRAY_SECRET", "file:keys/secret", "file:/run/secrets/a b"])
def test_a_secret_may_be_referred_to(faults: Faults, valid: str, reference: str) -> None:
    assert faults(valid + f"  secret: {reference}\n") == ()


def test_a_secret_shows_in_no_fault_of_its_line(faults: Faults, valid: str) -> None:
    found = faults(
        valid.replace("delivery:\n", "delivery:\n  {secret: hunter2, conections: 8, from: 3} #").split("#")[0]
    )
    assert {each.code for each in found} >= {"MR154", "MR111"}
    assert "hunter2" not in "\n".join(map(str, found))


@pytest.mark.parametrize(("wait", "holds"), [
    ("for: 1 day", True),
    ("until: '09:00', weekdays: [monday], timezone: Europe/Berlin", True),
    ("event: bought, when: loyal, timeout: 1 day, on_timeout: hello", True),
    ("until: '2026-03-01T09:00:00Z'", False),  # and after that, at once
    ("condition: loyal, timeout: 1 day, on_timeout: hello", False),  # it may hold at once
])  # fmt: skip
def test_a_cycle_is_no_fault_when_there_is_always_a_wait_in_it(
    faults: Faults, valid: str, wait: str, holds: bool
) -> None:
    text = valid.replace("next: end", "next: pause").replace(
        "delivery:", f"  - {{id: pause, type: wait_condition, next: split, {wait}}}\ndelivery:"
    )
    assert [each.code for each in faults(text)] == ([] if holds else ["MR122"])


def test_the_way_of_a_timeout_takes_its_time(faults: Faults, valid: str) -> None:
    pause = "{id: pause, type: wait_condition, next: end, condition: loyal, timeout: 1 day, on_timeout: split}"
    text = valid.replace("next: end", "next: pause").replace("delivery:", f"  - {pause}\ndelivery:")
    assert faults(text) == ()


def test_all_that_a_workflow_may_say(faults: Faults, valid: str) -> None:
    assert faults(valid.replace("delivery:", AUTOMATION)) == ()


def test_two_cycles_are_two_faults(faults: Faults, valid: str) -> None:
    text = valid.replace("next: end", "next: thanks").replace("template: series/hello", "template: a\n    next: hello")
    assert [each.message.rpartition(": ")[2] for each in faults(text)] == ["thanks -> thanks", "hello -> hello"]


def test_every_code_of_the_package_has_a_case() -> None:
    folder = Path(engine.campaign.__file__).parent
    nodes = (node for file in folder.rglob("*.py") for node in ast.walk(ast.parse(file.read_text())))
    written = {node.value for node in nodes if isinstance(node, ast.Constant) and str(node.value).startswith("MR1")}
    tested_elsewhere = {"MR100", "MR101", "MR102", "MR105", "MR106", "MR108", "MR109"}  # test_load.py
    assert written == {case[0] for case in CASES} | tested_elsewhere
