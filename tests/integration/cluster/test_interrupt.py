"""Ctrl-C: the run stops with nothing in doubt, says nothing of Ray's, and goes on when it is resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from engine.adapters.inbox import BackgroundInbox, InboxSettings, read_log

RECIPIENTS = 12_000
RAY_WORDS = ("ray::", "raylet", "core_worker", "(autoscaler", "Ray ")


def test_an_interrupted_run_leaves_nothing_in_doubt_and_is_resumed(
    campaigns: Callable[[int], Path], tmp_path: Path
) -> None:
    log, run = tmp_path / "log", tmp_path / "run"
    environment = os.environ | {"MAILRAY_OBJECT_STORE_MIB": "200"}
    command = [sys.executable, "-m", "jobs.cli"]
    with BackgroundInbox(InboxSettings(log=log)) as inbox:
        options = ["--transport", f"smtp://127.0.0.1:{inbox.port}", "--json"]
        process = subprocess.Popen(
            [*command, "run", str(campaigns(RECIPIENTS)), "--run-dir", str(run), *options],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        while process.poll() is None and not (log.exists() and len(read_log(log)) > 300):
            time.sleep(0.01)
        assert process.poll() is None, process.communicate()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the command and to all that it has started
        _, told = process.communicate(timeout=60)
        assert process.returncode == 130, told
        assert not any(word in told for word in RAY_WORDS), told
        stopped = json.loads(subprocess.check_output([*command, "status", str(run), "--json"]))["outcomes"]
        assert (stopped["intent"], stopped["unknown"]) == (0, 0)
        assert stopped["accepted"] == inbox.counts.accepted > 300
        assert stopped["planned"] > 0

        resumed = subprocess.run(
            [*command, "resume", str(run), *options],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        summary = json.loads(resumed.stdout)
        assert summary["outcomes"]["accepted"] == summary["plan"]["messages"] == inbox.counts.accepted
        assert len({line.message_id for line in read_log(log)}) == inbox.counts.accepted
