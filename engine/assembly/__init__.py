"""Settings and tuples of kinds into the parts of a run. The one place that reads the environment."""

from engine.assembly.campaign import OpenCampaign, open_campaign
from engine.assembly.control import cancel_left, doubts, order_run, resolve_doubts
from engine.assembly.preview import Preview, preview
from engine.assembly.run import OpenRun, create_run, reopen_run
from engine.assembly.settings import AppSettings, RunSettings, leaves_machine
from engine.assembly.status import run_status
from engine.assembly.worker import RunJob, open_worker

__all__ = [
    "AppSettings",
    "OpenCampaign",
    "OpenRun",
    "Preview",
    "RunJob",
    "RunSettings",
    "cancel_left",
    "create_run",
    "doubts",
    "leaves_machine",
    "open_campaign",
    "open_worker",
    "order_run",
    "preview",
    "reopen_run",
    "resolve_doubts",
    "run_status",
]
