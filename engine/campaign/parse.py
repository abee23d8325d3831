"""YAML 1.2 into a Document: positions kept, every fault with its place, and nothing that could exhaust the machine."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from engine.campaign.document import Document, KeyPath, Span
from engine.errors import CampaignError, Diagnostic, did_you_mean

MOST_BYTES = 1_000_000
MOST_ALIASES = 100
MOST_DEPTH = 32
MOST_NODES = 100_000

_TAG = "tag:yaml.org,2002:"
_SCALARS = frozenset(_TAG + name for name in ("null", "bool", "int", "float", "str", "timestamp"))


class _LimitReachedError(Exception):
    def __init__(self, code: str, message: str, help: str, mark: StreamMark) -> None:
        super().__init__(message)
        self.code, self.message, self.help, self.mark = code, message, help, mark


class _BoundedComposer(Composer):
    """ruamel's composer, which recurses and follows aliases without end, within limits."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader=loader)
        self.depth = self.aliases = 0
        self.warn_double_anchors = False  # an anchor may be used again (YAML 1.2.2, 3.2.2.2)

    def compose_node(self, parent: Any, index: Any) -> Any:
        mark = self.parser.peek_event().start_mark
        self.aliases += self.parser.check_event(AliasEvent)
        if self.aliases > MOST_ALIASES:
            raise _LimitReachedError("MR105", f"more than {MOST_ALIASES} aliases", "write the values out", mark)
        if self.depth >= MOST_DEPTH:
            raise _LimitReachedError(
                "MR106", f"nested more than {MOST_DEPTH} levels deep", "flatten the structure", mark
            )
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def parse_document(text: str, file: str) -> Document:
    """The document that ``text`` holds; ``file`` is the name shown in diagnostics.

    Raises:
        CampaignError: with all the faults that can be seen at once; a syntax error hides the rest.
    """
    bare = Document(file, text, None, {}, {})
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = _BoundedComposer
    try:
        root = yaml.compose(text)
    except _LimitReachedError as limit:
        raise CampaignError(
            bare.fault(limit.code, limit.message, bare.place_at(limit.mark.index), limit.help)
        ) from None
    except YAMLError as error:
        raise CampaignError(_syntax_fault(bare, error)) from None
    reading = _Reading(bare, yaml)
    value = reading.value(root, ()) if root is not None else None
    if not isinstance(value, dict) and not reading.faults:
        reading.faults.append(_not_a_mapping(bare, root))
    if reading.faults:
        raise CampaignError(*reading.faults)
    return Document(file, text, value, reading.keys, reading.values)


def _syntax_fault(bare: Document, error: YAMLError) -> Diagnostic:
    mark = (error.problem_mark or error.context_mark) if isinstance(error, MarkedYAMLError) else None
    index = mark.index if mark is not None else getattr(error, "position", 0) or 0
    problem = getattr(error, "problem", None) or getattr(error, "context", None) or getattr(error, "reason", str(error))
    context = getattr(error, "context", None) if getattr(error, "problem", None) else None
    help = (
        "indent with spaces, not tabs" if "\\t" in str(problem) else "put text that holds `: `, `#` or quotes in quotes"
    )
    # The end of a text has nothing to show: the last character that is written is nearer to the fault.
    shown = min(index, max(0, len(bare.text.rstrip()) - 1))
    message = f"not valid YAML: {problem}" + (f", {context}" if context else "")
    return bare.fault("MR103", message, bare.place_at(shown), help)


def _not_a_mapping(bare: Document, root: Node | None) -> Diagnostic:
    what = "empty" if root is None else "a list" if isinstance(root, SequenceNode) else "a single value"
    return bare.fault(
        "MR108",
        f"a campaign is a mapping of keys, and this file is {what}",
        bare.place_at(0),
        "begin with `name:`, `type:`, `audience:`, `workflow:` and `delivery:`",
    )


class _Reading:
    """One walk over the nodes, that collects values, places and faults."""

    def __init__(self, bare: Document, yaml: YAML) -> None:
        self.bare, self.yaml = bare, yaml
        self.keys: dict[KeyPath, Span] = {}
        self.values: dict[KeyPath, Span] = {}
        self.faults: list[Diagnostic] = []
        self.open: list[int] = []
        self.nodes = 0

    def value(self, node: Node, path: KeyPath) -> Any:
        self.nodes += 1
        if self.nodes > MOST_NODES or id(node) in self.open:
            # Aliases within aliases grow without end, and an alias inside its own anchor has none.
            raise CampaignError(self._fault("MR105", "the aliases expand without end", node, "write the values out"))
        self.values[path] = Span(node.start_mark.index, node.end_mark.index, getattr(node, "style", None))
        self.open.append(id(node))
        try:
            if isinstance(node, MappingNode) and node.tag == _TAG + "map":
                return self._mapping(node, path)
            if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
                return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
            return self._scalar(node)
        finally:
            self.open.pop()

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if key_node.tag == _TAG + "merge":
                self.faults.append(
                    self._fault("MR107", "merge keys are not part of YAML 1.2", key_node, "write the keys out")
                )
            elif key_node.tag != _TAG + "str":
                self.faults.append(self._fault("MR107", "a key must be text", key_node, "put the key in quotes"))
            elif key in mapping:
                first = self.bare.place_at(self.keys[(*path, key)].start)
                self.faults.append(
                    self._fault(
                        "MR104",
                        f"`{key}` is written twice",
                        key_node,
                        f"the first stands in line {first.line}; remove one of the two",
                    )
                )
            else:
                self.keys[(*path, key)] = Span(key_node.start_mark.index, key_node.end_mark.index)
                mapping[key] = self.value(value_node, (*path, key))
        return mapping

    def _scalar(self, node: Node) -> Any:
        if not isinstance(node, ScalarNode) or node.tag not in _SCALARS:
            tag = str(node.tag).replace(_TAG, "!!")
            known = ["!!str", "!!int", "!!float", "!!bool", "!!null"]
            self.faults.append(self._fault("MR107", f"the tag `{tag}` is not allowed", node, did_you_mean(tag, known)))
            return None
        try:
            return self.yaml.constructor.construct_object(node)
        except (ValueError, OverflowError, YAMLError):
            kind = str(node.tag).removeprefix(_TAG)
            self.faults.append(
                self._fault(
                    "MR107",
                    f"this is written like a value of type {kind} and is none",
                    node,
                    "put it in quotes if it is text",
                )
            )
            return None

    def _fault(self, code: str, message: str, node: Node, help: str) -> Diagnostic:
        return self.bare.fault(code, message, self.bare.place_at(node.start_mark.index), help)
