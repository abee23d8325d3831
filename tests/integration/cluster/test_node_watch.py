"""A node of Ray that ends by itself is told, and one that is ended with the session is not."""

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from engine.cluster.node_watch import ENDED, watching_node


@pytest.fixture
def node() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with process:
        yield process
        process.kill()


def test_a_node_that_is_killed_is_told_at_once(node: "subprocess.Popen[bytes]") -> None:
    told = threading.Event()
    with watching_node(node.pid, told.set):
        node.kill()
        assert told.wait(60)


def test_a_node_that_outlives_the_session_is_not_told(node: "subprocess.Popen[bytes]") -> None:
    told = threading.Event()
    with watching_node(node.pid, told.set):
        pass
    node.kill()
    node.wait()
    assert not told.is_set()


def test_the_process_ends_with_one_line_and_a_code_that_says_try_again() -> None:
    program = (
        "import subprocess, sys, time\n"
        "from engine.cluster.node_watch import watching_node\n"
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
        "with watching_node(child.pid):\n"
        "    child.kill()\n"
        "    time.sleep(60)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (75, f"{ENDED}\n")
