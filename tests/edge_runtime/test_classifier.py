import copy
import json
import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from edge_runtime.classifier import NO_CELL, Classifier
from edge_runtime.files import sha256
from edge_runtime.model import Model
from edge_runtime.prediction import failed
from edge_runtime.view import see
from tests.conftest import COLORS
from tests.fields import NUCLEUS, field
from tests.tiny_model import CARD, CELL_SPEC, LABELS, bundle_bytes

KEYS = ["path", "label", "confidence", "probabilities", "abstained", "error", "latency_ms"]  # as the contract has them
KEYS += ["reason", "cells"]


@pytest.fixture(scope="module")
def classifier(bundle):
    return Classifier(bundle)


def save(folder, **changes):
    """A bundle with another card, in a file."""
    path = folder / "changed.tflite"
    path.write_bytes(bundle_bytes(**changes))
    return path


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("name", ["cell.png", "cell.jpg", "cell.tif"])
def test_names_the_colour_of_a_picture(classifier, picture, color, name):
    path = picture(name, color=color)
    prediction = classifier.classify(path)
    assert (prediction.label, prediction.top_label, prediction.path) == (color, color, str(path))
    assert prediction.confidence == max(prediction.probabilities.values())
    assert list(prediction.probabilities) == list(LABELS)
    assert (prediction.abstained, prediction.error) == (False, None)


def test_bytes_are_classified_like_the_file(classifier, picture):
    path = picture("cell.png", color="GREEN")
    from_bytes, from_file = classifier.classify(path.read_bytes()), classifier.classify(str(path))
    assert from_bytes.probabilities == from_file.probabilities
    assert (from_bytes.path, from_file.path) == ("", str(path))


def test_float_bundle_names_the_same(float_bundle, picture):
    assert Classifier(float_bundle).classify(picture("a.png", color="BLUE")).label == "BLUE"


@pytest.mark.parametrize(("threshold", "label"), [(0.0, "DARK"), (0.6, "DARK"), (0.8, None), (1.0, None)])
def test_threshold_decides_whether_there_is_a_label(bundle, picture, threshold, label):
    prediction = Classifier(bundle, threshold=threshold).classify(picture("black.png", color="DARK"))
    assert 0.6 < prediction.confidence < 0.8  # softmax of (0, 2, 0, 0) is 0.71; see tiny_model
    assert (prediction.label, prediction.abstained) == (label, label is None)
    assert prediction.top_label == "DARK"


def test_confidence_at_the_threshold_is_enough(bundle, picture):
    path = picture("black.png", color="DARK")
    reached = Classifier(bundle).classify(path).confidence
    assert Classifier(bundle, threshold=reached).classify(path).label == "DARK"
    assert Classifier(bundle, threshold=np.nextafter(reached, 1)).classify(path).label is None


def test_threshold_comes_from_the_card_unless_given(tmp_path, picture):
    path, black = save(tmp_path, abstain_below=0.9), picture("black.png", color="DARK")
    assert Classifier(path).classify(black).abstained
    assert not Classifier(path, threshold=0.1).classify(black).abstained


def test_unreadable_picture_is_a_prediction_with_an_error(classifier, tmp_path):
    prediction = classifier.classify(tmp_path / "missing.png")
    assert prediction.to_json() == {
        "path": str(tmp_path / "missing.png"),
        "label": None,
        "confidence": None,
        "probabilities": {},
        "abstained": False,
        "error": "expected a file that can be read, got No such file or directory; check the path and its permissions",
        "latency_ms": None,
        "reason": None,
        "cells": [],
    }
    assert prediction.top_label is None
    assert prediction == failed(prediction.path, prediction.error)


def test_json_object_has_the_contracts_keys(classifier, picture):
    fields = classifier.classify(picture("cell.png")).to_json()
    assert list(fields) == KEYS
    assert list(fields["latency_ms"]) == ["decode", "invoke", "total"]
    assert fields["probabilities"]["RED"] == fields["confidence"]


def test_latency_adds_up(classifier, picture):
    latency = classifier.classify(picture("cell.png")).latency_ms
    assert min(latency.decode, latency.invoke) > 0
    # Both parts are measured with the clock of the whole; only float rounding can part them.
    assert latency.total == pytest.approx(latency.decode + latency.invoke, rel=1e-6)


# The cell view: the tiny model's input is a crop of 16 x 12 in a field of 160 x 120.

TWO, ONE, NONE = (((30, 30, 10), (80, 120, 16)), ((60, 80, 14),), ())


@pytest.fixture
def of_cells(tmp_path):
    """A classifier of cells, and of dye that is darker than its plasma."""
    return Classifier(save(tmp_path, input=CELL_SPEC))


@pytest.fixture
def smear(tmp_path):
    """Writes a field of 320 x 240 with nuclei, each (row, column, radius) in a field of half the size."""

    def write(nuclei):
        path = tmp_path / f"{len(nuclei)}.png"
        doubled = [tuple(2 * number for number in nucleus) for nucleus in nuclei]
        Image.fromarray(field(*doubled, height=240, width=320)).save(path)
        return path

    return write


