"""Rules about the names of templates. Whether they exist is the catalogue's to say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.campaign.document import Document
from engine.campaign.model import TEMPLATE_ID
from engine.errors import Diagnostic


def unsafe_templates(document: Document) -> Iterator[Diagnostic]:
    """A template's name that could lead out of the folder `templates`; the model sees to the letters."""
    for index in range(len(document.get(("workflow",), list) or [])):
        path = ("workflow", index, "template")
        template = document.get(path, str)
        if template is None or re.fullmatch(TEMPLATE_ID, template) is None:
            continue
        if any(part in ("", ".", "..") for part in template.split("/")):
            yield document.fault(
                "MR140", f"the template `{template}` is no plain path", path, "name a file below `templates/`"
            )
