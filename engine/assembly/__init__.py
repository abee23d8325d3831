"""Settings and tuples of kinds into the parts of a run. The one place that reads the environment."""

from engine.assembly.campaign import OpenCampaign, open_campaign
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
    "create_run",
    "leaves_machine",
    "open_campaign",
    "open_worker",
    "preview",
    "reopen_run",
    "run_status",
]
