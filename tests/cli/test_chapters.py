"""`rnncourse chapters`: the book's notebooks in a folder, and nothing of the reader's lost."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from rnncourse.claims import chapters_folder
from rnncourse.widgets import static_folder
from tests.cli.conftest import invoke, refused


def below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path):
    done = invoke("chapters", tmp_path / "a b" / "mine")
    assert done.exit_code == 0, done.output
    return tmp_path / "a b" / "mine"


def test_everything_is_written(folder):
    found = below(folder)
    notebooks = {path.name: path.read_bytes() for path in chapters_folder().glob("*.ipynb")}
    widgets = {os.path.join("widgets", path.name): path.read_bytes() for path in static_folder().iterdir()}
    assert found == notebooks | widgets
    assert len(notebooks) > 5 and len(widgets) > 5


def test_how_to_open_them_is_said(tmp_path, monkeypatch):
    done = invoke("chapters", tmp_path / "it's mine")
    assert done.output.splitlines()[-1].startswith("Open them with: jupyter lab '")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "JupyterLab is not installed. Install it with: python -m pip" in invoke("chapters", tmp_path / "a").output


def test_what_a_notebook_links_to_is_there(folder):
    """Links between notebooks lead to files that were written; pictures stand in the notebooks themselves."""
    links = 0
    for path in folder.glob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                for target in re.findall(r"\]\(([^)#\s]+)", source):
                    if not target.startswith(("http", "attachment:")):
                        assert (folder / target).is_file(), f"{path.name} links to {target}"
                        links += 1
            else:
                assert not re.search(r"\b(open|read_text|read_bytes|loadtxt|chdir)\(", source), path.name
    assert links > 5


def test_again_changes_nothing(folder):
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert invoke("chapters", folder).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == times


def test_changed_files_are_kept(folder):
    (folder / "intro.ipynb").write_text("mine")
    (folder / "notation.ipynb").unlink()
    (folder / "notes.txt").write_text("mine, too")
    said = refused("chapters", folder)
    assert "holds intro.ipynb, changed or of another version. Nothing was written" in said
    assert (folder / "intro.ipynb").read_text() == "mine"
    assert not (folder / "notation.ipynb").exists()
    assert invoke("chapters", folder, "--overwrite").exit_code == 0
    assert (folder / "intro.ipynb").read_bytes() == (chapters_folder() / "intro.ipynb").read_bytes()
    assert (folder / "notation.ipynb").exists()
    assert (folder / "notes.txt").read_text() == "mine, too"


def test_many_changed_files_are_counted(folder):
    for path in folder.glob("*.ipynb"):
        path.write_text("")
    assert re.search(r" and \d+ more, changed", refused("chapters", folder))


def test_where_nothing_can_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    assert "cannot write to" in refused("chapters", tmp_path / "file")
    assert "cannot write to" in refused("chapters", tmp_path / "file" / "below")
    (tmp_path / "taken" / "intro.ipynb").mkdir(parents=True)
    assert "cannot write to" in refused("chapters", tmp_path / "taken")
    monkeypatch.setattr("rnncourse.cli.chapters.write", _full)
    assert "No space left" in refused("chapters", tmp_path / "full")


def _full(*_):
    raise OSError(28, "No space left on device")
