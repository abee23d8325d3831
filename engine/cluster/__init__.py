"""Ray: the session, the tasks, the actors and the runner over them. The only package that imports ray."""

from engine.cluster.runner import RayRunner, ray_runner
from engine.cluster.session import Session, session

__all__ = ["RayRunner", "Session", "ray_runner", "session"]
