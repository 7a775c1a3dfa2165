"""Held-out answers of made-up networks, and the run directories that hold them."""

import numpy as np

from edge_runtime.files import sha256, write_json
from train import rundir
from train.comparable import Run
from train.config import Settings, StageSettings
from train.operating import LOGITS_NAME

LABELS = ("A", "B", "C")
N = 300
CLASSES = np.arange(N) % 3
GROUPS = np.arange(N) // 5 * 3 + CLASSES  # a group has images of one class
QAT = "QAT 0.0001 x 2"


def logits(share_right, seed=0):
    """Sure answers, right on a share of the images."""
    right = np.random.default_rng(seed).random(N) < share_right
    found = np.where(right, CLASSES, (CLASSES + 1) % 3)
    return (10 * np.eye(3)[found]).astype(np.float32)


def run(tmp_path="run", *, floats=0.8, ptq=0.8, qat=0.8, **changes):
    """A run whose networks are right on these shares of the images."""
    fields = {
        "directory": tmp_path,
        "seed": 1,
        "learning_rate": 1e-4,
        "epochs": 2,
        "labels": LABELS,
        "data_sha256": "d",
        "float_digest": "f",
        "classes": CLASSES,
        "groups": GROUPS,
        "log_share": np.log([0.3, 0.3, 0.4]),
        "float_logits": logits(floats),
        "ptq_logits": logits(ptq),
        "qat_logits": logits(qat),
    }
    return Run(**(fields | changes))


def write_runs(directory):
    """The directories of a float and a QAT run, as far as they are read."""
    floats, qat = directory / "float", directory / "qat"
    floats.mkdir()
    qat.mkdir()
    (floats / rundir.WEIGHTS_NAME).write_bytes(b"weights")
    held_out = {"classes": CLASSES, "log_share": np.log([0.3, 0.3, 0.4])}
    np.savez(floats / LOGITS_NAME, plain=logits(0.9), **held_out)
    np.savez(qat / rundir.PTQ_NAME, plain=logits(0.7), **held_out)
    np.savez(qat / LOGITS_NAME, plain=logits(0.8), groups=GROUPS, **held_out)
    settings = Settings(qat_stage=StageSettings(epochs=3, learning_rate=2e-4), seed=7)
    facts = {
        "stage": "qat",
        "starts_from_sha256": sha256(b"weights"),
        "inputs": {"run": str(floats)},
        "labels": LABELS,
        "data": {"sha256": "d"},
        "settings": rundir.to_plain(settings),
    }
    write_json(qat / rundir.RUN_NAME, facts)
    return floats, qat
