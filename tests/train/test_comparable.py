import json
import shutil

import numpy as np
import pytest

from edge_runtime.files import write_json
from tests.train.answers import CLASSES, GROUPS, LABELS, logits, write_runs
from train import rundir
from train.comparable import read_run
from train.operating import LOGITS_NAME


@pytest.fixture
def finished(tmp_path):
    return write_runs(tmp_path)


def test_run_is_read(finished):
    found = read_run(finished[1])
    assert (found.setting, found.seed, found.labels) == ("QAT 0.0002 x 3", 7, LABELS)
    assert (found.float_logits == logits(0.9)).all()
    assert (found.ptq_logits == logits(0.7)).all()
    assert (found.qat_logits == logits(0.8)).all()
    assert (found.groups == GROUPS).all()


def test_runs_that_were_moved_together_are_found(finished, tmp_path):
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for directory in finished:
        shutil.move(directory, moved / directory.name)
    assert (read_run(moved / "qat").float_logits == logits(0.9)).all()


def change(directory, **facts):
    """Other facts in a run.json."""
    path = directory / rundir.RUN_NAME
    write_json(path, json.loads(path.read_text()) | facts)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda floats, qat: (floats / rundir.WEIGHTS_NAME).write_bytes(b"others"), "float run.*none with its weights"),
        (lambda floats, qat: shutil.rmtree(floats), "float run.*none with its weights"),
        (lambda floats, qat: (qat / rundir.PTQ_NAME).unlink(), "ptq_logits.npz"),
        (lambda floats, qat: (qat / rundir.RUN_NAME).unlink(), "run.json"),
        (lambda floats, qat: change(qat, stage="float"), "`train qat`.*stage float"),
        (lambda floats, qat: shutil.copy(floats / LOGITS_NAME, qat / LOGITS_NAME), "groups.*train again"),
        (
            lambda floats, qat: np.savez(
                floats / LOGITS_NAME, plain=logits(0.9), classes=CLASSES[::-1], log_share=np.zeros(3)
            ),
            "float run, got others",
        ),
    ],
)
def test_run_that_lacks_something_is_refused(finished, refused, damage, message):
    damage(*finished)
    with refused(message):
        read_run(finished[1])
