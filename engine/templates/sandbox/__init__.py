"""A sandbox that limits both what a template may reach and what it may cost, without a clock."""

from engine.templates.sandbox.environment import CampaignEnvironment, campaign_environment
from engine.templates.sandbox.limits import TemplateLimitError

__all__ = ["CampaignEnvironment", "TemplateLimitError", "campaign_environment"]
