"""Checkpoints: each an atomic directory, so that a run killed at any moment goes on from the last whole one.

checkpoints/step-000001240/
  variables.*   weights, averages, optimizer and step, as tf.train.Checkpoint writes them
  state.json    where training stands, the SHA-256 of the files beside it, and its own

A directory gets its name when all of it is on the disk. What a kill or a power cut leaves half-written has
another name, or other digests, and is never gone on from.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import read_json, sha256, write_json

STATE_NAME = "state.json"
VARIABLES_NAME = "variables"
KEPT = 2
SCHEMA_VERSION = 1

_NAME = re.compile(r"step-(\d{9,})")
_PART, _OLD = ".part", ".old"


class Checkpoints:
    """The checkpoints of one run, of which the newest KEPT are kept."""

    def __init__(self, directory: Path, *, variables: tf.train.Checkpoint) -> None:
        """Checkpoints of `variables` in `directory`, which need not be there yet."""
        self.directory = directory
        self._variables = variables

    def steps(self) -> list[int]:
        """The steps at which there are checkpoints, newest first, whole or not."""
        if not self.directory.is_dir():
            return []
        names = (_NAME.fullmatch(entry.name) for entry in self.directory.iterdir())
        return sorted((int(name[1]) for name in names if name), reverse=True)

    def save(self, step: int, state: Mapping[str, Any]) -> Path:
        """Write the checkpoint of a step; returns its directory.

        Raises LeukoliteError when it cannot be written, or a variable is not finite; the others are left alone.
        """
        part, target = self.directory / _PART, self.directory / f"step-{step:09d}"
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            self._variables.write(str(part / VARIABLES_NAME))
            files = {path.name: sha256(path.read_bytes()) for path in sorted(part.iterdir())}
            _refuse_damage(str(part / VARIABLES_NAME), step=step)
            for name in files:
                _flush(part / name)
            content = {"schema_version": SCHEMA_VERSION, "step": step, "files": files, "state": state}
            write_json(part / STATE_NAME, content | {"sha256": _seal(content)})
            _flush(part)
            self._discard(target)  # of a run that went on from an older one, because this was damaged
            part.rename(target)
            _flush(self.directory)
        except (OSError, tf.errors.OpError) as error:
            raise LeukoliteError(
                expected=f"room to write a checkpoint in {show(self.directory)}",
                found=plain_reason(error),
                remedy="free some space and start again; the last checkpoint is kept",
            ) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        # Newer ones are damaged: the run went on from an older one. Counted, they would have this one discarded.
        for older in [other for other in self.steps() if other <= step][KEPT:]:
            self._discard(self.directory / f"step-{older:09d}")
        return target

    def whole(self, *, tell: Callable[[str], None]) -> list[int]:
        """The steps whose checkpoints are as they were written, newest first; the others are told."""
        found = []
        for step in self.steps():
            try:
                self._read(step)
                found.append(step)
            except LeukoliteError as error:
                tell(f"checkpoint of step {step} is left alone: {error}")
        return found

    def restore(self, step: int) -> dict[str, Any]:
        """Set the variables to those of a step that `whole` named; returns its state.

        Raises LeukoliteError when they are those of another network, as other code builds it.
        """
        state, folder = self._read(step), self.directory / f"step-{step:09d}"
        try:
            self._variables.read(str(folder / VARIABLES_NAME)).assert_consumed()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            raise LeukoliteError(
                expected=f"the variables of this network and optimizer in {show(folder)}",
                found="others",
                remedy="go on with the code and packages that the run was begun with, or begin anew with --no-resume",
            ) from error
        return state

    def _read(self, step: int) -> dict[str, Any]:
        """The state of a checkpoint, after its digests were compared."""
        folder = self.directory / f"step-{step:09d}"
        with contextlib.suppress(LeukoliteError):
            stored: dict[str, Any] = read_json(folder / STATE_NAME, what="the state of a checkpoint")
            sealed = stored.pop("sha256", None) == _seal(stored) and stored["schema_version"] == SCHEMA_VERSION
            if sealed and all(_digest(folder / name) == digest for name, digest in stored["files"].items()):
                return stored["state"]
        raise LeukoliteError(
            expected=f"the files that were written in {show(folder)}",
            found="others or none",
            remedy="an older checkpoint is used where there is one",
        )

    def _discard(self, folder: Path) -> None:
        """Remove a checkpoint: first its name, since a kill may leave half of the rest."""
        old = self.directory / _OLD
        shutil.rmtree(old, ignore_errors=True)
        if folder.is_dir():
            folder.rename(old)
            shutil.rmtree(old, ignore_errors=True)


def plain_reason(error: BaseException) -> str:
    """What an exception says, without the names that TensorFlow gives to nodes and operators."""
    return re.sub(r"\{\{[^}]*\}\} | \[Op:\w*\]", "", reason(error))


def _seal(content: Mapping[str, Any]) -> str:
    """SHA-256 of what state.json holds beside it: a flipped digit in there would be valid JSON."""
    return sha256(json.dumps(content, sort_keys=True).encode())


def _digest(path: Path) -> str | None:
    """A file's SHA-256, None where there is none to read."""
    try:
        return sha256(path.read_bytes())
    except OSError:
        return None


def _refuse_damage(prefix: str, *, step: int) -> None:
    """Raise LeukoliteError when a written variable is not finite: its checkpoint would be no good one."""
    reader = tf.train.load_checkpoint(prefix)
    for name, kind in reader.get_variable_to_dtype_map().items():
        if kind.is_floating and not np.isfinite(reader.get_tensor(name)).all():
            raise LeukoliteError(
                expected="finite weights",
                found=f"NaN or infinity in {name.partition('/.')[0]} after step {step}",
                remedy="lower --learning-rate; the last checkpoint is kept",
            )


def _flush(path: Path) -> None:
    """Have a file or directory on the disk before what comes next."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
