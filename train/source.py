"""Find the data set: where the user says, in the usual place, from Kaggle, or generated for a rehearsal."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from edge_runtime.dataset import open_dataset
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import check_folder, read_json, write_json
from edge_runtime.progress import progress
from train.cells import GROUPS_NAME, find_groups
from train.smears import README, README_NAME, SmearSettings, generate

Tell = Callable[[str], None]

VARIABLE = "LEUKOLITE_DATA"
USUAL_PLACE = Path("data/blood-cells")
KAGGLE_HANDLE = "paultimothymooney/blood-cells"
ROOT_NAME = "root"
SOURCE_NAME = "source.json"


def provide(out: Path, *, given: str | None, tell: Tell) -> Path:
    """Leave in `out` a link `root` to the data set, and source.json that says what it is; returns the link.

    Looks at `given`, the variable LEUKOLITE_DATA, what `out` was begun with, data/blood-cells, and Kaggle, in this
    order; where none of them gives a data set, makes small generated smears and says so. What is named but is no data
    set is an error.
    """
    named = given or os.environ.get(VARIABLE) or _begun_with(out)
    rehearsal = False
    if named:
        root = Path(named)
    elif USUAL_PLACE.is_dir():
        root = USUAL_PLACE
    else:
        downloaded = _download(tell)
        rehearsal = downloaded is None
        root = downloaded or _rehearse(out, tell)
    split = open_dataset(root, split="TRAIN")
    link = out / ROOT_NAME
    _check_places(out)
    out.mkdir(parents=True, exist_ok=True)
    if not (link.is_symlink() and link.resolve() == root.resolve()):
        link.unlink(missing_ok=True)
        link.symlink_to(root.resolve(), target_is_directory=True)
    _leave_groups(out / GROUPS_NAME, find_groups(split, None)[1])
    facts = {"root": str(root.resolve()), "rehearsal": rehearsal, "train": split.counts()}
    # Unchanged facts leave the file alone, so that `make` sees nothing to do.
    if not (out / SOURCE_NAME).is_file() or read_json(out / SOURCE_NAME, what="the data stage's file") != facts:
        write_json(out / SOURCE_NAME, facts)
    return link


def _begun_with(out: Path) -> str | None:
    """The data set that `out` holds already, None where it is none or a rehearsal's.

    Other pictures would be learned from anew, over the runs of these: that must not come of a word left out.
    """
    source = out / SOURCE_NAME
    if not source.is_file() or not (out / ROOT_NAME).is_dir():
        return None
    facts = read_json(source, what="the data stage's file")
    return None if facts.get("rehearsal") else str(facts.get("root") or "") or None


def _check_places(out: Path) -> None:
    """Refuse a folder that cannot be written, or where something of the user's own is in the place of a link."""
    check_folder(out)
    for place in (out / ROOT_NAME, out / GROUPS_NAME):
        if place.exists() and not place.is_symlink():
            raise LeukoliteError(
                expected=f"nothing but a link at {show(place)}, to be replaced",
                found="a folder" if place.is_dir() else "a file",
                remedy="choose another --out",
            )


def _leave_groups(link: Path, groups: Path | None) -> None:
    """Link the groups file that applies, if any, to the place where the other stages look for it."""
    link.unlink(missing_ok=True)
    if groups:
        link.symlink_to(groups.resolve())


def is_rehearsal(data: str) -> bool:
    """Whether a data root holds generated pictures, which must never stand behind a quoted figure."""
    root = Path(data).resolve()
    notes = (folder / README_NAME for folder in (root, *root.parents))
    return any(note.is_file() and note.read_bytes() == README for note in notes)


def _download(tell: Tell) -> Path | None:
    """The Kaggle download, None where it cannot be had."""
    try:
        import kagglehub

        tell(f"no data set named by DATA or {VARIABLE}, none in {USUAL_PLACE}: asking Kaggle for {KAGGLE_HANDLE}")
        return Path(kagglehub.dataset_download(KAGGLE_HANDLE))
    # Without a network, an account or the package, the client raises errors of many libraries.
    except Exception as error:
        tell(f"Kaggle's download is not to be had ({reason(error)[:160]})")
        return None


def _rehearse(out: Path, tell: Tell) -> Path:
    """Generated smears in `out`."""
    folder = out / "smears"
    tell("REHEARSAL on generated smears: every stage runs, but the figures say nothing about blood cells")
    if not (folder / GROUPS_NAME).is_file():  # written last: without it, a generation was interrupted
        shutil.rmtree(folder, ignore_errors=True)
        with progress("generate") as advance:
            generate(folder, settings=SmearSettings(), advance=advance)
    return folder
