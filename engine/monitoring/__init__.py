"""What a run measures of itself."""

from engine.monitoring.stages import Stages

__all__ = ["Stages"]
