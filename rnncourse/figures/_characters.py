"""Characters as tick labels."""

from __future__ import annotations

_SHOWN = {"\n": "\u21b5", " ": "\u2423", "\t": "\u21e5"}
_FONTS = ("DejaVu Sans Mono", "Noto Sans Mono CJK SC", "Noto Sans CJK SC", "Noto Sans CJK JP", "Arial Unicode MS")


def character_labels(text: str) -> tuple[list[str], list[str]]:
    """A tick label for each character, its code point where no font here has it; and the fonts."""
    from matplotlib import font_manager, ft2font

    installed = {font.name: font.fname for font in font_manager.fontManager.ttflist}
    families = [name for name in _FONTS if name in installed]
    fonts = [ft2font.FT2Font(installed[name]) for name in families]

    def label(character: str) -> str:
        shown = _SHOWN.get(character, character)
        visible = shown.isprintable() and any(font.get_char_index(ord(shown)) for font in fonts)
        return shown if visible else f"{ord(character):04X}"

    return [label(character) for character in text], families
