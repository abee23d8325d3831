"""What is done once to a template's source: MJML, styles written into elements, the text part."""

from engine.templates.sources.plain_text import text_parts
from engine.templates.sources.prepare import Prepared, check_syntax, prepare
from engine.templates.sources.styles import Inlined, inline_styles

__all__ = ["Inlined", "Prepared", "check_syntax", "inline_styles", "prepare", "text_parts"]
