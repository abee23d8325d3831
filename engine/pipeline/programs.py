"""A campaign's templates as programs, with its constants folded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeAlias

from jinja2 import Environment

from engine.cache.objects import ObjectCache
from engine.campaign.schema import Campaign
from engine.templates import PartsProgram, compile_parts
from engine.templates.catalogue import TemplateSet, digest_of
from engine.templates.sandbox import campaign_environment

Programs: TypeAlias = ObjectCache[PartsProgram]
COMPILED = 40
"""Bytes of a compiled program for each character of its parts, measured with tracemalloc on the example's templates."""


def constants(campaign: Campaign) -> dict[str, object]:
    """What is the same in all of a campaign's messages; a variable of the campaign file wins."""
    about = {"name": campaign.name, "type": campaign.type.value, "description": campaign.description}
    return {"campaign": about, **campaign.variables}


def compile_templates(
    campaign: Campaign, templates: Iterable[TemplateSet], programs: Programs | None = None
) -> dict[str, PartsProgram]:
    """Each template's three parts as one program, with the campaign's constants folded; from ``programs`` what is there already."""
    known = constants(campaign)
    if programs is None:
        return {each.name: _compiled(each, known) for each in templates}
    return {each.name: programs.get(_digest(each, known), partial(_compiled, each, known)) for each in templates}


def program_bytes(program: PartsProgram) -> int:
    """About how many bytes a program takes, with what it remembers of distinct inputs."""
    return COMPILED * sum(len(each.text) for each in program.sources.values()) + program.remembered


def _compiled(template: TemplateSet, known: Mapping[str, object]) -> PartsProgram:
    return compile_parts(template.parts, constants=known, environment=environment_of(template))


def _digest(template: TemplateSet, known: Mapping[str, object]) -> str:
    """Of all that a program is made of: the texts, as they are after links were signed into them, and what is folded."""
    texts = {f"{name} {part.name} {part.autoescape}": part.source for name, part in template.parts.items()}
    return digest_of(
        {**{f"shared {name}": text for name, text in template.shared.items()}, **texts, "folded": repr(known)}
    )


def compile_apart(campaign: Campaign, template: TemplateSet) -> dict[str, PartsProgram]:
    """Each part of a template as a program of its own: to look at, for what parts share is then evaluated again."""
    return {
        name: compile_parts({name: part}, constants=constants(campaign), environment=environment_of(template))
        for name, part in template.parts.items()
    }


def environment_of(template: TemplateSet) -> Callable[[bool], Environment]:
    return lambda autoescape: campaign_environment(autoescape=autoescape, loader=template.loader)
