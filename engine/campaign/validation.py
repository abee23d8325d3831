"""Pydantic's findings in the words and places of the campaign file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from engine.campaign.automation import REENTRY
from engine.campaign.document import Document, KeyPath, dotted
from engine.campaign.durations import DAY, DURATION, EXPIRY, INSTANT_OR_TIME, TIME_OF_DAY
from engine.campaign.model import IDENTIFIER, TEMPLATE_ID
from engine.campaign.schema import FOLDER, WEB_FOLDER, Campaign
from engine.campaign.steps import HEADER_NAME, JSON_PATH, REFERENCE, WEB_ADDRESS, AnyStep
from engine.errors import Diagnostic, did_you_mean, near_match

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "`true` or `false`",
    "list_type": "a list",
    "dict_type": "a mapping of keys",
    "model_type": "a mapping of keys",
    "model_attributes_type": "a mapping of keys",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
_PATTERNS = {
    IDENTIFIER: "must be a name: letters, digits, `_` and `-`, not beginning with a digit, 64 characters at most",
    TEMPLATE_ID: "must be a template's name: letters, digits and `_`, with `.`, `-` and `/` inside",
    r"^https://": "must begin with `https://`",
    DURATION: "must be a length of time, such as `7 days` or `36 hours`",
    TIME_OF_DAY: "must be a time of the day, such as `21:00`",
    DAY: "must be a day, such as `2026-03-01`",
    EXPIRY: "must be a length of time, such as `72 hours`, or an instant, such as `2026-03-01T09:00:00Z`",
    INSTANT_OR_TIME: "must be an instant, such as `2026-03-01T09:00:00Z`, or a time of the day, such as `09:00`",
    REENTRY: "must be `never`, `after_exit`, or a length of time, such as `30 days`",
    WEB_ADDRESS: "must be an address that begins with `https://` or `http://`, without `#`",
    JSON_PATH: "must be keys and positions with points between them, such as `data.items.0.id`",
    REFERENCE: "must be `env:NAME` or `file:PATH`",
    HEADER_NAME: "must be a header's name, such as `X-Shop`",
    FOLDER: "must be a folder below the campaign's, such as `assets`",
    WEB_FOLDER: "must be an address that begins with `https://` and has no query, such as `https://cdn.example.com/spring/`",
}
_UNION_BRANCHES = ("str", "list[str]")


def schema_faults(document: Document, error: ValidationError) -> Iterator[Diagnostic]:
    """One diagnostic for each thing that the campaign's model found wrong in ``document``."""
    for details in error.errors(include_url=False):
        fault = _fault(document, details)
        if fault is not None:
            yield fault


def _fault(document: Document, details: ErrorDetails) -> Diagnostic | None:
    kind, location = details["type"], details["loc"]
    path = _path(document, location)
    if kind == "missing":
        return _missing(document, path, str(location[-1]))
    if kind == "union_tag_not_found":
        return _missing(document, path, "type")
    if kind == "extra_forbidden":
        name = str(location[-1])
        help = did_you_mean(name, keys_allowed_at(location[:-1]))
        return document.fault("MR111", f"unknown key `{name}`{_within(path[:-1])}", document.place_of_key(path), help)
    if kind == "union_tag_invalid":
        found = str(details["ctx"]["tag"])
        return document.fault(
            "MR112", f"unknown step type `{found}`", (*path, "type"), did_you_mean(found, list(step_models()))
        )
    if location[-1] == "[key]":
        return document.fault("MR116", f"`{path[-1]}` {_PATTERNS[IDENTIFIER]}", document.place_of_key(path))
    return _value_fault(document, path, details)


def _value_fault(document: Document, path: KeyPath, details: ErrorDetails) -> Diagnostic | None:
    kind, name, context = details["type"], f"`{dotted(path)}`", details.get("ctx", {})
    value = details["input"]
    if kind == "finite_number":  # reported with every other non-finite number of the file
        return None
    if kind == "enum" or kind == "literal_error":
        known = [each.strip("'") for each in str(context["expected"]).replace(" or ", ", ").split(", ")]
        help = did_you_mean(str(value), known)
        shown = f"`{value}`" if isinstance(value, str) else _described(value)
        return document.fault("MR113", f"{name} cannot be {shown}", path, help)
    if kind in _EXPECTED:
        return _type_fault(document, path, details)
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return document.fault("MR115", f"{name} must be {words} {context[key]:,g}", path)
    if kind == "string_pattern_mismatch":
        return document.fault("MR116", f"{name} {_PATTERNS.get(context['pattern'], 'is not well formed')}", path)
    if kind in ("too_short", "string_too_short"):
        return document.fault("MR115", f"{name} must not be empty", path)
    if kind in ("too_long", "string_too_long"):
        return document.fault("MR115", f"{name} must not be longer than {context['max_length']}", path)
    return document.fault("MR114", f"{name}: {details['msg']}", path)


def _type_fault(document: Document, path: KeyPath, details: ErrorDetails) -> Diagnostic | None:
    expected, value = _EXPECTED[details["type"]], details["input"]
    branch = next((part for part in details["loc"] if part in _UNION_BRANCHES), None)
    if branch == "list[str]" and not _inside_list(details):
        return None  # the branch `str` says it for both
    if branch == "str":
        if isinstance(value, list):
            return None
        expected = "text or a list of texts"
    help = None
    if expected.startswith("text") and value is not None and not isinstance(value, list | dict):
        help = "put it in quotes"
    elif isinstance(value, str):
        help = near_match(value, ("true", "false")) if details["type"] == "bool_type" else "remove the quotes"
    return document.fault("MR114", f"`{dotted(path)}` must be {expected}, not {_described(value)}", path, help)


def _inside_list(details: ErrorDetails) -> bool:
    return isinstance(details["loc"][-1], int)


def _missing(document: Document, path: KeyPath, name: str) -> Diagnostic:
    owner = f"`{dotted(path)}`" if path else "the campaign"
    place = document.place_of_key(path) if path else document.place_at(0)
    return document.fault("MR110", f"{owner} has no `{name}`", place, f"add `{name}:`")


def _path(document: Document, location: tuple[int | str, ...]) -> KeyPath:
    """The location without what pydantic adds to it (tags of unions, `[key]`), as far as the document goes."""
    path: KeyPath = ()
    for part in location:
        is_tag = len(path) == 2 and path[0] == "workflow" and part in step_models()
        if not is_tag and document.has((*path, part)):
            path = (*path, part)
    return path


def _within(path: KeyPath) -> str:
    return f" in `{dotted(path)}`" if path else ""


def _described(value: Any) -> str:
    names = {bool: "a truth value", int: "a whole number", float: "a number", str: "text", list: "a list"}
    return "nothing" if value is None else names.get(type(value), "a mapping" if isinstance(value, dict) else "a date")


def step_models() -> dict[str, type[BaseModel]]:
    """The models of the steps by their ``type``."""
    return {_tag(model): model for model in get_args(get_args(AnyStep)[0])}


def _tag(model: type[BaseModel]) -> str:
    return str(get_args(model.model_fields["type"].annotation)[0])


def keys_allowed_at(location: tuple[int | str, ...]) -> list[str]:
    """The keys that the model at a pydantic location knows, as they are written in the file."""
    model: type[BaseModel] = Campaign
    for part in location:
        if isinstance(part, str) and part in step_models():
            model = step_models()[part]
        elif isinstance(part, str):
            field = next(field for name, field in model.model_fields.items() if (field.alias or name) == part)
            model = next(iter(_models_in(field.annotation)), model)
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
