"""What recipients' programs and providers call: withdrawals, links, pictures and webhooks."""

from engine.adapters.http.application import FeedbackParts, feedback_application
from engine.adapters.http.server import HttpServer

__all__ = ["FeedbackParts", "HttpServer", "feedback_application"]
