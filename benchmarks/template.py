"""The measured message: an abandoned basket of 10.7 KB in three parts, with what is constant in the campaign."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment

from engine.templates import Part

_FOLDER = Path(__file__).parent / "basket"

HTML = (_FOLDER / "basket.html.j2").read_text("utf-8")
TEXT = (_FOLDER / "basket.txt.j2").read_text("utf-8")
SUBJECT = (_FOLDER / "basket.subject.j2").read_text("utf-8")

SOURCES = {"subject": SUBJECT, "text": TEXT, "html": HTML}
ESCAPED = {"subject": False, "text": False, "html": True}
PARTS = {name: Part(source, f"basket.{name}.j2", ESCAPED[name]) for name, source in SOURCES.items()}

CONSTANTS = {
    "campaign": {
        "title": "Your basket is waiting",
        "preheader": "your basket is waiting & saved",
        "slug": "basket-2025-11",
        "deadline": "30 November",
        "code": "WELCOME10",
    },
    "brand": {
        "url": "https://shop.example.com",
        "name": "Müller & Söhne",
        "address": "Example GmbH, 1 Example Street, 10115 Berlin",
    },
    "segment": {"kind": "loyalty", "name": "Lapsed buyers"},
}


def plain_environment(autoescape: bool) -> Environment:
    """Jinja2 as it comes."""
    return Environment(autoescape=autoescape)
