"""The API page names every public name of the reference, once, under the module that defines it."""

from __future__ import annotations

import re
from pathlib import Path

from rnncourse import reference
from rnncourse.reference import schedules

PAGE = Path(__file__).resolve().parent.parent / "chapters" / "api.md"


def test_every_public_name_stands_on_the_page_once() -> None:
    found = []
    for module, members in re.findall(r"automodule:: (\S+)\n   :members: (.+)", PAGE.read_text(encoding="utf-8")):
        found += [f"{module}.{name}" for name in members.split(", ")]
    wanted = [f"{getattr(reference, name).__module__}.{name}" for name in reference.__all__]
    wanted += [f"{schedules.__name__}.{name}" for name in schedules.__all__]
    assert sorted(found) == sorted(wanted)
