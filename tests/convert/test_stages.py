from dataclasses import replace

import numpy as np
import pytest

from convert import stages
from convert.stages import FLOAT32, INT8, KERAS_FLOAT, KERAS_QAT, REFERENCE, STAGES, answer, open_networks
from edge_runtime.classifier import Classifier
from edge_runtime.dataset import open_dataset
from edge_runtime.model import Model
from edge_runtime.view import View


def still(count=1, note=""):
    """No bar."""


@pytest.fixture(scope="module")
def images(smear_root):
    return open_dataset(smear_root, split="TEST").images


@pytest.fixture(scope="module")
def answers(networks, images):
    return answer(images, networks, advance=still).probabilities


def test_every_image_is_answered_in_every_stage(answers, networks):
    assert answers.shape == (len(STAGES), 8, 4)
    np.testing.assert_allclose(answers.sum(axis=2), 1, atol=1e-5)  # float32
    assert networks.labels == ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL")


def test_conversion_to_float_changes_nothing(answers):
    difference = np.abs(answers[STAGES.index(KERAS_FLOAT)] - answers[STAGES.index(FLOAT32)])
    assert difference.max() < 1e-5  # sums of float32 in another order


@pytest.mark.parametrize(("stage", "name"), [(FLOAT32, "leukolite-float32.tflite"), (INT8, "leukolite-int8.tflite")])
def test_tflite_stages_answer_as_the_bundles_do(answers, released, images, stage, name):
    classifier = Classifier(released / name)
    expected = [list(classifier.classify(image.path).probabilities.values()) for image in images]
    assert np.array_equal(answers[STAGES.index(stage)], np.array(expected, np.float32))


def test_both_networks_are_asked(answers):
    assert not np.array_equal(answers[STAGES.index(KERAS_FLOAT)], answers[STAGES.index(KERAS_QAT)])


def test_reference_kernels_are_those_of_no_delegate(networks, answers):
    assert Model(networks.int8).uses_delegate
    assert not Model(networks.int8, reference_kernels=True).uses_delegate
    difference = np.abs(answers[STAGES.index(INT8)] - answers[STAGES.index(REFERENCE)])
    assert difference.max() < 0.1  # another rounding of some values, by one step


def test_stage_says_what_its_own_network_says(networks, images):
    def swapped(pixels):
        return networks.answers[INT8](pixels)[:, ::-1]

    changed = replace(networks, answers={**networks.answers, INT8: swapped})
    found = answer(images, changed, advance=still).probabilities
    assert np.array_equal(found[STAGES.index(INT8)], answer(images, networks, advance=still).probabilities[3, :, ::-1])


def test_images_are_decoded_once_and_shown_in_batches(networks, images, monkeypatch):
    looked, shown, moved = [], [], []
    see = stages.see
    monkeypatch.setattr(stages, "see", lambda path, view: looked.append(path) or see(path, view))
    monkeypatch.setattr(stages, "_AT_ONCE", 3)
    answer(images, networks, advance=lambda count=1, note="": moved.append(count), watch=lambda b: shown.append(len(b)))
    assert looked == [image.path for image in images]
    assert shown == moved == [3, 3, 2]


def test_image_that_cannot_be_read_has_no_answer_and_a_complaint(networks, picture, tmp_path):
    for number in range(3):
        picture(f"set/TEST/MONOCYTE/{number}.png")
    (tmp_path / "set/TEST/MONOCYTE/1.png").write_bytes(b"no picture")
    images = open_dataset(tmp_path / "set", split="TEST").images
    found = answer(images, networks, advance=still)
    assert np.isnan(found.probabilities).any(axis=(0, 2)).tolist() == [False, True, False]
    assert np.isnan(found.probabilities[:, 1]).all()
    (complaint,) = found.complaints
    assert complaint.startswith("TEST/MONOCYTE/1.png: expected a readable")


def test_image_without_a_cell_has_no_answer(networks, picture, tmp_path):
    picture("set/TEST/MONOCYTE/blank.png", color="GREEN")
    images = open_dataset(tmp_path / "set", split="TEST").images
    view = View("cell", 24, 32, 48, 64)
    found = answer(images, replace(networks, view=view), advance=still)
    assert np.isnan(found.probabilities).all()
    assert found.complaints == ()


def test_kernels_are_the_weights_before_rounding(networks):
    assert set(networks.kernels) == {
        "mean",
        *(f"tower{tower}_{part}" for tower in (0, 1) for part in ("conv0", "conv1", "conv2", "head")),
    }
    assert networks.kernels["tower0_conv0"].shape == (3, 3, 3, 4)


def test_runs_that_do_not_belong_together_are_refused(refused, runs, changed):
    with refused("that differ in their labels;"):
        open_networks(runs[0], changed(1, labels=["A", "B", "C", "D"]))


def test_machine_without_xnnpack_is_refused(refused, runs, networks, monkeypatch):
    monkeypatch.setattr(stages, "lower", lambda model, *, variant: networks.int8)
    monkeypatch.setattr(Model, "uses_delegate", False)
    with refused("XNNPACK to take the int8 graph"):
        open_networks(*runs)
