"""Interactive figures for a web page: plain JavaScript in extra/widgets, their data made here.

A widget NAME is a script NAME.js, shared code (common.js, widgets.css), data NAME.data.js that this package writes, a
picture NAME.svg that stands in its place where no script runs, and a page NAME.html that shows it alone. No widget
asks anything of another machine, and each works from a file as well as from a server.

    from rnncourse.widgets import export
    export("char-model", "my-folder", model=model, vocabulary=vocabulary)     # then open my-folder/char-model.html
"""

from __future__ import annotations

import base64
import html as html_
import importlib
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from .._checks import check_choice
from ._pack import pack, read_script, script, unpack

__all__ = ["WIDGETS", "Built", "export", "html", "load", "pack", "read", "static_folder", "unpack"]

#: The widgets, each with what it shows. The module of a widget has its name, with underscores.
WIDGETS = {
    "char-model": "a trained character model types on from a prompt and shows its hidden state (chapter 04)",
    "gradient-by-lag": "the gradient by the input k steps back, at a chosen spectral radius and depth (chapter 08)",
}

_SHARED = ("common.js", "widgets.css")
_PACKAGE = Path(__file__).resolve().parent.parent
_NOTE = (
    "This is the picture of an interactive figure. It comes to life on the course's site, in a browser with JavaScript."
)


class Built(NamedTuple):
    """What a widget's module makes of its options: see `rnncourse.widgets.char_model.build`.

    Attributes:
        data: what the script needs, as JSON can hold it; None if it needs nothing.
        picture: SVG text for where no script runs.
        title: a few words.
        alt: the picture in words, for the page of its own.
    """

    data: dict[str, Any] | None
    picture: str
    title: str
    alt: str


def static_folder() -> Path:
    """The course's own widgets: extra/widgets of the checkout, or the copy that an installed package carries."""
    inside, beside = _PACKAGE / "widgets" / "static", _PACKAGE.parent / "extra" / "widgets"
    return inside if inside.is_dir() else beside


def load(name: str) -> ModuleType:
    """The module of a widget.

    Its `build(**options)` makes a `Built` of a reader's own options; its `course(quick=False)` returns the options of
    the course's own widget, after training what must be trained.

    Args:
        name: one of `WIDGETS`.

    Raises:
        ValueError: there is no such widget.
    """
    check_choice("name", name, tuple(WIDGETS))
    return importlib.import_module(f"rnncourse.widgets.{name.replace('-', '_')}")


def read(name: str, folder: str | Path | None = None) -> dict[str, Any]:
    """The data of a widget.

    Args:
        name: one of `WIDGETS`.
        folder: where it was exported; without it, the course's own.

    Raises:
        ValueError: there is no such widget, or its data file is something else.
        FileNotFoundError: it has no data file there.
    """
    check_choice("name", name, tuple(WIDGETS))
    path = Path(folder or static_folder()) / f"{name}.data.js"
    return read_script(path.read_text(encoding="utf-8"))


def html(name: str, *, alt: str, path: str = "../widgets/", folder: str | Path | None = None) -> str:
    """A widget as HTML: its picture with a sentence, and the scripts that put the widget in their place.

    Args:
        name: one of `WIDGETS`.
        alt: what the picture shows, in words.
        path: the way from the page to the widgets' folder.
        folder: where the picture and the data lie; without it, the course's own.

    Raises:
        TypeError: `alt` is not a string.
        ValueError: there is no such widget, `alt` is empty.
        FileNotFoundError: it has no picture there.
    """
    check_choice("name", name, tuple(WIDGETS))
    if not isinstance(alt, str):
        raise TypeError(f"alt must be a string that says what the picture shows, got {type(alt).__name__}")
    if not alt.strip():
        raise ValueError("alt must say what the picture shows, got nothing")
    where = Path(folder or static_folder())
    picture = base64.b64encode((where / f"{name}.svg").read_bytes()).decode("ascii")
    scripts = ["common.js", f"{name}.js"] + [f"{name}.data.js"] * (where / f"{name}.data.js").is_file()
    return "\n".join(
        [
            f'<link rel="stylesheet" href="{path}widgets.css">',
            f'<div class="rnn-widget" id="widget-{name}" data-widget="{name}">',
            f'<div class="rnn-still"><img src="data:image/svg+xml;base64,{picture}" alt="{html_.escape(alt)}"></div>',
            f'<p class="rnn-note">{_NOTE}</p>',
            "</div>",
            *(f'<script src="{path}{file}" defer></script>' for file in scripts),
        ]
    )


def export(name: str, folder: str | Path, **options: Any) -> Path:
    """Write a widget into a folder, ready to be opened or served: scripts, style, data, picture and a page.

    Args:
        name: one of `WIDGETS`.
        folder: made if it is not there; files of the widget that are there already are replaced.
        options: what to build it from, as the widget's `build` takes them, such as `model` and `vocabulary`. Without
            any, the course's own widget is copied.

    Returns:
        The page, NAME.html.

    Raises:
        TypeError: an option that the widget does not know.
        ValueError: there is no such widget, or an option does not suit it.
        NotADirectoryError: `folder` is a file.
    """
    module, source, target = load(name), static_folder(), Path(folder)
    built = module.build(**options) if options else None
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(f"folder must be a folder, got the file {target}")
    target.mkdir(parents=True, exist_ok=True)
    copied = [*_SHARED, f"{name}.js"]
    if built is None:
        copied += [f"{name}.data.js", f"{name}.svg", f"{name}.html"]
    for file in copied:
        if (source / file).is_file() and not _same(source / file, target / file):
            shutil.copyfile(source / file, target / file)
    if built is not None:
        _write(target / f"{name}.svg", built.picture)
        if built.data is not None:
            _write(target / f"{name}.data.js", script(name, built.data))
        _write(target / f"{name}.html", _page(name, built, target))
    return target / f"{name}.html"


def _page(name: str, built: Built, folder: Path) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html_.escape(built.title)}</title>
<link rel="icon" href="data:,">
</head>
<body class="rnn-page">
<h1>{html_.escape(built.title)}</h1>
{html(name, alt=built.alt, path="", folder=folder)}
</body>
</html>
"""


def _same(a: Path, b: Path) -> bool:
    return b.exists() and a.samefile(b)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
