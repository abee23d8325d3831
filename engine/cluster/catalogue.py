"""The catalogue actor: the templates of the runs on a cluster, prepared and compiled once, by content hash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ray

from engine.templates.catalogue import TemplateSet

NAME = "mailray-catalogue"
NAMESPACE = "mailray"


@ray.remote(num_cpus=0, max_restarts=-1)
class Catalogue:
    """Prepared templates by content hash. What is handed out is an object reference, which each node fetches once."""

    def __init__(self) -> None:
        self._references: dict[str, Any] = {}

    def publish(self, templates: Sequence[TemplateSet]) -> list[str]:
        """Keep templates and give their hashes; what is known already is not kept twice."""
        for each in templates:
            if each.digest not in self._references:
                self._references[each.digest] = ray.put(each)
        return [each.digest for each in templates]

    def references(self, digests: Sequence[str]) -> list[Any]:
        """References to the templates of these hashes, in their order."""
        return [self._references[each] for each in digests]


def catalogue() -> Any:
    """The cluster's catalogue, made if it is not there yet."""
    return Catalogue.options(name=NAME, namespace=NAMESPACE, lifetime="detached", get_if_exists=True).remote()  # type: ignore[attr-defined]


def prepared_templates(actor: Any, digests: Sequence[str]) -> list[TemplateSet]:
    """The templates of these hashes."""
    return ray.get(ray.get(actor.references.remote(list(digests))))  # type: ignore[no-any-return]
