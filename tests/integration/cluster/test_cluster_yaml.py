"""cluster.yaml, checked as `ray up` checks it, without a cloud; and that this check does find faults."""

import copy
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray
from ray.autoscaler._private.util import prepare_config, validate_config
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[3]

# What `ray up` does before it asks the cloud has no public name; another version needs a look at this file.
assert ray.__version__.startswith("2.60."), (
    "look at how this version of Ray checks a configuration, then change this line"
)


@pytest.fixture
def configuration() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load((ROOT / "cluster.yaml").read_text())
    return loaded


def check(configuration: dict[str, Any]) -> dict[str, Any]:
    prepared: dict[str, Any] = prepare_config(copy.deepcopy(configuration))
    validate_config(prepared)
    return prepared


def test_ray_accepts_it(configuration: dict[str, Any]) -> None:
    prepared = check(configuration)
    assert prepared["max_workers"] == prepared["available_node_types"]["worker"]["max_workers"] == 8


def unknown_key(configuration: dict[str, Any]) -> None:
    configuration["max_worker"] = 8


def unknown_key_of_a_type(configuration: dict[str, Any]) -> None:
    configuration["available_node_types"]["worker"]["max_worker"] = 8


def wrong_type(configuration: dict[str, Any]) -> None:
    configuration["idle_timeout_minutes"] = "five"


def no_such_head(configuration: dict[str, Any]) -> None:
    configuration["head_node_type"] = "haed"


def fewest_above_most(configuration: dict[str, Any]) -> None:
    configuration["available_node_types"]["worker"]["min_workers"] = 9


@pytest.mark.parametrize("damage", [unknown_key, unknown_key_of_a_type, wrong_type, no_such_head, fewest_above_most])
def test_ray_refuses_it_when_it_is_damaged(
    configuration: dict[str, Any], damage: Callable[[dict[str, Any]], None]
) -> None:
    damage(configuration)
    with pytest.raises((jsonschema.ValidationError, ValueError)):
        check(configuration)


def start_command(configuration: dict[str, Any], kind: str) -> str:
    (start,) = (each for each in configuration[f"{kind}_start_ray_commands"] if "ray start" in each)
    return str(start)


@pytest.mark.parametrize("kind", ["head", "worker"])
def test_every_node_asks_for_the_token_in_the_environment_of_the_lock(configuration: dict[str, Any], kind: str) -> None:
    start = start_command(configuration, kind)
    assert "RAY_AUTH_MODE=token" in shlex.split(start)
    assert start.startswith(". ~/mailray/.venv/bin/activate &&")
    assert "~/.ray/auth_token" in configuration["file_mounts"]


def test_the_dashboard_stays_at_home(configuration: dict[str, Any]) -> None:
    assert "--dashboard-host=127.0.0.1" in shlex.split(start_command(configuration, "head"))


def test_a_run_may_ask_for_all_nodes_and_no_more(configuration: dict[str, Any]) -> None:
    head, worker = (configuration["available_node_types"][kind] for kind in ("head", "worker"))
    most = head["resources"]["CPU"] + worker["max_workers"] * worker["resources"]["CPU"]
    assert f"MAILRAY_MOST_CPUS={most}" in shlex.split(start_command(configuration, "head"))


def test_the_docs_way_without_a_cloud_is_accepted_too(configuration: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "cluster.md").read_text()
    changes = YAML(typ="safe").load(page.split("```yaml\n")[1].split("```")[0])
    del configuration["available_node_types"], configuration["head_node_type"]
    assert changes["provider"]["type"] == "local"
    check(configuration | changes)


def test_nodes_install_what_is_locked_and_nothing_else(configuration: dict[str, Any]) -> None:
    installs = [each for each in configuration["setup_commands"] if "pip install" in each]
    assert installs == ["~/mailray/.venv/bin/pip install --quiet --require-hashes -r ~/mailray/requirements.txt"]
    assert (ROOT / configuration["file_mounts"]["~/mailray/requirements.txt"]).exists()
