"""Segments, branches and audience filters: SQL boolean expressions, checked, and evaluated over Arrow batches."""

from engine.conditions.check import CheckedCondition, Checker, Checkers
from engine.conditions.dialects import POSTGRES, SQLITE, Dialect, SqlColumn
from engine.conditions.evaluate import ConditionSet
from engine.conditions.pushdown import Pushdown, split
from engine.conditions.pushdown_sql import split_sql
from engine.conditions.scope import check_campaign, columns_read
from engine.conditions.sql_types import arrow_type
from engine.conditions.values import ValueSet
from engine.conditions.workflow import workflow_schema

__all__ = [
    "POSTGRES",
    "SQLITE",
    "CheckedCondition",
    "Checker",
    "Checkers",
    "ConditionSet",
    "Dialect",
    "Pushdown",
    "SqlColumn",
    "ValueSet",
    "arrow_type",
    "check_campaign",
    "columns_read",
    "split",
    "split_sql",
    "workflow_schema",
]
