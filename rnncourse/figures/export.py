"""Figures as files: SVG that is the same on every machine, and small PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnncourse.figures.style import STYLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "save_svg",
    "small_png",
]


def save_svg(figure: Figure) -> str:
    """Return a figure as SVG text that is the same on every machine.

    Left out are the date, the program's name and comments; element ids are numbered in the order of their
    appearance; coordinates are rounded to two decimals, because the last digits differ between processors.
    Text is drawn as outlines, so a reader needs no font.

    Args:
        figure: the matplotlib figure to draw. It is not closed.
    """
    import io
    import re

    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context(dict(STYLE)):
        figure.savefig(
            buffer,
            format="svg",
            bbox_inches="tight",
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    text = re.sub(r"<metadata>.*?</metadata>\n?", "", text, flags=re.DOTALL)
    for number, identifier in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', text))):
        text = re.sub(rf'(id="|#){re.escape(identifier)}(?=["\)])', rf"\g<1>e{number}", text)
    # Glyphs are scaled by constants such as 1/64: rounding those would make the letters a quarter wider.
    text = re.sub(r"scale\([^)]*\)|-?\d+\.\d{3,}", lambda found: _round(found.group()), text)
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"


def small_png(figure: Figure, *, dpi: int = 180, colours: int = 128) -> bytes:
    """Return a figure of few colours as a PNG with a palette, a third of the usual size, and close the figure.

    Args:
        figure: a figure of letters and flat grounds; photographs and shaded surfaces would show steps.
        dpi: dots an inch.
        colours: at most so many, the letters' edges included.
    """
    import io

    import matplotlib.pyplot as plt
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight", pad_inches=0.1, metadata={"Software": None})
    plt.close(figure)
    picture = Image.open(buffer).convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    small = io.BytesIO()
    picture.save(small, format="png", optimize=True)
    return small.getvalue()


def _round(number: str) -> str:
    if number.startswith("scale"):
        return number
    short = f"{float(number):.2f}".rstrip("0").rstrip(".")
    return "0" if short == "-0" else short
