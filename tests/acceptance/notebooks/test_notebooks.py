"""The notebooks run as they stand, without a warning, and are kept without their results."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[3] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


STRICT = "import warnings; warnings.filterwarnings('error', module='(engine|jobs|__main__)')"


def load(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_results(path: Path) -> None:
    code = [cell for cell in load(path).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [None] * len(code)
    assert [cell.outputs for cell in code] == [[]] * len(code)


@pytest.fixture(scope="module")
def first_campaign(tmp_path_factory: pytest.TempPathFactory, short_folder: Path) -> Any:
    """The first notebook, executed with warnings about itself and the project as errors."""
    notebook = load(FOLDER / "01_first_campaign.ipynb")
    notebook.cells.insert(0, nbformat.v4.new_code_cell(STRICT))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(short_folder))
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        return NotebookClient(
            notebook, timeout=180, kernel_name="python3", resources={"metadata": {"path": FOLDER}}
        ).execute()


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_it_prints_nothing_of_its_own_or_of_rays(first_campaign: Any) -> None:
    assert [output for output in outputs(first_campaign) if output.output_type == "stream"] == []


def test_it_shows_counts_that_add_up(first_campaign: Any) -> None:
    words = next(text for text in texts(first_campaign) if "messages planned" in text)
    numbers = [int(each.replace(",", "")) for each in re.findall(r"[\d,]*\d", words)]
    assert numbers[0] == 64_000
    assert numbers[0] > numbers[1] > numbers[2] == 500


def test_it_shows_tables_with_bars_and_a_message(first_campaign: Any) -> None:
    pages = [output.data["text/html"] for output in outputs(first_campaign) if "text/html" in output.get("data", {})]
    assert sum("linear-gradient" in page for page in pages) == 3
    assert "&lt;html" in pages[-1]
    assert "<iframe srcdoc=" in pages[-1]


def texts(notebook: Any) -> list[str]:
    return [output.data["text/plain"] for output in outputs(notebook) if "text/plain" in output.get("data", {})]
