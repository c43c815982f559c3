"""`lp ar REAL ARGS…`: the real archiver, with its members journalled for `lp build`."""

from __future__ import annotations

import os
import subprocess

from lp_build.layout import find_build_dir
from lp_build.wrapper.capture import record_step
from lp_build.wrapper.link import _input


def main(argv: list[str]) -> int:
    """Run `argv` (the real archiver first) and note what it put together."""
    status = subprocess.run(argv, check=False).returncode
    if status != 0:
        return 128 - status if status < 0 else status
    words = [w for w in argv[1:] if not w.startswith("--")]
    while words and words[0].startswith("-") is False and not _is_operation(words[0]):
        words.pop(0)
    if len(words) >= 2 and set(words[0].lstrip("-")) & set("rq") and os.environ.get("LP_PHASE"):
        from pathlib import Path

        build = find_build_dir(Path.cwd(), os.environ)
        members = [_input(word) for word in words[2:]]
        record_step(build, "archive", list(argv), inputs=members, output=os.path.abspath(words[1]))
    return 0


def _is_operation(word: str) -> bool:
    """Whether a word is ar's operation and modifiers (POSIX ar)."""
    return bool(word) and set(word.lstrip("-")) <= set("dmpqrtxsabcDfilNoOPSTuUvV")
