"""What next: a workflow as a program over cohorts."""

from engine.workflow.program import Passage, WorkflowProgram

__all__ = ["Passage", "WorkflowProgram"]
