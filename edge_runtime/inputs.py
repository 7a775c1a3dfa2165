"""Which images the user means: files, folders, globs and lists of paths on standard input."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.image import SUFFIXES


@dataclass(frozen=True)
class Input:
    """One image to classify, or, where `error` is set, an argument that led to none."""

    path: str
    error: str | None = None


def expand(arguments: Iterable[str], *, stdin: Iterable[str] = ()) -> Iterator[Input]:
    """The images behind the arguments, in their order; folders are searched in depth, sorted by name.

    `-` stands for paths on `stdin`, one a line. An argument that leads nowhere gives an Input with an error.
    """
    for argument in arguments:
        if argument == "-":
            for line in stdin:
                if line.strip():
                    yield from _expand_one(line.rstrip("\n"))
        else:
            yield from _expand_one(argument)


def _expand_one(argument: str) -> Iterator[Input]:
    """The images behind one path or glob."""
    closed: dict[str, OSError] = {}
    if os.path.isdir(argument):
        paths, wanted = list_images(argument, skip=closed.__setitem__), "a folder with images"
    elif os.path.lexists(argument):
        paths, wanted = [argument], ""
    else:
        paths, wanted = _glob(argument, skip=closed.__setitem__), "an existing file"
    for folder, error in closed.items():
        yield Input(folder, _unreadable(folder, error))
    if paths or not closed:
        yield from _or_missing(argument, paths, wanted=wanted)


def _glob(pattern: str, *, skip: Callable[[str, OSError], None]) -> list[str]:
    """What matches, sorted: files, and the images in folders that match; each once, though `**` finds both."""
    matches = sorted(_matches(pattern))
    nested = (list_images(match, skip=skip) if os.path.isdir(match) else [match] for match in matches)
    return sorted({os.path.normpath(path) for paths in nested for path in paths})


def _matches(pattern: str) -> Iterator[str]:
    """What glob finds, but `**` goes through no link: in a circle of two, glob itself would not end for days."""
    import glob

    head, stars, tail = _split(pattern)
    if not stars:
        yield from glob.glob(pattern)
        return
    for start in glob.glob(head) if head else [""]:
        for folder, folders, names in os.walk(start or os.curdir):
            folders[:] = [name for name in folders if not name.startswith(".")]
            inside = os.path.relpath(folder, start or os.curdir)
            place = start if inside == os.curdir else os.path.join(start, inside)
            if tail:
                yield from _matches(os.path.join(glob.escape(place), tail))
            else:
                yield from (os.path.join(place, name) for name in names if not name.startswith("."))


def _split(pattern: str) -> tuple[str, bool, str]:
    """What comes before the first `**` of a pattern, whether there is one, and what comes behind it."""
    parts = pattern.split(os.sep)
    if "**" not in parts:
        return pattern, False, ""
    place = parts.index("**")
    head = os.sep.join(parts[:place]) + (os.sep if place else "")
    return head, True, os.sep.join(parts[place + 1 :])


def list_images(
    folder: str | os.PathLike[str], *, skip: Callable[[str, OSError], None] = lambda folder, error: None
) -> list[str]:
    """Paths of the images below `folder`, by their name endings, sorted; hidden files and folders are left out.

    `skip` is told of each folder that cannot be read, and why.
    """
    found: list[str] = []
    for parent, folders, names in os.walk(folder, onerror=lambda error: skip(str(error.filename), error)):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [os.path.join(parent, name) for name in names if is_image_name(name)]
    return sorted(found)


def is_image_name(name: str) -> bool:
    """Whether a file of this name is taken for an image when a folder is searched."""
    return Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")


def _unreadable(folder: str, error: OSError) -> str:
    """What is said of a folder that may hold images, which nobody can know."""
    return str(
        LeukoliteError(
            expected=f"a folder that can be read at {show(folder)}",
            found=error.strerror or reason(error),
            remedy="check its permissions",
        )
    )


def _or_missing(argument: str, paths: list[str], *, wanted: str) -> Iterator[Input]:
    """The paths, or one Input that says why there are none."""
    if paths:
        yield from (Input(path) for path in paths)
        return
    found = "no image in it" if os.path.isdir(argument) else "nothing there"
    yield Input(
        argument, str(LeukoliteError(expected=f"{wanted} at {show(argument)}", found=found, remedy="check the path"))
    )
