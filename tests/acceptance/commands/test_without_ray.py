"""The engine plans and delivers in one process on a machine that has no Ray."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
WITHOUT_RAY = """
import sys
sys.modules["ray"] = None
from jobs.cli import run_guarded
sys.exit(run_guarded(sys.argv[1:], debug=True))
"""


def without_ray(environment: dict[str, str], folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_RAY, *map(str, arguments)],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_campaign_runs(environment: dict[str, str], campaign: Path, tmp_path: Path) -> None:
    done = without_ray(environment, tmp_path, "run", campaign, "--runner", "inline", "--run-dir", "one", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["outcomes"]["accepted"] == summary["plan"]["messages"] > 0


def test_only_the_ray_runner_asks_for_it(environment: dict[str, str], campaign: Path, tmp_path: Path) -> None:
    done = without_ray(environment, tmp_path, "plan", campaign, "--runner", "ray")
    assert done.returncode != 0
    assert "import of ray halted" in done.stderr
