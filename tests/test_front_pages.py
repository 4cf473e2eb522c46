"""The pages that come before the chapters say what README, Makefile and package say."""

from __future__ import annotations

import io
import re
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import nbformat
import pytest
from PIL import Image

from rnncourse import figures

ROOT = Path(__file__).resolve().parent.parent
HOW_TO_RUN = ROOT / "chapters" / "how-to-run.ipynb"


def _text(path: Path) -> str:
    return "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")


def _commands() -> list[str]:
    """Lines of the fenced blocks of how-to-run."""
    blocks = re.findall(r"^```text\n(.*?)^```$", _text(HOW_TO_RUN), flags=re.MULTILINE | re.DOTALL)
    return sorted({line.strip() for block in blocks for line in block.splitlines() if line.strip()})


def test_commands_were_found() -> None:
    assert len(_commands()) > 8


@pytest.mark.parametrize("command", [command for command in _commands() if not command.startswith("rnncourse ")])
def test_readme_has_the_same_command(command: str) -> None:
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted((ROOT / "chapters").glob("*.ipynb")), ids=lambda path: path.stem)
def test_makefile_has_every_target_that_a_page_names(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    text = _text(path)
    named = re.findall(r"`make (?:[A-Z]+=\S+ )?([a-z-]+)`", text) + re.findall(r"^make ([a-z-]+)$", text, re.MULTILINE)
    assert set(named) <= targets


def test_rnncourse_commands_exist() -> None:
    from typer.main import get_command

    from rnncourse.cli import build_app

    known = {"--version", *get_command(build_app()).commands}
    assert {command.split()[1] for command in _commands() if command.startswith("rnncourse ")} <= known


@pytest.mark.parametrize("variable", ["RNNCOURSE_CACHE", "RNNCOURSE_DATA", "RNNCOURSE_READER"])
def test_environment_variables_are_those_that_the_package_reads(variable: str) -> None:
    assert f"`{variable}`" in _text(HOW_TO_RUN)
    assert any(variable in path.read_text(encoding="utf-8") for path in (ROOT / "rnncourse").rglob("*.py"))


def test_surprise_needs_one_value_for_each_character_but_the_first() -> None:
    with pytest.raises(ValueError, match=r"surprise must have shape \(3,\).*got \(4,\)"):
        figures.plot_surprise("so\nb", [1.0, 2.0, 3.0, 4.0])


def test_surprise_darkens_the_ground_and_turns_the_letter_white() -> None:
    ax = figures.plot_surprise("abc\n", [0.0, 12.0, 2.0])
    grounds = [sum(patch.get_facecolor()[:3]) for patch in ax.patches[:4]]
    assert grounds[2] < grounds[3] < grounds[1] == grounds[0] == 3
    assert [text.get_text() for text in ax.texts] == ["a", "b", "c", "\u21b5"]
    assert ax.texts[2].get_color() == "#FFFFFF" and ax.texts[1].get_color() == figures.INK
    plt.close("all")


def test_a_small_png_has_a_palette() -> None:
    figure = figures.plot_surprise_stages({"before": [6.0] * 7, "after": [1.0] * 7}, "a line\nb")
    data = figures.small_png(figure)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.mode == "P" and picture.width > 900
    assert not plt.fignum_exists(figure.number)


def test_readme_shows_a_small_picture() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (target,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", readme)
    assert (ROOT / target).stat().st_size < 150_000
