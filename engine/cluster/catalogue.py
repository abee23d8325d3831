"""The catalogue actor: a run's prepared templates by content hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ray

from engine.templates.catalogue import TemplateSet


# The templates belong to the driver: a restarted actor is given them again, and nothing of a run outlives it.
@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)
class Catalogue:
    """Hands out references; each node fetches what stands behind one once."""

    def __init__(self, templates: Mapping[str, Any]) -> None:
        self._templates = templates

    def references(self, digests: Sequence[str]) -> list[Any]:
        """References to the templates of these hashes, in their order."""
        return [self._templates[each] for each in digests]


def catalogue(templates: Sequence[TemplateSet]) -> Any:
    """A catalogue of these templates, which ends with this process."""
    return Catalogue.remote({each.digest: ray.put(each) for each in templates})  # type: ignore[attr-defined]


def prepared_templates(actor: Any, digests: Sequence[str]) -> list[TemplateSet]:
    """The templates of these hashes."""
    return ray.get(ray.get(actor.references.remote(list(digests))))  # type: ignore[no-any-return]
