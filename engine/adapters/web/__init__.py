"""What others' programs call: withdrawals, links, pictures, webhooks, and events."""

from engine.adapters.web.application import FeedbackParts, feedback_application
from engine.adapters.web.events import EventParts
from engine.adapters.web.server import HttpServer

__all__ = ["EventParts", "FeedbackParts", "HttpServer", "feedback_application"]