def test_each_cell_has_a_box_and_an_answer_and_the_main_one_is_the_picture_s(of_cells, smear):
    prediction = of_cells.classify(smear(TWO))
    main, other = prediction.cells
    assert (main.box.left, main.box.top) == (pytest.approx(2 * 104, abs=8), pytest.approx(2 * 64, abs=8))
    assert (other.box.right, other.box.bottom) == (pytest.approx(2 * 40, abs=8), pytest.approx(2 * 40, abs=8))
    assert (prediction.label, prediction.confidence) == (main.label, main.confidence)
    assert prediction.probabilities == main.probabilities
    assert prediction.reason is None
    # The nuclei are bluish: what the model says of a picture of nothing else.
    alone = of_cells.model.predict(np.full((12, 16, 3), NUCLEUS, np.uint8))
    assert main.label == LABELS[int(alone.argmax())]


def test_the_interpreter_is_fed_what_training_sees(of_cells, smear):
    fed = []
    predict = of_cells.model.predict
    of_cells.model.predict = lambda pixels: fed.append(pixels.copy()) or predict(pixels)
    path = smear(TWO)
    of_cells.classify(path)
    assert len(fed) == 2
    assert np.array_equal(fed[0], see(path, of_cells.card.input.seen))


def test_a_field_without_a_cell_has_no_label_and_a_reason(of_cells, smear):
    prediction = of_cells.classify(smear(NONE))
    assert (prediction.label, prediction.error, prediction.abstained) == (None, None, True)
    assert (prediction.reason, prediction.cells) == (NO_CELL, ())
    assert (prediction.top_label, prediction.confidence, prediction.probabilities) == (None, None, {})
    assert prediction.latency_ms.total > 0


def test_the_threshold_is_for_each_cell(of_cells, smear):
    sure = Classifier(of_cells.path, threshold=1.0).classify(smear(TWO))
    assert [(cell.label, cell.abstained) for cell in sure.cells] == [(None, True)] * 2
    assert sure.reason == f"confidence {sure.confidence:.3f} is below 1"
    assert [cell.label for cell in of_cells.classify(smear(TWO)).cells].count(None) == 0


def test_json_of_the_cells(of_cells, smear):
    fields = of_cells.classify(smear(TWO)).to_json(top_k=1)
    assert list(fields) == KEYS
    for cell in fields["cells"]:
        assert list(cell) == ["box", "label", "confidence", "probabilities", "abstained"]
        assert list(cell["box"]) == ["left", "top", "right", "bottom"]
        assert cell["probabilities"] == {cell["label"]: cell["confidence"]}
    json.dumps(fields)


def test_the_field_view_looks_for_no_cell(classifier, smear):
    prediction = classifier.classify(smear(TWO))
    assert prediction.cells == ()
    assert prediction.label is not None


def test_knows_the_digest_of_its_file(classifier, bundle):
    assert classifier.digest == sha256(bundle.read_bytes())
    assert classifier.path == bundle


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": LABELS[:3]},
        {"labels": (*LABELS, "WHITE")},
        {"input": replace(CARD.input, height=CARD.input.height + 1, field_height=CARD.input.height + 1)},
        {"input": replace(CARD.input, view="cell", height=CARD.input.width, width=CARD.input.height)},
        {"input": replace(CARD.input, color_order="BGR")},
        {"input": replace(CARD.input, resize="stretch")},
        {"input": replace(CARD.input, decode="whole")},
        {"input": replace(CARD.input, background=(255, 255, 255))},
    ],
    ids=str,
)
def test_card_that_does_not_fit_is_refused(tmp_path, changes, refused):
    with refused("changed.tflite"):
        Classifier(save(tmp_path, **changes))


def test_missing_model_is_refused(tmp_path, refused):
    with refused("expected a TFLite model at"):
        Classifier(tmp_path / "none.tflite")


def test_damaged_model_that_answers_nan_is_an_error_not_a_label(classifier, picture, monkeypatch):
    monkeypatch.setattr(classifier.model, "predict", lambda _: np.full(len(LABELS), np.nan, np.float32))
    prediction = classifier.classify(picture("cell.png"))
    assert prediction.label is None
    assert "NaN" in prediction.error


@pytest.fixture
def interpreters(monkeypatch):
    """Counts the interpreters that can run."""
    made = []

    class Counted(Model):
        def __init__(self, *arguments, **options):
            made.append(os.getpid())
            super().__init__(*arguments, **options)

    monkeypatch.setattr("edge_runtime.classifier.Model", Counted)
    return made


def test_the_interpreter_is_made_on_first_use_and_once(bundle, picture, interpreters):
    classifier = Classifier(bundle)
    assert interpreters == []
    for _ in range(2):
        assert classifier.classify(picture("a.png")).label == "RED"
    assert len(interpreters) == 1


