"""An epoch's figures as TensorBoard logs.

The events are written as TensorFlow itself can: the package tensorboard, which `tf.summary` wants even for writing,
is needed only by those who look at them.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
import tensorflow as tf

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.figures import matrix_png
from train.history import Epoch

CONFUSION_TAG = "held_out/confusion"

_OURS = "events.out.tfevents.*.leukolite"  # other files in the folder are left alone
_FORMAT = "brain.Event:2"
_RGBA = 4

Event, Summary, SessionLog = tf.compat.v1.Event, tf.compat.v1.Summary, tf.compat.v1.SessionLog


class TensorBoardLog:
    """The log of one run, in a folder to name to `tensorboard --logdir`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._writer: Any = None

    def begin(self, history: Sequence[Epoch] = ()) -> None:
        """Start anew with the epochs of `history`, so that a run that goes on shows none of them twice.

        Of our earlier logs in the folder the confusion matrices of these epochs are kept; the files are emptied.
        """
        self.close()
        with self._writing():
            former = sorted(self.directory.glob(_OURS))
            pictures = {event.step: event for path in former for event in read(path) if _is_confusion(event)}
            # What a TensorBoard that is watching has seen from this step on, it drops at this event.
            self._write(step=0, session_log=SessionLog(status=SessionLog.START))
            wall = time.time() - sum(epoch.seconds for epoch in history)
            for epoch in history:
                wall += epoch.seconds
                self.epoch(epoch, wall_time=wall)
                if epoch.epoch in pictures:
                    self._writer.write(pictures[epoch.epoch].SerializeToString())
            self._writer.flush()
            for path in former:
                _clear(path)

    def epoch(self, epoch: Epoch, *, wall_time: float | None = None) -> None:
        """Write one epoch's figures."""
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars(epoch).items()]
        self._write(step=epoch.epoch, wall_time=wall_time, summary=Summary(value=values))

    def confusion(self, matrix: npt.ArrayLike, labels: Sequence[str], epoch: int) -> None:
        """Write the picture of an epoch's held-out confusion matrix, int [classes, classes]."""
        picture = matrix_png(matrix, labels, title=f"held out, epoch {epoch}")
        width, height = (int.from_bytes(picture[at : at + 4]) for at in (16, 20))  # in the first chunk of a PNG
        image = Summary.Image(height=height, width=width, colorspace=_RGBA, encoded_image_string=picture)
        self._write(step=epoch, summary=Summary(value=[Summary.Value(tag=CONFUSION_TAG, image=image)]))

    def close(self) -> None:
        """Finish the file; what is written later goes into another one."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write(self, *, step: int, wall_time: float | None = None, **content: Any) -> None:
        """Append one event, and hand it to the operating system."""
        with self._writing():
            if self._writer is None:
                self.directory.mkdir(parents=True, exist_ok=True)
                # Nanoseconds: TensorBoard reads files in the order of their names.
                name = _OURS.replace("*", f"{time.time_ns():020d}")
                self._writer = tf.io.TFRecordWriter(str(self.directory / name))
                self._writer.write(Event(wall_time=time.time(), file_version=_FORMAT).SerializeToString())
            self._writer.write(Event(wall_time=wall_time or time.time(), step=step, **content).SerializeToString())
            self._writer.flush()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn what the file system refuses into one line for the user."""
        try:
            yield
        except (OSError, tf.errors.OpError) as error:
            raise LeukoliteError(
                expected=f"to be able to write TensorBoard logs in {show(self.directory)}",
                found=reason(error),
                remedy="free some space, choose another folder, or train without them",
            ) from error


def scalars(epoch: Epoch) -> dict[str, float]:
    """The figures of an epoch by their tags; a rate without images has none."""
    rates = {"tpr": epoch.tpr, "held_out_tpr": epoch.held_out_tpr}
    by_class = {f"{name}/{show(label)}": rate for name, own in rates.items() for label, rate in own.items()}
    held_out = {
        "held_out/balanced_accuracy": epoch.held_out_balanced_accuracy,
        "held_out/lowest_tpr": epoch.held_out_lowest_tpr,
    }
    return {
        "loss": epoch.loss,
        "accuracy": epoch.accuracy,
        "learning_rate": epoch.learning_rate,
        "speed/seconds": epoch.seconds,
        "speed/images_per_s": epoch.images_per_s,
        "speed/input_wait_share": epoch.input_wait_share,
        "speed/peak_rss_mb": epoch.peak_rss_mb,
        **{tag: rate for tag, rate in {**held_out, **by_class}.items() if rate is not None},
    }


def read(path: Path) -> Iterator[Any]:
    """The events of a file, up to where a power cut left it."""
    with contextlib.suppress(tf.errors.DataLossError):
        for record in tf.data.TFRecordDataset(str(path)):
            yield Event.FromString(record.numpy())


def _clear(path: Path) -> None:
    """Empty a file; remove one that already was.

    A TensorBoard that runs without its data server stays for ever with a file that has vanished; from an emptied one
    it goes on to the next.
    """
    if path.stat().st_size:
        path.write_bytes(b"")
    else:
        path.unlink()


def _is_confusion(event: Any) -> bool:
    """Whether an event is the picture that `confusion` writes."""
    return [value.tag for value in event.summary.value] == [CONFUSION_TAG]
