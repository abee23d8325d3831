"""A campaign folder into a checked campaign. Only campaign.yaml is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from engine.campaign.checks import CHECKS
from engine.campaign.document import Document
from engine.campaign.parse import MOST_BYTES, parse_document
from engine.campaign.schema import Campaign
from engine.campaign.steps import SendEmail
from engine.campaign.validation import schema_faults
from engine.errors import (
    CampaignError,
    Diagnostic,
    FileAccessError,
    MissingInputError,
    Place,
)

CAMPAIGN_FILE = "campaign.yaml"
TEMPLATES_FOLDER = "templates"


@dataclass(frozen=True)
class LoadedCampaign:
    """A campaign that is valid in itself, with the text it came from and the place of everything in it."""

    folder: Path
    campaign: Campaign
    document: Document

    @property
    def text(self) -> str:
        return self.document.text

    @property
    def templates(self) -> Mapping[str, Path]:
        """The templates that the workflow sends, each with its path before the suffix (``.html.j2`` and so on)."""
        names = dict.fromkeys(step.template for step in self.campaign.workflow if isinstance(step, SendEmail))
        return {name: self.folder / TEMPLATES_FOLDER / name for name in names}


def load_campaign(folder: Path) -> LoadedCampaign:
    """Read, validate and check ``folder/campaign.yaml``.

    Raises:
        MissingInputError: there is no such file.
        FileAccessError: it cannot be read.
        CampaignError: with every fault that was found, in the order of the file.
    """
    file = folder / CAMPAIGN_FILE
    document = parse_document(_read(file), str(file))
    return LoadedCampaign(folder, check_document(document), document)


def check_document(document: Document) -> Campaign:
    """The campaign that a document describes.

    Raises:
        CampaignError: with every fault that was found, in the order of the file.
    """
    faults: list[Diagnostic] = []
    campaign = None
    try:
        # The file's own keys alone: `class`, and not the attribute `mail_class` that stands for it.
        campaign = Campaign.model_validate(document.value, by_alias=True, by_name=False)
    except ValidationError as error:
        faults.extend(schema_faults(document, error))
    for check in CHECKS:
        faults.extend(check(document))
    if campaign is None or faults:
        raise CampaignError(*sorted(faults, key=_position))
    return campaign


def _position(fault: Diagnostic) -> tuple[int, int]:
    place = fault.place
    return (place.line or 0, place.column or 0) if place else (0, 0)


def _read(file: Path) -> str:
    place = Place(str(file))
    try:
        with file.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        help = f"a campaign is a folder with {CAMPAIGN_FILE} in it; `mailray init` makes one"
        raise MissingInputError.single("MR100", "there is no campaign here", place=place, help=help) from None
    except OSError as error:
        raise FileAccessError.single("MR101", f"the file cannot be read: {error.strerror}", place=place) from error
    if len(content) > MOST_BYTES:
        raise CampaignError.single("MR102", f"the file is larger than {MOST_BYTES:,} bytes", place=place)
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        place = Place(str(file), line)
        help = "save the file as UTF-8"
        raise CampaignError.single("MR109", "the file is not UTF-8 text", place=place, help=help) from None
