import io
import sys
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from edge_runtime import figures
from edge_runtime.errors import LeukoliteError
from train import tensorboard
from train.history import Epoch
from train.tensorboard import CONFUSION_TAG, TensorBoardLog, read, scalars

FIRST = Epoch(
    epoch=1,
    seconds=10.0,
    images_per_s=98.7,
    input_wait_share=0.031,
    learning_rate=2e-3,
    loss=1.386,
    accuracy=0.25,
    tpr={"A": 1 / 3, "B": None},
    held_out_balanced_accuracy=0.3,
    held_out_lowest_tpr=0.1,
    held_out_tpr={"A": None, "B": 0.7},
    peak_rss_mb=612.5,
)
HISTORY = [replace(FIRST, epoch=number, loss=1 / number) for number in range(1, 4)]
MATRIX = np.array([[7, 1], [2, 6]])


def events(directory):
    """All events of the folder's files, as TensorFlow's own reader gives them."""
    paths = sorted(path for path in directory.glob("*tfevents*") if path.stat().st_size)
    return [event for path in paths for event in tf.compat.v1.train.summary_iterator(str(path))]


def values(directory, tag):
    """(step, value) of a tag, in the order of writing."""
    return [
        (event.step, value.simple_value) for event in events(directory) for value in event.summary.value
        if value.tag == tag
    ]  # fmt: skip


def pictures(directory):
    """(step, PNG) of the confusion matrices."""
    found = [(event.step, value) for event in events(directory) for value in event.summary.value]
    return [(step, value.image.encoded_image_string) for step, value in found if value.tag == CONFUSION_TAG]


def cheap_png(matrix, labels, *, title):
    """A picture whose colour tells the matrix, faster than the real one."""
    buffer = io.BytesIO()
    Image.new("RGBA", (4, 3), tuple(np.asarray(matrix).ravel())).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def _cheap_pictures(request, monkeypatch):
    if "real_pictures" not in request.fixturenames:
        monkeypatch.setattr(tensorboard, "matrix_png", cheap_png)


@pytest.fixture
def real_pictures():
    """Asked for by a test of what is drawn."""


def log_of(directory, history, *, since=0):
    """A log that was begun with the first epochs of a history, and went on with the rest."""
    log = TensorBoardLog(directory)
    log.begin(history[:since])
    for epoch in history[since:]:
        log.epoch(epoch)
        log.confusion(MATRIX * epoch.epoch, ["A", "B"], epoch.epoch)
    return log


def test_every_figure_of_an_epoch_is_read_back(tmp_path):
    log_of(tmp_path, HISTORY)
    expected = {
        "loss": 1.0,
        "accuracy": 0.25,
        "learning_rate": 2e-3,
        "held_out/balanced_accuracy": 0.3,
        "held_out/lowest_tpr": 0.1,
        "speed/seconds": 10.0,
        "speed/images_per_s": 98.7,
        "speed/input_wait_share": 0.031,
        "speed/peak_rss_mb": 612.5,
        "tpr/A": 1 / 3,
        "held_out_tpr/B": 0.7,
    }
    assert scalars(HISTORY[0]) == expected
    for tag, value in expected.items():
        step, found = values(tmp_path, tag)[0]
        assert (step, found) == (1, np.float32(value)), tag
    assert values(tmp_path, "loss") == [(n, np.float32(1 / n)) for n in (1, 2, 3)]
    assert values(tmp_path, "tpr/B") == []


def test_a_file_begins_as_tensorboard_wants_it(tmp_path):
    log_of(tmp_path, HISTORY[:1])
    first, second, *_ = events(tmp_path)
    assert first.file_version == "brain.Event:2"
    assert (second.session_log.status, second.step) == (tf.compat.v1.SessionLog.START, 0)


def test_confusion_is_the_picture(tmp_path, real_pictures):
    log_of(tmp_path, HISTORY[:1])
    ((step, picture),) = pictures(tmp_path)
    assert (step, picture) == (1, figures.matrix_png(MATRIX, ["A", "B"], title="held out, epoch 1"))
    (image,) = (
        value.image for event in events(tmp_path) for value in event.summary.value if value.tag == CONFUSION_TAG
    )
    decoded = tf.io.decode_png(picture)
    assert (image.height, image.width, image.colorspace) == tuple(decoded.shape)


def test_what_was_written_is_there_before_the_log_is_closed(tmp_path):
    log = log_of(tmp_path, HISTORY[:2])
    assert len(values(tmp_path, "loss")) == 2
    log.close()
    assert len(values(tmp_path, "loss")) == 2


@pytest.mark.parametrize("done", [0, 2, 3])
def test_a_run_that_goes_on_shows_no_epoch_twice(tmp_path, done):
    log_of(tmp_path, HISTORY)
    other = [replace(epoch, loss=9.0) for epoch in HISTORY]
    log_of(tmp_path, HISTORY[:done] + other[done:], since=done)
    assert [step for step, _ in values(tmp_path, "loss")] == [1, 2, 3]
    assert [value for _, value in values(tmp_path, "loss")][done:] == [9.0] * (3 - done)
    assert pictures(tmp_path) == [(n, cheap_png(MATRIX * n, ["A", "B"], title="")) for n in (1, 2, 3)]


def test_epochs_that_were_never_logged_are_added(tmp_path):
    log_of(tmp_path, HISTORY, since=2)
    assert [step for step, _ in values(tmp_path, "accuracy")] == [1, 2, 3]
    assert [step for step, _ in pictures(tmp_path)] == [3]


def test_beginning_anew_forgets_everything(tmp_path):
    log_of(tmp_path, HISTORY)
    TensorBoardLog(tmp_path).begin()
    assert (values(tmp_path, "loss"), pictures(tmp_path)) == ([], [])


def test_other_files_are_left_alone_and_emptied_ones_do_not_pile_up(tmp_path):
    others = {"events.out.tfevents.1.host": b"other", "notes.txt": b"mine"}
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
    for _ in range(4):
        log_of(tmp_path, HISTORY[:1]).close()
    assert {name: (tmp_path / name).read_bytes() for name in others} == others
    assert len(list(tmp_path.glob("*.leukolite"))) == 2


def test_a_log_that_ends_in_the_middle_of_a_record_is_gone_on_with(tmp_path):
    log_of(tmp_path, HISTORY[:2]).close()
    (path,) = tmp_path.glob("*.leukolite")
    path.write_bytes(path.read_bytes()[:-10])
    assert [event.step for event in read(path)][-1] == 2
    log_of(tmp_path, HISTORY, since=2)
    assert [step for step, _ in values(tmp_path, "loss")] == [1, 2, 3]
    assert [step for step, _ in pictures(tmp_path)] == [1, 3]


def test_times_of_earlier_epochs_are_as_far_apart_as_the_epochs_were_long(tmp_path):
    TensorBoardLog(tmp_path).begin(HISTORY)
    times = [event.wall_time for event in events(tmp_path) if event.summary.value]
    assert np.diff(times) == pytest.approx([10.0] * 2, abs=1e-3)  # as float64 of seconds since 1970


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LeukoliteError, match=r"expected to be able to write TensorBoard logs in .*file"):
        TensorBoardLog(tmp_path / "file").begin()


def test_tensorboard_itself_is_not_needed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    log_of(tmp_path, HISTORY)
    assert len(values(tmp_path, "loss")) == len(pictures(tmp_path)) == 3
