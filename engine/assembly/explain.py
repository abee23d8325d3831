"""How a campaign's templates are compiled, and what they cost on its own audience."""

from __future__ import annotations

import time
from collections.abc import Iterator

from engine.assembly.campaign import OpenCampaign
from engine.pipeline.explain import TemplateExplanation, explain, sample


def explain_campaign(campaign: OpenCampaign) -> Iterator[TemplateExplanation]:
    """Explain each template; some thousand rows of the audience are read and nothing is kept or sent.

    Costs are in processor time, which does not depend on what else the machine does.
    """
    definition = campaign.definition
    batches = campaign.selection().batches(definition.audience, campaign.campaign.audience.key)
    sampled = sample(definition, [each.name for each in campaign.templates], batches)
    return explain(definition, campaign.templates, sampled, time.process_time)
