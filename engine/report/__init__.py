"""The page that a run leaves behind."""

from engine.report.page import SampleMessage, render_page

__all__ = ["SampleMessage", "render_page"]
