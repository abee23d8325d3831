"""A campaign's templates as programs, with its constants folded."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jinja2 import Environment

from engine.campaign.schema import Campaign
from engine.templates import PartsProgram, compile_parts
from engine.templates.catalogue import TemplateSet
from engine.templates.sandbox import campaign_environment


def constants(campaign: Campaign) -> dict[str, object]:
    """What is the same in all of a campaign's messages; a variable of the campaign file wins."""
    about = {"name": campaign.name, "type": campaign.type.value, "description": campaign.description}
    return {"campaign": about, **campaign.variables}


def compile_templates(campaign: Campaign, templates: Iterable[TemplateSet]) -> dict[str, PartsProgram]:
    """Each template's three parts as one program, with the campaign's constants folded."""
    return {
        each.name: compile_parts(each.parts, constants=constants(campaign), environment=environment_of(each))
        for each in templates
    }


def compile_apart(campaign: Campaign, template: TemplateSet) -> dict[str, PartsProgram]:
    """Each part of a template as a program of its own: to look at, for what parts share is then evaluated again."""
    return {
        name: compile_parts({name: part}, constants=constants(campaign), environment=environment_of(template))
        for name, part in template.parts.items()
    }


def environment_of(template: TemplateSet) -> Callable[[bool], Environment]:
    return lambda autoescape: campaign_environment(autoescape=autoescape, loader=template.loader)
