"""Note codes are an interface: every one that is used is documented, and the other way round."""

from __future__ import annotations

import re
from pathlib import Path

from recaudit.checkpoints import notes


def test_every_code_is_documented() -> None:
    folder = Path(notes.__file__).parent
    source = "".join(path.read_text() for path in folder.glob("*.py"))
    used = set(re.findall(r'(?:\.info|\.warn|Note)\(\s*(?:"(?:info|warning)",\s*)?"([a-z0-9-]+)"', source))
    used |= set(re.findall(r'_Numbers\(name, "([a-z-]+)"', source))
    used -= {"info", "warning"}
    documented = set(re.findall(r"^([a-z0-9-]+) +(?:info|warning) ", notes.__doc__ or "", re.MULTILINE))
    assert used == documented
