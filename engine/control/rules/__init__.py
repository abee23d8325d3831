"""The capacity rules: one file a rule, listed in ``RULES`` in the order in which they speak."""

from engine.control.capacity import Rule
from engine.control.rules.backlog import Backlog
from engine.control.rules.resources import Resources

RULES: tuple[Rule, ...] = (Backlog(), Resources())
