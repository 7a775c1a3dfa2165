import pytest
import tensorflow as tf

from convert.config import OLDEST_RUNTIME
from convert.operators import NEWEST_VERSIONS, check_versions
from tests import tiny_model
from tests.convert.graphs import PICTURES, edited, one_operator, quantised, small_network


@pytest.mark.parametrize("quantized", [True, False])
def test_hand_made_model_passes(quantized):
    check_versions(tiny_model.model_bytes(quantized=quantized))


@pytest.mark.parametrize("name", NEWEST_VERSIONS)
def test_newest_version_passes_and_the_next_is_refused(refused, name):
    newest = NEWEST_VERSIONS[name]
    check_versions(one_operator(name, newest))
    with refused(f"operators that {OLDEST_RUNTIME} runs, got {name} version {newest + 1} above {newest}; "):
        check_versions(one_operator(name, newest + 1))


def test_operator_of_which_nothing_is_known_is_refused(refused):
    with refused("got STABLEHLO_CUSTOM_CALL, of which it is not known; "):
        check_versions(one_operator("STABLEHLO_CUSTOM_CALL", 1))
    with refused("got SIN, of which it is not known; "):
        check_versions(quantised(small_network(tf.sin), PICTURES))


def test_each_kind_of_operator_is_named_once_and_the_fourth_is_counted(refused):
    def renew(model):
        for code in model.operatorCodes:
            code.version = 99

    with refused("got QUANTIZE version 99 above 4; AVERAGE_POOL_2D .*; FULLY_CONNECTED .* above 14; and 1 more; "):
        check_versions(edited(tiny_model.model_bytes(), renew))
