"""How a run finds out what became of messages of unknown fate."""

from __future__ import annotations

from pathlib import Path

from engine.adapters.feedback.evidence import FeedbackEvidence
from engine.assembly.sending import Route, open_route_inquiry
from engine.assembly.settings import StoresAt
from engine.assembly.stores import known_event_log
from engine.campaign.durations import microseconds
from engine.campaign.schema import Campaign, Delivery, MailClass, Reconcile, UnknownPolicy
from engine.delivery.doubts import DoubtRule, Witnesses


def unknown_policy(campaign: Campaign) -> UnknownPolicy:
    """The campaign's, or what fits its class."""
    if campaign.delivery.on_unknown is not None:
        return campaign.delivery.on_unknown
    return UnknownPolicy.SKIP if campaign.mail_class is MailClass.MARKETING else UnknownPolicy.RESEND


def doubt_rule(campaign: Campaign) -> DoubtRule:
    """How long the campaign waits for evidence, and what then; a campaign that does not reconcile waits for ever."""
    if unknown_policy(campaign) is not UnknownPolicy.RECONCILE:
        return DoubtRule()
    asked = campaign.delivery.reconcile or Reconcile()
    return DoubtRule(microseconds(asked.after), UnknownPolicy(asked.then))


def feedback_evidence(stores: StoresAt) -> FeedbackEvidence:
    """What came back, from the stores that outlive runs."""
    return FeedbackEvidence(lambda: known_event_log(stores))


def open_witness(stores: StoresAt, route: Route, delivery: Delivery, origin: Path) -> Witnesses:
    """What came back, and then whoever is at the other end of the transport. Raises as ``open_route`` does."""
    return Witnesses([feedback_evidence(stores), open_route_inquiry(route, delivery, origin)])
