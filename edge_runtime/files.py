"""Write files so that a power cut or a full disk leaves the old file or the new one, never half of one."""

import contextlib
import hashlib
import itertools
import json
import os
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from edge_runtime.errors import LeukoliteError, reason, show


def write_atomic(path: str | os.PathLike[str], chunks: Iterable[bytes]) -> None:
    """Write `chunks` to `path`: into a file beside it, flushed to the disk, then renamed.

    Raises LeukoliteError when the folder is missing, not writable or full, or `path` is a folder itself, before any of
    `chunks` is asked for; nothing is left behind then.
    """
    import tempfile  # here: it costs the start of a command that writes nothing

    target = Path(path)
    temporary = ""
    try:
        if target.is_dir():
            raise LeukoliteError(
                expected=f"to be able to write {show(target)}",
                found="a folder there",
                remedy="name a file, as one in it",
            )
        if target.exists() and not target.is_file():
            with target.open("wb") as stream:  # /dev/null or a pipe: to be written to, never replaced
                stream.writelines(chunks)
            return
        target = Path(os.path.realpath(target))  # a link stays a link
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        with os.fdopen(handle, "wb") as stream:
            for chunk in chunks:
                stream.write(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(PermissionError):  # of a stick without owners, which sets modes itself
            os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
        temporary = ""
    except OSError as error:
        raise LeukoliteError(
            expected=f"to be able to write {show(target)}",
            found=reason(error),
            remedy="free some space or choose a folder that you may write to",
        ) from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def check_file(path: str | os.PathLike[str]) -> None:
    """Raise LeukoliteError unless `write_atomic` could write to `path`, as far as can be told; makes nothing.

    For long work that writes at its end.
    """
    obstacle = _obstacle(Path(os.path.realpath(path)))
    if obstacle:
        raise LeukoliteError(
            expected=f"to be able to write {show(path)}",
            found=obstacle,
            remedy="name a file in a folder that you may write to",
        )


def _obstacle(target: Path) -> str:
    """Why no file can be written at a path without links; '' where one can."""
    if os.path.isdir(target):
        return "a folder there"
    if os.path.exists(target) and not os.path.isfile(target):
        return ""  # /dev/null or a pipe, which is written to and never replaced
    for folder in target.parents:
        try:
            os.stat(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue  # it can be made if the one above can be written
        except PermissionError:
            return f"no permission to look into {show(folder.parent)}"
        if not os.path.isdir(folder):
            return f"{show(folder)}, which is no folder"
        return "" if os.access(folder, os.W_OK | os.X_OK) else f"no permission to write in {show(folder)}"
    return ""


def check_folder(path: str | os.PathLike[str]) -> None:
    """Raise LeukoliteError unless files can be written into the folder at `path`, or it can be made; makes nothing.

    For long work that writes at its end.
    """
    import tempfile

    target = Path(path)
    nearest = next(each for each in (target, *target.absolute().parents) if os.path.lexists(each))
    try:
        with os.scandir(nearest), tempfile.TemporaryFile(dir=nearest):
            return
    except OSError as error:
        raise LeukoliteError(
            expected=f"a folder that can be written at {show(target)}",
            found=reason(error),
            remedy="name another one, or free its place",
        ) from error


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as indented JSON, atomically; NaN is refused because JSON has none.

    A dataclass is written as the object of its fields. The text is made piece by piece and never held as a whole.
    """
    encoder = json.JSONEncoder(indent=1, ensure_ascii=False, allow_nan=False, default=fields_of)
    pieces = itertools.chain(encoder.iterencode(value), "\n")
    write_atomic(path, (piece.encode("utf-8", "backslashreplace") for piece in pieces))


def fields_of(value: Any) -> dict[str, Any]:
    """A dataclass's fields; TypeError for what JSON cannot hold."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


def read_json(path: str | os.PathLike[str], *, what: str) -> dict[str, Any]:
    """The JSON object in `path`; `what` names the kind of file in the error message."""
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise LeukoliteError(
            expected=f"{what} (JSON) at {show(path)}",
            found=reason(error),
            remedy="check the path, or make the file again",
        ) from error
    if not isinstance(value, dict):
        raise LeukoliteError(
            expected=f"{what} (a JSON object) at {show(path)}",
            found=f"a JSON {type(value).__name__}",
            remedy="check the path",
        )
    return value


def sha256(content: bytes) -> str:
    """Hexadecimal SHA-256 of `content`."""
    return hashlib.sha256(content).hexdigest()


def _umask() -> int:
    """The process's umask; mkstemp ignores it and makes files that only the owner can read."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
