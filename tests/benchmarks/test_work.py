import json

import pytest

from benchmarks.work import multiply_adds
from edge_runtime.classifier import SHIPPED_MODEL, SHIPPED_REFERENCE
from tests import tiny_model
from tests.environments import CHECKOUT


def test_they_are_those_of_the_network_that_was_trained():
    """By another way: train counts them in the layers of its settings, without the mean of the towers' logits."""
    from train import network
    from train.config import NetworkSettings

    run = json.loads((CHECKOUT / "reports" / "run" / "float" / "run.json").read_text())
    settings = {
        name: tuple(value) if isinstance(value, list) else value for name, value in run["settings"]["network"].items()
    }
    classes = len(run["labels"])
    wanted = network.multiply_adds(NetworkSettings(**settings), classes=classes)
    if settings["towers"] > 1:  # the mean is a dense layer of all logits
        wanted += settings["towers"] * classes * classes
    assert multiply_adds(SHIPPED_REFERENCE.read_bytes()) == wanted
    assert multiply_adds(SHIPPED_MODEL.read_bytes()) == wanted


@pytest.mark.parametrize("variant", ["float32", "int8_ptq"])
def test_a_dense_layer_of_three_colours_and_four_classes(variant):
    assert multiply_adds(tiny_model.bundle_bytes(variant=variant)) == 12
