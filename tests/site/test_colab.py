"""A small book with the course's configuration: what the repository's URL brings, and what a build refuses."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from .conftest import ROOT

pytestmark = pytest.mark.slow


def build(folder: Path, text: str, url: str) -> subprocess.CompletedProcess[str]:
    """Build a book of one notebook, `chapters/03-one.ipynb`, with the course's configuration and this URL."""
    for name in ("_static", "extra"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "tools").mkdir()
    for extension in (ROOT / "tools").glob("*_extension.py"):
        shutil.copy(extension, folder / "tools")
    shutil.copy(ROOT / "references.bib", folder)
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config["repository"]["url"] = url
    (folder / "_config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    contents = {
        "format": "jb-book",
        "root": "chapters/intro",
        "parts": [{"caption": "Part", "numbered": 2, "chapters": [{"file": "chapters/03-one"}]}],
    }
    (folder / "_toc.yml").write_text(yaml.safe_dump(contents), encoding="utf-8")
    (folder / "chapters").mkdir()
    (folder / "chapters" / "intro.md").write_text("# First\n", encoding="utf-8")
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    notebook = new_notebook(metadata=kernel, cells=[new_markdown_cell(text), new_code_cell("1 + 1")])
    nbformat.write(notebook, folder / "chapters" / "03-one.ipynb")
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    return subprocess.run(
        [*command, "build", str(folder), "-W", "--keep-going"], capture_output=True, text=True, cwd=folder
    )


TEXT = "# One\n\n## Two\n\n$$ a = b $$ (eq-03-ab)\n\nSee {eq}`eq-03-ab`."


def test_repository_url_brings_colab_and_numbers_follow_the_file_name(tmp_path: Path) -> None:
    done = build(tmp_path, TEXT, "https://github.com/someone/rnncourse")
    assert done.returncode == 0, done.stdout + done.stderr
    html = (tmp_path / "_build" / "html" / "chapters" / "03-one.html").read_text(encoding="utf-8")
    address = "https://colab.research.google.com/github/someone/rnncourse/blob/main/chapters/03-one.ipynb"
    assert f'href="{address}"' in html
    assert "thebe" not in html.lower()
    assert '<span class="section-number">3.1. </span>Two' in html
    assert '<a class="reference internal" href="#equation-eq-03-ab">(3.1)</a>' in html


def test_no_repository_url_no_colab(tmp_path: Path) -> None:
    done = build(tmp_path, TEXT, "")
    assert done.returncode == 0, done.stdout + done.stderr
    html = (tmp_path / "_build" / "html" / "chapters" / "03-one.html").read_text(encoding="utf-8")
    assert "colab" not in html
    assert "github.com" not in html


def test_a_warning_fails_the_build(tmp_path: Path) -> None:
    done = build(tmp_path, "# One\n\nSee {eq}`eq-03-absent`.", "")
    assert done.returncode != 0
    assert "eq-03-absent" in done.stdout + done.stderr
