"""What others' programs call: withdrawals, links, pictures, webhooks, and events."""

from engine.adapters.http.application import FeedbackParts, feedback_application
from engine.adapters.http.events import EventParts
from engine.adapters.http.server import HttpServer

__all__ = ["EventParts", "FeedbackParts", "HttpServer", "feedback_application"]
