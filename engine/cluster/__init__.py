"""Ray: the session, the tasks, the actors and the runner over them. The only package that imports ray.

``runner`` is the way in. Nothing is imported here, so that an actor that only counts does not load what renders.
"""

import logging
import os

# Ray reads these when it is imported, so they stand before everything else.
# It would start each worker through `uv run` and build a second environment (ray-project/ray#50961).
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
# It writes what nodes complain of on standard output, whatever its log level, and would do so between the lines of `--json`.
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
# In a notebook it would recommend a package.
logging.getLogger("ray.widgets").setLevel(logging.WARNING)
