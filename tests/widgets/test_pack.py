"""Packing, the files of a widget, and its HTML."""

from __future__ import annotations

import numpy as np
import pytest

from rnncourse import book, widgets
from rnncourse.widgets import pack, unpack
from rnncourse.widgets._pack import read_script, script


def test_rows_are_quantised_to_half_a_step() -> None:
    array = np.random.default_rng(0).standard_normal((7, 11)).astype(np.float32) * np.logspace(-3, 3, 7)[:, None]
    array[3] = 0
    packed = pack(array)
    scale = np.abs(array).max(axis=1) / 127
    assert (np.abs(unpack(packed) - array) <= 0.5001 * scale[:, None]).all()
    assert (unpack(packed)[3] == 0).all()
    assert unpack(packed).dtype == np.float64
    assert pack(unpack(packed)) == packed, "quantising once more changes nothing"


def test_float32_is_kept() -> None:
    array = np.random.default_rng(0).standard_normal(5).astype(np.float32)
    assert np.array_equal(unpack(pack(array, quantise=False)), array)


@pytest.mark.parametrize(
    ("array", "error", "words"),
    [
        ([[1.0]], TypeError, "float array, got list"),
        (np.ones((2, 2), int), TypeError, "float array, got int64"),
        (np.array([[1.0, np.nan]]), ValueError, "finite"),
        (np.ones(3), ValueError, r"shape \(rows, columns\) to be quantised, got \(3,\)"),
        (np.ones((0, 3)), ValueError, "shape"),
    ],
)
def test_what_cannot_be_packed(array: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        pack(array)  # type: ignore[arg-type]


def test_script_is_read_back() -> None:
    value = {"a": [1, 2.5], "b": 'é "quoted" </script>', "c": None}
    assert read_script(script("char-model", value)) == value
    with pytest.raises(ValueError, match="data script"):
        read_script("alert(1)")
    with pytest.raises(ValueError, match="JSON"):
        script("char-model", {"a": float("nan")})


@pytest.mark.parametrize("name", widgets.WIDGETS)
def test_every_widget_has_its_files(name: str) -> None:
    folder = widgets.static_folder()
    files = {f"{name}.js", f"{name}.svg", f"{name}.html", f"{name}.data.js", "common.js", "widgets.css"}
    sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.name in files}
    assert files - set(sizes) <= {f"{name}.data.js"}
    assert sum(sizes.values()) < 500_000, sizes
    assert sizes[f"{name}.svg"] < 60_000
    assert callable(widgets.load(name).build) and callable(widgets.load(name).course)


def test_nothing_unknown_lies_among_the_widgets() -> None:
    known = {f"{name}{end}" for name in widgets.WIDGETS for end in (".js", ".data.js", ".svg", ".html")}
    assert {path.name for path in widgets.static_folder().iterdir()} <= known | {"common.js", "widgets.css"}


@pytest.mark.parametrize("name", widgets.WIDGETS)
def test_no_script_asks_anything_of_a_machine(name: str) -> None:
    for file in ("common.js", f"{name}.js"):
        text = (widgets.static_folder() / file).read_text(encoding="utf-8")
        for word in ("fetch(", "XMLHttpRequest", "import(", "WebSocket", "localStorage", "eval("):
            assert word not in text, f"{file} has {word}"


def test_html_is_picture_sentence_and_scripts() -> None:
    text = widgets.html("char-model", alt='A "text" & cells')
    assert 'alt="A &quot;text&quot; &amp; cells"' in text
    assert text.index("rnn-still") < text.index("<script")
    assert 'src="data:image/svg+xml;base64,' in text
    assert '<script src="../widgets/char-model.data.js" defer>' in text
    assert text == widgets.html("char-model", alt='A "text" & cells')


def test_errors_name_what_was_wrong() -> None:
    with pytest.raises(ValueError, match=r"'char-model'.*got 'char'"):
        widgets.html("char", alt="x")
    with pytest.raises(TypeError, match="alt must be a string"):
        widgets.html("char-model", alt=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="alt must say"):
        widgets.html("char-model", alt=" ")
    with pytest.raises(ValueError, match="name must be one of"):
        widgets.export("none", "folder")
    with pytest.raises(ValueError, match="name must be one of"):
        widgets.read("none")


@pytest.mark.parametrize("name", widgets.WIDGETS)
def test_the_courses_own_is_copied(name, tmp_path) -> None:
    page = book.export_widget(name, tmp_path / "new" / "folder")
    source = widgets.static_folder()
    assert page.name == f"{name}.html"
    for copy in page.parent.iterdir():
        assert copy.read_bytes() == (source / copy.name).read_bytes()
    assert f"{name}.js" in {copy.name for copy in page.parent.iterdir()}
    assert book.export_widget(name, page.parent) == page, "once more over itself"


def test_a_file_is_no_folder(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="folder must be a folder"):
        widgets.export("char-model", tmp_path / "file")


def test_without_a_notebook_the_words_are_printed(capsys) -> None:
    book.widget("char-model", alt="A text and cells.")
    assert capsys.readouterr().out == "<interactive figure char-model: A text and cells.>\n"
