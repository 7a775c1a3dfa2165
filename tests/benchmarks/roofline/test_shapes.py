import pytest

from benchmarks.instructions import CHECKOUT
from benchmarks.roofline.shapes import ARCHITECTURES, Architecture, network, sweep
from benchmarks.work import multiply_adds, parameters
from edge_runtime.card import read_model
from tests.train import tiny
from train import network as trained
from train.__main__ import build_parser
from train.recipe import settings_of

CELL = CHECKOUT / "reports" / "cell" / "bundles" / "leukolite-int8.tflite"


def settings(*options):
    """Those of the network that `train float --preset cell` makes of these options."""
    arguments = ["float", "--data", "d", "--out", "o", "--preset", "cell", *options]
    return settings_of(build_parser().parse_args(arguments)).network


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda architecture: architecture.options)
def test_each_architecture_is_the_network_that_its_options_train(architecture):
    tiny.settle()  # TensorFlow takes such settings once, and other tests of the process need them
    found, content = settings(*architecture.options.split()), network(architecture)
    assert multiply_adds(content) == trained.multiply_adds(found, classes=4)
    assert parameters(content) == trained.build_deployed(found, classes=4).count_params()
    assert found.crop_px / found.zoom == 128  # pixels of the field


def test_the_first_is_today_s_preset():
    assert settings(*ARCHITECTURES[0].options.split()) == settings()
    assert multiply_adds(network(ARCHITECTURES[0])) == multiply_adds(read_model(CELL))


def test_options_say_what_differs_from_the_preset():
    assert Architecture((4, 8), 1).options == "--widths 4,8 --strided 1"
    assert Architecture((4,), 1, 2, 64).options == "--widths 4 --strided 1 --space-to-depth 2 --crop 64 --zoom 0.5"


def test_every_candidate_has_a_name_of_its_own_and_multiplies():
    found = list(sweep())
    assert len({(group, name) for group, name, _ in found}) == len(found)
    assert {group for group, _, _ in found} == {
        "input channels", "output channels", "stride", "first layer", "depthwise", "network",
    }  # fmt: skip
    assert all(multiply_adds(content) > 0 for _, _, content in found)
    same = {name: multiply_adds(content) for group, name, content in found if group == "stride"}
    assert same["3x3 24>48 /2"] == same["3x3 24>48"] == 12 * 12 * 9 * 24 * 48
