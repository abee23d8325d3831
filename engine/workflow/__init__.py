"""What next: a workflow as a program over cohorts."""

from engine.workflow.program import Advanced, Passage, WorkflowProgram

__all__ = ["Advanced", "Passage", "WorkflowProgram"]
