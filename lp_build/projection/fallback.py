# SPDX-License-Identifier: GPL-2.0-only
"""Labels in the Fallback's text, where Elite leaves for and returns to."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Edits:
    """What the Fallback's text gets: labels before and after lines, by line number."""

    prefix: str = "lp"
    before: dict[int, list[str]] = field(default_factory=dict)
    after: dict[int, list[str]] = field(default_factory=dict)

    def copy(self) -> Edits:
        """The same edits, to go on with by oneself."""
        before = {line: list(labels) for line, labels in self.before.items()}
        after = {line: list(labels) for line, labels in self.after.items()}
        return Edits(self.prefix, before, after)

    def label_before(self, line: int) -> str:
        """A label at `line`; one label serves all that ask for the same place."""
        return self._label(self.before, line, f".L{self.prefix}f{line}")

    def label_after(self, line: int) -> str:
        """A label behind the instruction on `line` (its return address, for a call)."""
        return self._label(self.after, line, f".L{self.prefix}r{line}")

    @staticmethod
    def _label(where: dict[int, list[str]], line: int, name: str) -> str:
        labels = where.setdefault(line, [])
        if f"{name}:" not in labels:
            labels.append(f"{name}:")
        return name
