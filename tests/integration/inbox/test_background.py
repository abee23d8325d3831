from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from engine.adapters.inbox import read_log

CLIENT = """
import sys, smtplib, time
from pathlib import Path
from engine.adapters.inbox import BackgroundInbox, InboxSettings

if __name__ == "__main__":
    with BackgroundInbox(InboxSettings(log=Path(sys.argv[1]))) as inbox:
        with smtplib.SMTP("127.0.0.1", inbox.port) as client:
            client.sendmail("a@example.com", ["b@example.com"], b"Message-ID: <1@example.com>\\r\\n\\r\\nhello\\r\\n")
            print(inbox.pid, flush=True)
            time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=lambda how: how.name)
def test_the_log_outlives_its_client_and_the_inbox_does_not(how, tmp_path) -> None:
    script, log = tmp_path / "client.py", tmp_path / "inbox.log"
    script.write_text(CLIENT)
    with subprocess.Popen([sys.executable, script, log], stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        inbox = psutil.Process(int(client.stdout.readline()))
        os.kill(client.pid, how)
        client.wait()
    for _ in range(1_000):
        if not inbox.is_running() or inbox.status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.01)
    else:
        pytest.fail("the inbox's process outlived the one that started it")
    assert [line.message_id for line in read_log(log)] == ["<1@example.com>"]


def test_a_line_cut_short_is_left_out(tmp_path) -> None:
    log = tmp_path / "inbox.log"
    log.write_text("1.5\t<1@example.com>\tabc\t10\t250\n2.5\t<2@exam")
    assert [line.message_id for line in read_log(log)] == ["<1@example.com>"]
