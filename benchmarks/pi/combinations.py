"""Which boards, systems and packages are tried together."""

from dataclasses import dataclass

from benchmarks.pi.board import PI_4, PI_5, Board


@dataclass(frozen=True)
class System:
    """A release of Debian, from which Raspberry Pi OS is made; its Python, and the minor version of its glibc."""

    suite: str
    python: str
    glibc_minor: int


@dataclass(frozen=True)
class Packages:
    """What is installed beside leukolite; what is not pinned here has the version of constraints.txt."""

    name: str
    pins: tuple[str, ...] = ()
    extra: str = ""


@dataclass(frozen=True)
class Combination:
    """One emulated device."""

    board: Board
    system: System
    packages: Packages

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.board.name}, {self.system.suite}, Python {self.system.python}, {self.packages.name}"


BOOKWORM = System(suite="bookworm", python="3.11", glibc_minor=36)
TRIXIE = System(suite="trixie", python="3.13", glibc_minor=41)

NEWEST = Packages("newest packages", extra="fast")
# picamera2 of Raspberry Pi OS is built for this numpy; the others are the newest that go with it or were tried with it.
CAMERA = Packages("numpy 1.24", ("numpy==1.24.4", "pillow==10.4.0", "ml_dtypes==0.5.4"))

COMBINATIONS = (
    Combination(PI_4, BOOKWORM, NEWEST),
    Combination(PI_5, BOOKWORM, NEWEST),
    Combination(PI_4, TRIXIE, NEWEST),
    Combination(PI_5, TRIXIE, NEWEST),
    Combination(PI_4, BOOKWORM, CAMERA),
)
