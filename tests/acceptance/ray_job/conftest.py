"""A head node with the Jobs API on loopback, as an operator would start one, with a token."""

import contextlib
import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

PR_SET_PDEATHSIG = 1
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Head:
    """``environment`` is a client's, which knows the token; ``address`` is the cluster's own; all that it runs is in one ``session``."""

    dashboard: str
    address: str
    environment: dict[str, str]
    session: int

    def processes(self, title: str) -> list[psutil.Process]:
        """Those that call themselves so."""
        found = [each for each in psutil.process_iter() if session_of(each) == self.session]
        return [each for each in found if title_of(each).startswith(title)]

    def ray(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run(str(Path(sys.executable).with_name("ray")), *arguments)

    def python(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self._run(sys.executable, *arguments, **environment)

    def _run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )


@pytest.fixture(scope="module")
def head(short_folder: Path) -> Iterator[Head]:
    folder = short_folder
    (folder / "token").write_text(secrets.token_hex(32))
    (folder / "token").chmod(0o600)
    port, dashboard, client = free_ports(3)
    binaries = Path(sys.executable).parent
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | {
        # A job's entry point `python` is looked for on the head's PATH: the environment must be active when Ray is started.
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    command = [
        str(binaries / "ray"),
        *("start", "--head", "--block", "--node-ip-address=127.0.0.1", f"--port={port}", "--num-cpus=2"),
        *("--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}", f"--temp-dir={folder / 'r'}"),
        *("--dashboard-agent-listen-port=0", "--object-store-memory=200000000"),
        *("--min-worker-port=0", "--max-worker-port=0", f"--ray-client-server-port={client}"),
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True, preexec_fn=end_with_parent
        )
    try:
        url = f"http://127.0.0.1:{dashboard}"
        wait_until_it_answers(process, url, (folder / "token").read_text(), folder / "log")
        yield Head(url, f"127.0.0.1:{port}", environment, process.pid)
    finally:
        end_session(process)


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def wait_until_it_answers(process: "subprocess.Popen[bytes]", url: str, token: str, log: Path) -> None:
    """Until the Jobs API takes the token."""
    request = urllib.request.Request(f"{url}/api/jobs/", headers={"Authorization": f"Bearer {token}"})
    for _ in range(300):
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            with urllib.request.urlopen(request, timeout=5):
                return
        except urllib.error.HTTPError as fault:
            fault.close()
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError(log.read_text()[-2000:])


def end_with_parent() -> None:
    """Nothing may outlive a test run that is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def end_session(process: "subprocess.Popen[bytes]") -> None:
    """All that the head has started is in its session; nothing else on the machine is touched."""
    while members := [each for each in psutil.process_iter() if session_of(each) == process.pid]:
        for each in members:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        process.poll()  # or it stays in the list
        psutil.wait_procs(members, timeout=5)
    process.wait(10)


def session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except ProcessLookupError:
        return None


def title_of(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""
