"""The catalogue actor: a run's prepared templates by content hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ray

from engine.templates.catalogue import TemplateSet


# The templates belong to the driver, so nothing of a run outlives it. Not restarted: to have its templates again it would need them as
# arguments of its constructor, which Ray does not keep safe (ray-project/ray#53727); without it a run stops and can be resumed.
@ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0)
class Catalogue:
    """Hands out references; each node fetches what stands behind one once."""

    def __init__(self) -> None:
        self._templates: dict[str, Any] = {}

    def publish(self, templates: Mapping[str, Any]) -> None:
        """Take references by hash."""
        self._templates.update(templates)

    def references(self, digests: Sequence[str]) -> list[Any]:
        """References to the templates of these hashes, in their order."""
        return [self._templates[each] for each in digests]


def catalogue(templates: Sequence[TemplateSet]) -> Any:
    """A catalogue of these templates, which ends with this process."""
    actor = Catalogue.remote()  # type: ignore[attr-defined]
    actor.publish.remote({each.digest: ray.put(each) for each in templates})
    return actor


def prepared_templates(actor: Any, digests: Sequence[str]) -> list[TemplateSet]:
    """The templates of these hashes."""
    return ray.get(ray.get(actor.references.remote(list(digests))))  # type: ignore[no-any-return]