def test_load_makes_the_interpreter_at_once(bundle, interpreters):
    classifier = Classifier(bundle).load()
    assert len(interpreters) == 1
    assert classifier.load() is classifier
    assert len(interpreters) == 1


def test_a_damaged_model_that_opens_is_refused_when_it_is_loaded(bundle, monkeypatch, refused):
    classifier = Classifier(bundle)
    monkeypatch.setattr("edge_runtime.model.Interpreter.allocate_tensors", allocation_fails)
    with refused("a model that LiteRT can run, got .*no memory"):
        classifier.load()


def allocation_fails(_):
    raise RuntimeError("no memory")


def together(work, *, threads=8):
    """Calls `work` in so many threads, which begin at once; what each returned."""
    barrier = threading.Barrier(threads)

    def begin(_):
        barrier.wait()
        return work()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(begin, range(threads)))


def test_threads_that_begin_at_once_make_one_interpreter(bundle, interpreters):
    classifier = Classifier(bundle)
    models = together(lambda: classifier.model)
    assert len({id(model) for model in models}) == len(interpreters) == 1


def test_threads_that_share_a_classifier_get_each_the_answer_to_its_own_picture(bundle, picture):
    classifier = Classifier(bundle)
    contents = {color: picture(f"{color}.png", color=color).read_bytes() for color in COLORS}

    def ask() -> list[tuple[str, str | None]]:
        return [(color, classifier.classify(contents[color]).label) for _ in range(50) for color in contents]

    answers = [answer for thread in together(ask) for answer in thread]
    assert len(answers) == 8 * 50 * len(COLORS)
    assert [answer for answer in answers if answer[0] != answer[1]] == []


def test_an_interpreter_is_never_given_a_picture_while_it_has_one(bundle, monkeypatch):
    """The race that the test above would lose only now and then: here each step gives way to the other threads."""
    classifier, inside, most = Classifier(bundle).load(), [], []
    invoke = Interpreter.invoke

    def slow(self):
        inside.append(self)
        time.sleep(0.001)
        most.append(len(inside))
        invoke(self)
        inside.pop()

    monkeypatch.setattr(Interpreter, "invoke", slow)
    together(lambda: [classifier.model.predict(np.zeros((12, 16, 3), np.uint8)) for _ in range(5)])
    assert max(most) == 1


def test_a_copy_has_an_interpreter_of_its_own_and_the_same_bytes(bundle, picture, interpreters):
    classifier = Classifier(bundle, threshold=0.9).load()
    copied = copy.copy(classifier)
    assert copied.classify(picture("black.png", color="DARK")).abstained
    assert copied.model is not classifier.model
    assert len(interpreters) == 2


def test_a_fork_while_another_thread_makes_the_interpreter_does_not_wait_for_it(bundle, picture, monkeypatch):
    classifier, path = Classifier(bundle), picture("a.png")
    making, go_on = threading.Event(), threading.Event()

    class Slow(Model):
        def __init__(self, *arguments, **options):
            if not go_on.is_set():
                making.set()
                go_on.wait(60)
            super().__init__(*arguments, **options)

    monkeypatch.setattr("edge_runtime.classifier.Model", Slow)
    thread = threading.Thread(target=classifier.load)
    thread.start()
    making.wait(60)
    child = os.fork()
    if not child:  # never back into pytest
        try:
            go_on.set()
            right = classifier.classify(path).label == "RED"
        finally:
            os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    go_on.set()
    thread.join()
    assert classifier.classify(path).label == "RED"


@pytest.mark.parametrize("used", [False, True])
def test_a_pickled_classifier_needs_no_file_and_carries_no_interpreter(tmp_path, picture, used):
    path = save(tmp_path, abstain_below=0.1)
    classifier = Classifier(path, threshold=0.9, num_threads=2)
    before = classifier.classify(picture("a.png")).probabilities if used else None
    content = pickle.dumps(classifier)
    assert len(content) < 2 * path.stat().st_size + 10_000  # the model, and little else
    path.unlink()
    again = pickle.loads(content)
    assert (again.path, again.digest, again.card) == (path, classifier.digest, classifier.card)
    assert again.classify(picture("black.png", color="DARK")).abstained  # by the threshold that was given
    assert before in (None, again.classify(picture("a.png")).probabilities)


def test_a_forked_process_makes_its_own_interpreter(bundle, picture, interpreters):
    classifier, path = Classifier(bundle).load(), picture("a.png")
    child = os.fork()
    if not child:  # never back into pytest
        try:
            right = classifier.classify(path).label == "RED" and interpreters[-1] == os.getpid()
        finally:
            os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert classifier.classify(path).label == "RED"
    assert interpreters == [os.getpid()]


@pytest.mark.timeout(20)
def test_pipe_is_not_waited_for(classifier, tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert "regular file" in classifier.classify(tmp_path / "pipe.png").error
