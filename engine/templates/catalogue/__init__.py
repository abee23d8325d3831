"""A campaign's templates: what they are made of, their content hashes, their published versions, the assets that they name."""

from engine.templates.catalogue.assets import Assets
from engine.templates.catalogue.dependencies import files_of
from engine.templates.catalogue.digest import digest_of
from engine.templates.catalogue.names import check_names, is_plain
from engine.templates.catalogue.sets import Catalogue, TemplateSet, catalogue_of
from engine.templates.catalogue.versions import History, Version, diff, source_digest, version_digest

__all__ = [
    "Assets",
    "Catalogue",
    "History",
    "TemplateSet",
    "Version",
    "catalogue_of",
    "check_names",
    "diff",
    "digest_of",
    "files_of",
    "is_plain",
    "source_digest",
    "version_digest",
]
