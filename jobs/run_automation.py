"""``python -m jobs.run_automation DIR...``: ``mailray automate`` without a question, for ``ray job submit``.

Inside a job ``RAY_ADDRESS`` names the cluster, so the workers stand there; elsewhere a local Ray is started.
"""

from __future__ import annotations

import sys

from jobs.cli import main as command_line


def main() -> None:
    """Run the workflows with the options of ``mailray automate`` until the job is stopped."""
    sys.argv[1:1] = ["automate", "--yes"]
    command_line()


if __name__ == "__main__":
    main()
