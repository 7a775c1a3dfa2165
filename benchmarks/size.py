"""How large the device's packages are when they are installed: the runtime and all that it needs."""

import re
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from edge_runtime.markdown import table
from edge_runtime.provenance import version

DEVICE_SET = ("numpy", "pillow", "ai-edge-litert")
EXTRA = "simplejpeg"
OURS = Path(__file__).resolve().parent.parent / "edge_runtime"


def measure() -> dict[str, int]:
    """The bytes of each package's files; without those that Python compiled, and without what is not installed."""
    ours = sum(path.stat().st_size for path in OURS.rglob("*") if path.is_file() and path.suffix != ".pyc")
    names = [*DEVICE_SET, *sorted(_needed(DEVICE_SET) - {*DEVICE_SET}), EXTRA]
    return {"leukolite": ours, **{name: size for name in names if (size := _bytes(name))}}


def _needed(names: Iterable[str]) -> set[str]:
    """What pip installs for these, them included; names in lower case."""
    found, more = set(), {name.lower() for name in names}
    while more:
        found |= more
        asked = [each for name in more if version(name) for each in metadata.requires(name) or []]
        more = {re.split(r"[^\w.-]", each)[0].lower() for each in asked if "extra ==" not in each} - found
    return found


def _bytes(name: str) -> int:
    """What a distribution's own list of files comes to, 0 where it is not installed."""
    try:
        files = metadata.files(name) or []
    except metadata.PackageNotFoundError:
        return 0
    places = (Path(str(each.locate())) for each in files if each.suffix != ".pyc")
    return sum(place.stat().st_size for place in places if place.is_file())


def to_markdown(sizes: Mapping[str, int]) -> str:
    """A row a package, and their sum."""
    needed = {name: size for name, size in sizes.items() if name != EXTRA}
    rows = [(name, version(name) or "", f"{size / 1e6:.1f}") for name, size in needed.items()]
    rows.append(("**together**", "", f"**{sum(needed.values()) / 1e6:.1f}**"))
    if EXTRA in sizes:
        rows.append((f"{EXTRA} (extra `fast`)", version(EXTRA) or "", f"{sizes[EXTRA] / 1e6:.1f}"))
    return table(("package", "version", "MB"), rows, align="llr")
