"""What others' programs call: withdrawals, links, pictures, webhooks, events and triggers."""

from engine.adapters.web.application import FeedbackParts, feedback_application
from engine.adapters.web.posting import PostingParts
from engine.adapters.web.server import HttpServer

__all__ = ["FeedbackParts", "HttpServer", "PostingParts", "feedback_application"]
