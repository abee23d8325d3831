"""``python -m jobs.run_campaign DIR``: ``mailray run`` without a question, for ``ray job submit``.

Inside a job ``RAY_ADDRESS`` names the cluster, so the run is done there; elsewhere a local Ray is started.
"""

from __future__ import annotations

import sys

from jobs.cli import main as command_line


def main() -> None:
    """Run the campaign with the options of ``mailray run``; the exit code is the run's."""
    sys.argv[1:1] = ["run", "--yes"]
    command_line()


if __name__ == "__main__":
    main()
