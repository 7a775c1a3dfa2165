"""Whether a file is the model that its maker wrote.

A model is read into memory once; digest, probe and interpreter see those same bytes, whatever happens to the file.
A SHA256SUMS tells damage and mix-ups, not malice: who can replace the model can replace the sums beside it.
"""

import os
import re
import warnings
from pathlib import Path

from edge_runtime.errors import LeukoliteError, LeukoliteWarning, show
from edge_runtime.files import write_atomic
from edge_runtime.image import read_bytes

SUMS_NAME = "SHA256SUMS"
SHIPPED_SUMS = Path(__file__).parent / "models" / SUMS_NAME

# What `sha256sum` writes, without and with --tag.
_LINE = re.compile(
    r"\\?(?P<digest>[0-9a-f]{64}) [ *](?P<name>.+)|\\?SHA256 \((?P<tagged>.+)\) = (?P<tag>[0-9a-f]{64})", re.IGNORECASE
)
_ESCAPES = {"\\n": "\n", "\\r": "\r", "\\\\": "\\"}  # in names, on lines that begin with a backslash


def vouch(path: str | os.PathLike[str], digest: str) -> bool:
    """Whether a SHA256SUMS says that the content read from `path`, of this SHA-256, is what its maker wrote.

    Asked are the SHA256SUMS beside the file and, for a link, the one beside the file that it leads to; then the
    package's own, which knows the shipped models wherever they were copied. Warns when there is one beside the file
    and none lists it.

    Raises LeukoliteError when the digest is not the one that is listed, or a SHA256SUMS cannot be used.
    """
    beside = ""
    for place in dict.fromkeys((os.path.abspath(path), os.path.realpath(path))):
        folder, name = os.path.split(place)
        sums = os.path.join(folder, SUMS_NAME)
        if not os.path.lexists(sums):
            continue
        listed = read_sums(sums).get(name)
        if listed == digest:
            return True
        if listed is not None:
            raise LeukoliteError(
                expected=f"{show(path)} with the SHA-256 {listed} that {show(sums)} lists",
                found=digest,
                remedy="fetch the model again: it is damaged, or another one",
            )
        beside = beside or sums
    if os.path.lexists(SHIPPED_SUMS) and digest in read_sums(SHIPPED_SUMS).values():
        return True
    if beside:
        message = f"{show(beside)} does not list {show(path)}, so that its digest is not checked"
        warnings.warn(message, LeukoliteWarning, stacklevel=3)
    return False


def read_sums(path: str | os.PathLike[str]) -> dict[str, str]:
    """The digest of each name in a file of SHA-256 sums, as `sha256sum` and `sha256sum --tag` write it.

    Raises LeukoliteError when it cannot be read, a line is no sum, or a name has two digests.
    """
    sums: dict[str, str] = {}
    try:
        for line in os.fsdecode(read_bytes(path)).split("\n"):
            if not line.strip() or line.startswith("#"):
                continue
            name, digest = _parse(line.rstrip("\r"))
            if sums.setdefault(name, digest) != digest:
                raise ValueError(f"two digests of {show(name)}")
    except (LeukoliteError, ValueError) as error:
        raise LeukoliteError(
            expected=f"lines of `sha256sum` in {show(path)}",
            found=error.found if isinstance(error, LeukoliteError) else str(error),
            remedy="write it again, or move it away to load a model that nothing vouches for",
        ) from error
    return sums


def list_sum(path: str | os.PathLike[str], digest: str) -> None:
    """Note a file's SHA-256 in the SHA256SUMS beside it, which is made where there is none.

    Raises LeukoliteError when it cannot be read or written.
    """
    _write_sum(path, digest)


def unlist_sum(path: str | os.PathLike[str]) -> None:
    """Take a file out of the SHA256SUMS beside it, if it is in one; LeukoliteError as `list_sum`."""
    _write_sum(path, None)


def _write_sum(path: str | os.PathLike[str], digest: str | None) -> None:
    """Replace or, for None, remove the digest of one file; other lines, comments too, stay as they are."""
    folder, name = os.path.split(os.path.realpath(path))
    sums = os.path.join(folder, SUMS_NAME)
    there = os.path.lexists(sums)
    if digest is None and not (there and name in read_sums(sums)):
        return
    lines = []
    if there:
        read_sums(sums)
        lines = [line for line in os.fsdecode(read_bytes(sums)).splitlines() if not _names(line, name)]
    if digest is not None:
        escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        lines.append(f"{'' if escaped == name else chr(92)}{digest}  {escaped}")
    write_atomic(sums, [os.fsencode("".join(f"{line}\n" for line in lines))])


def _names(line: str, name: str) -> bool:
    """Whether a line is the sum of a file of that name."""
    return bool(line.strip()) and not line.startswith("#") and _parse(line)[0] == name


def _parse(line: str) -> tuple[str, str]:
    """The name, without `./`, and the digest in a line; ValueError when it holds none."""
    found = _LINE.fullmatch(line)
    if not found:
        raise ValueError(f"the line {line[:40]!a}")
    name, digest = found["name"] or found["tagged"], found["digest"] or found["tag"]
    if line.startswith("\\"):
        name = re.sub(r"\\[nr\\]", lambda escape: _ESCAPES[escape[0]], name)
    return name.removeprefix("./"), digest.lower()
