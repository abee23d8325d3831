"""A cluster that grows on request, on one machine: Ray's fake nodes behind its real autoscaler."""

import contextlib
import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray

from engine.pipeline.records import DECISIONS

PR_SET_PDEATHSIG = 1
NODE_CPUS, NODES = 2, 2
HEAD = "f" * 51 + "00000"
BLOCKS = 10

# The provider and its settings are Ray's own and not public; another version needs a look at this file.
assert ray.__version__.startswith("2.60."), "look at the fake nodes of this version of Ray, then change this line"


@dataclass(frozen=True)
class Cluster:
    address: str
    environment: dict[str, str]

    def run(self, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run Python as a driver would."""
        environment = self.environment | settings
        return subprocess.run(
            [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=300, check=False
        )


def configuration(address: str) -> dict[str, object]:
    """One head without CPUs and up to two nodes with two each."""
    provider = {
        "type": "external",
        "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
        "use_node_id_as_ip": True,
        "disable_node_updaters": True,
        "disable_launch_config_check": True,
        "launch_multiple": True,
        "head_node_id": HEAD,
        "gcs_address": address,
    }
    head = {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0}
    worker = {"resources": {"CPU": NODE_CPUS}, "node_config": {}, "min_workers": 0, "max_workers": NODES}
    empty: dict[str, object] = {
        name: []
        for name in (
            "initialization_commands",
            "setup_commands",
            "head_setup_commands",
            "worker_setup_commands",
            "head_start_ray_commands",
            "worker_start_ray_commands",
            "cluster_synced_files",
            "rsync_exclude",
            "rsync_filter",
        )
    }
    return empty | {
        "cluster_name": "fake",
        "max_workers": NODES,
        "provider": provider,
        "available_node_types": {"ray.head.default": head, "worker": worker},  # the head is looked for by this name
        "head_node_type": "ray.head.default",
        "auth": {},
        "docker": {},
        "file_mounts": {},
        "file_mounts_sync_continuously": False,
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": 0.1,
    }


@pytest.fixture(scope="module")
def cluster(short_folder: Path) -> Iterator[Cluster]:
    folder = short_folder
    host, port = ray.util.get_node_ip_address(), free_port()
    (folder / "cluster.json").write_text(json.dumps(configuration(f"{host}:{port}")))
    (folder / "token").write_text(secrets.token_hex(32))
    driver = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "MAILRAY_MOST_CPUS": str(NODES * NODE_CPUS),
    }
    head = driver | {
        "RAY_FAKE_CLUSTER": "1",
        "RAY_enable_autoscaler_v2": "1",
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD,
        "RAY_CLOUD_INSTANCE_ID": HEAD,
    }
    command = [
        str(Path(sys.executable).with_name("ray")),
        *("start", "--head", "--block", f"--node-ip-address={host}", f"--port={port}", "--num-cpus=0"),
        *(f"--autoscaling-config={folder / 'cluster.json'}", f"--temp-dir={folder / 'r'}", "--include-dashboard=false"),
        *("--object-store-memory=200000000", "--min-worker-port=0", "--max-worker-port=0"),
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, env=head, stdout=log, stderr=log, start_new_session=True, preexec_fn=end_with_parent
        )
    try:
        wait_until_it_answers(process, host, port, folder / "log")
        yield Cluster(f"{host}:{port}", driver)
    finally:
        end_session(process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_answers(process: "subprocess.Popen[bytes]", host: str, port: int, log: Path) -> None:
    """Until the head listens and says that it has started; it ends at once when the autoscaler's configuration is wrong."""
    for _ in range(600):
        assert process.poll() is None, log.read_text()[-2000:]
        with socket.socket() as probe:
            if probe.connect_ex((host, port)) == 0 and "Ray runtime started" in log.read_text():
                return
        time.sleep(0.1)
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


REQUESTED = """
import sys
import ray
from ray.autoscaler.v2.sdk import get_cluster_status
ray.init(sys.argv[1], log_to_driver=False, logging_level="ERROR")
def requested():
    demands = get_cluster_status(sys.argv[1]).resource_demands.cluster_constraint_demand
    return sum(each.count for demand in demands for each in demand.bundles_by_count)
"""

ABANDONED = (
    REQUESTED
    + """
import time
import threading
from engine.cluster.controller import Controller, Demand, Limits, load_here

alive = []

def speak():
    while True:  # however long it takes to see what was requested
        for run in tuple(alive):
            ray.get(controller.report_progress.remote(run, 0, {}, load_here()))
        time.sleep(0.2)

def until(wanted):
    for _ in range(300):
        if requested() == wanted:
            return True
        time.sleep(0.1)
    return requested()

while ray.cluster_resources().get("CPU"):  # nodes that somebody else has left: who has CPUs asks for none
    time.sleep(0.2)
controller = Controller.remote(lease_seconds=10.0)
tick = lambda run, pending: ray.get(controller.tick.remote(run, Demand("plan", pending, 0), Limits(2, 4)))
tick("one", 6)
tick("two", 2)  # before there is a node
alive += ["one", "two"]
threading.Thread(target=speak, daemon=True).start()
print("two runs:", until(4))
alive.remove("two")
time.sleep(1)  # what was said of it is heard before it is released
ray.get(controller.release.remote("two"))
print("one released:", until(3))
alive.remove("one")
print("the other fell silent:", until(0))
try:
    while True:
        ray.get(controller.report_load.remote([]))
        time.sleep(0.1)
except ray.exceptions.ActorDiedError:
    print("the controller has ended itself")
"""
)


def test_the_window_grows_with_the_cluster_which_grows_on_request(
    cluster: Cluster, campaigns: Callable[[int], Path], start: Callable, tmp_path: Path
) -> None:
    campaign, run = campaigns(BLOCKS * 8192), tmp_path / "grown"
    options = ("--address", cluster.address, "--now", "2026-03-01T09:00:00Z", "--partition-rows", "8192", "--json")
    planned = cluster.run("-m", "jobs.cli", "plan", str(campaign), "--run-dir", str(run), *options)
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert planned.stderr == ""

    decisions = [json.loads(line) for line in (run / DECISIONS).read_text().splitlines()]
    first = decisions[0]
    assert (first["reading"]["cpus"], first["reading"]["cpus_possible"]) == (0, NODES * NODE_CPUS)
    assert (first["after"]["window"], first["after"]["requested_cpus"]) == (2, NODES * NODE_CPUS)
    assert max(each["after"]["window"] for each in decisions) == 2 * NODES * NODE_CPUS
    assert decisions[-1]["after"]["requested_cpus"] == 0

    here = start(campaign, "inline", "inline")
    assert json.loads(planned.stdout)["outbox_digest"] == here.summary["outbox_digest"]
    assert {path.name: path.read_bytes() for path in (run / "outbox").glob("*.parquet")} == here.files("outbox")

    refused = cluster.run("-m", "jobs.cli", "resume", str(run), "--address", cluster.address)
    assert refused.returncode == 69
    assert "error[MR808]" in refused.stderr  # the head has no CPU for the delivery, which must be there

    left = cluster.run("-c", REQUESTED + "print(requested())", cluster.address)
    assert left.stdout.strip() == "0", left.stdout + left.stderr


def test_requests_add_up_and_are_given_back_when_a_driver_falls_silent(cluster: Cluster) -> None:
    told = cluster.run("-c", ABANDONED, cluster.address)
    lines = [line for line in told.stdout.splitlines() if "(raylet)" not in line]  # of the call that the end came upon
    assert lines == [
        "two runs: True",
        "one released: True",
        "the other fell silent: True",
        "the controller has ended itself",
    ], told.stdout + told.stderr


def test_a_run_whose_ledger_and_stores_are_databases_is_delivered_by_any_node(
    cluster: Cluster, campaigns: Callable[[int], Path], postgres: Any, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(postgres.password)
    database = {"MAILRAY_LEDGER": postgres.url, "MAILRAY_STORE": postgres.url}
    passwords = dict.fromkeys(("MAILRAY_LEDGER_PASSWORD", "MAILRAY_STORE_PASSWORD"), f"file:{tmp_path / 'password'}")
    options = ("--run-dir", str(tmp_path / "any"), "--transport", "rehearsal:", "--address", cluster.address, "--json")
    few = {"MAILRAY_STORE_MIN_CONNECTIONS": "1"}
    done = cluster.run("-m", "jobs.cli", "run", str(campaigns(200)), *options, **database, **passwords, **few)
    assert done.returncode in (0, 1), done.stdout + done.stderr  # a rehearsal refuses some
    summary = json.loads(done.stdout)
    assert sum(summary["outcomes"].values()) == summary["plan"]["messages"]
    assert summary["outcomes"]["accepted"] > 100  # not on the head, which has no CPU
