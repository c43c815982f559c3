"""The builds of one server that a guest compares: plain, with Elite in the kernel, and with deopts
forced there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lp_build.module.build import Headers, build_modules
from lp_build.module.load import loaded

KERNEL = {"LP_ELITE": "kernel"}


@dataclass(frozen=True)
class GuestVariant:
    """One build of a server. module: what it needs in the kernel ("": it is the plain build);
    environment: LakePlacid's settings."""

    name: str
    program: str
    module: str
    environment: Mapping[str, str]

    @contextmanager
    def loaded(self) -> Iterator[None]:
        """Have its module in the running kernel for a while; the driver is there."""
        if not self.module:
            yield
            return
        with loaded(Path(self.module)):
            yield


@dataclass(frozen=True)
class GuestPlan:
    """What a guest's script needs. driver: the driver's module; variants: the plain build, Elite in
    the kernel, and each way to force deopts."""

    driver: str
    variants: Sequence[GuestVariant]

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> GuestPlan:
        """One of `write`, by way of JSON."""
        return cls(data["driver"], [GuestVariant(**row) for row in data["variants"]])

    def write(self) -> dict[str, Any]:
        """It, for JSON."""
        return asdict(self)


def make_plan(
    plain: Path, elite: Path, stress: Path, forced: Sequence[str], headers: Headers, folder: Path
) -> GuestPlan:
    """Build the modules of a server's specialised and stress builds, below `folder`.

    forced: values of LP_FORCE_DEOPT. Raises LakePlacidError as build_modules does.
    """
    ordinary = build_modules(elite, headers, folder / "ordinary")
    stressed = str(build_modules(stress, headers, folder / "stress").application)
    return GuestPlan(
        str(ordinary.driver),
        [
            GuestVariant("plain", str(plain), "", {}),
            GuestVariant("kernel", str(elite), str(ordinary.application), KERNEL),
            *(
                GuestVariant(
                    f"kernel, forced {force}",
                    str(stress),
                    stressed,
                    {**KERNEL, "LP_FORCE_DEOPT": force},
                )
                for force in forced
            ),
        ],
    )
