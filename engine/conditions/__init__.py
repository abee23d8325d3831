"""Segments, branches and audience filters: SQL boolean expressions, checked, and evaluated over Arrow batches."""

from engine.conditions.check import CheckedCondition, Checker
from engine.conditions.evaluate import ConditionSet
from engine.conditions.pushdown import Pushdown, split
from engine.conditions.scope import check_campaign, columns_read, workflow_schema

__all__ = [
    "CheckedCondition",
    "Checker",
    "ConditionSet",
    "Pushdown",
    "check_campaign",
    "columns_read",
    "split",
    "workflow_schema",
]
