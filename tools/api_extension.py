"""The API pages: docstrings, as they stand in the package, turned into pages by `sphinx.ext.autodoc`.

- The sections of a docstring (`Args:`, `Returns:`, `Raises:`, …) and its line `Source: …` become one list of fields
  (`write_fields`).
- A chapter that the source line names is a link when the book has it (`link_chapters`).
- A class shows its methods; what `Attributes:` describes is not listed a second time (`skip_attributes`).
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

# Heading in the docstring: heading on the page, and whether the entries begin with a name.
SECTIONS = {
    "Args": ("Parameters", True),
    "Attributes": ("Attributes", True),
    "Returns": ("Returns", False),
    "Yields": ("Yields", False),
    "Raises": ("Raises", True),
}
SOURCE = "Source: "
ENTRY = re.compile(r"(?P<names>\*{0,2}\w+(?:, \*{0,2}\w+)*)(?P<more> \([^)]*\))?: *(?P<text>.*)")


def write_fields(lines: list[str]) -> list[str]:
    """A docstring in Google's style as reStructuredText with a field list."""
    found: list[str] = []
    after_field = False
    position = 0
    while position < len(lines):
        line = lines[position]
        position += 1
        section = line.removesuffix(":") if line.endswith(":") else ""
        field = section in SECTIONS or line.startswith(SOURCE)
        if line and found and found[-1] and field != after_field:
            found.append("")
        after_field = field
        if not field:
            found.append(line)
            continue
        body = [] if section in SECTIONS else [line.removeprefix(SOURCE)]
        while position < len(lines) and _belongs(lines[position], section in SECTIONS):
            body.append(lines[position])
            position += 1
        heading, named = SECTIONS.get(section, ("Source", False))
        body = inspect.cleandoc("\n" + "\n".join(body)).split("\n")
        found += [f":{heading}:"] + [f"    {text}".rstrip() for text in (_entries(body) if named else body)]
    return found


def _belongs(line: str, to_section: bool) -> bool:
    """A section goes on to the next line that is not indented, the source line to the next empty one."""
    return not line.strip() or line.startswith(" ") if to_section else bool(line.strip())


def _entries(body: list[str]) -> list[str]:
    """`name: text` as an item of a list; what is indented below belongs to it."""
    items = []
    for line in body:
        match = None if line.startswith(" ") else ENTRY.fullmatch(line)
        if match:
            names = ", ".join(f"``{name}``" for name in match["names"].split(", "))
            items.append(f"- {names}{match['more'] or ''}: {match['text']}")
        else:
            items.append(f"  {line.lstrip()}" if line.strip() else "")
    return items


def link_chapters(lines: list[str], folder: Path) -> list[str]:
    """`chapter 03` and `chapters 03 and 08` with links to those that `folder` holds."""

    def link(match: re.Match[str]) -> str:
        return re.sub(r"\d\d", number, match[0])

    def number(match: re.Match[str]) -> str:
        pages = sorted(folder.glob(f"{match[0]}-*"))
        return f":doc:`{match[0]} </chapters/{pages[0].stem}>`" if pages else match[0]

    return [re.sub(r"\bchapters? \d\d(?:(?:, | and )\d\d)*", link, line) for line in lines]


def process_docstring(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """What autodoc calls for each docstring; changes `lines` in place."""
    lines[:] = write_fields(link_chapters(lines, Path(app.srcdir) / "chapters"))


def skip_attributes(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Of a class's members only methods and properties are listed: autodoc's rule decides on those."""
    return None if inspect.isroutine(obj) or isinstance(obj, property) else True


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", process_docstring)
    app.connect("autodoc-skip-member", skip_attributes)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
