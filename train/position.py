"""Where training stands: all that a checkpoint holds beside the variables."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import LeukoliteError
from edge_runtime.files import sha256
from edge_runtime.metrics import one_against_rest
from edge_runtime.provenance import git
from train.cells import Indices
from train.history import Epoch
from train.tally import Tally


@dataclass
class Position:
    """`epoch` epochs are whole, and of the next one `batch` batches are done; `step` counts all batches.

    The random state is no more than this: orders follow from seed and epoch, dropout and augmentation
    from seed and step.
    `sittings` says which code trained from which step on, one entry for each time that the run was gone on with.
    """

    labels: tuple[str, ...]
    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    waited_s: float = 0.0
    order_sha256: str = ""
    tally: Tally = field(init=False)
    history: list[Epoch] = field(default_factory=list)
    sittings: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin an epoch's tally."""
        self.tally = Tally(self.labels)

    def begin_or_check(self, order: Indices) -> None:
        """Note the order of the epoch; LeukoliteError when it was begun in another one."""
        digest = sha256(np.ascontiguousarray(order).tobytes())
        if self.batch and digest != self.order_sha256:
            raise LeukoliteError(
                expected="the order of images in which the epoch was begun",
                found="another (another release of numpy?)",
                remedy="install the packages that the run was begun with, or start anew with --no-resume",
            )
        self.order_sha256 = digest

    def add(self, loss: float, classes: Indices, hits: npt.NDArray[np.float32]) -> None:
        """Count a batch that was trained on."""
        self.tally.add(loss, classes, hits)
        self.batch += 1
        self.step += 1

    def spend(self, seconds: float, waited_s: float) -> None:
        """Count time of this epoch, and how much of it was waiting for images."""
        self.seconds += seconds
        self.waited_s += waited_s

    def close_epoch(self, matrix: npt.NDArray[np.int64], *, learning_rate: float, peak_rss_mb: float) -> None:
        """End the epoch with the held-out confusion matrix, int64 [classes, classes]: 0 where none is held out."""
        held_out = {label: rate.tpr for label, rate in zip(self.labels, one_against_rest(matrix), strict=True)}
        rates = [rate for rate in held_out.values() if rate is not None]
        self.epoch += 1
        self.history.append(
            Epoch(
                epoch=self.epoch,
                seconds=self.seconds,
                images_per_s=self.tally.count / max(self.seconds, 1e-9),
                input_wait_share=self.waited_s / max(self.seconds, 1e-9),
                learning_rate=learning_rate,
                loss=self.tally.loss,
                accuracy=self.tally.accuracy,
                tpr=self.tally.tpr,
                held_out_balanced_accuracy=float(np.mean(rates)) if rates else None,
                held_out_lowest_tpr=min(rates, default=None),
                held_out_tpr=held_out,
                peak_rss_mb=peak_rss_mb,
            )
        )
        self.batch, self.seconds, self.waited_s, self.tally = 0, 0.0, 0.0, Tally(self.labels)

    def sit_down(self) -> None:
        """Note which code goes on from here."""
        self.sittings.append(
            {
                "from_step": self.step,
                "commit": git("rev-parse", "HEAD"),
                "dirty": bool(git("status", "--porcelain", "--untracked-files=no")),
                "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            }
        )

    def to_json(self) -> dict[str, Any]:
        """What `from_json` takes back, exactly."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        return {**plain, "tally": self.tally.to_json(), "history": [epoch.to_json() for epoch in self.history]}

    @classmethod
    def from_json(cls, labels: tuple[str, ...], state: Mapping[str, Any]) -> "Position":
        """The position that a checkpoint holds."""
        position = cls(labels, **{name: state[name] for name in _PLAIN})
        position.tally = Tally.from_json(labels, state["tally"])
        position.history = [Epoch.from_json(epoch) for epoch in state["history"]]
        return position


_PLAIN = ("epoch", "batch", "step", "seconds", "waited_s", "order_sha256", "sittings")
