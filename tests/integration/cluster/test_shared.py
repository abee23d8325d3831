from pathlib import Path

import pytest

from engine.cluster.shared import check_lasting, check_visible
from engine.errors import ServiceError, UsageError
from engine.pipeline.records import MANIFEST


def test_a_folder_in_a_jobs_copy_of_its_files_is_refused() -> None:
    with pytest.raises(UsageError, match="MR806"):
        check_lasting(Path("/tmp/ray/session_1/runtime_resources/working_dir_files/_ray_pkg_1/runs/spring"))
    check_lasting(Path("/shared/runs/spring"))


def test_a_node_that_does_not_see_the_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="MR807"):
        check_visible(tmp_path)
    (tmp_path / MANIFEST).touch()
    check_visible(tmp_path)
