import pytest

from benchmarks.roofline.timing import REFERENCE, invoker, times
from tests import tiny_model


def test_everything_has_every_round_and_a_call_before_that_is_not_timed():
    done = []
    found = times({"one": lambda: done.append(1), "two": lambda: done.append(2)}, rounds=3)
    assert found.keys() == {"one", "two", REFERENCE}
    assert all(timed.us > 0 and timed.spread >= 0 for timed in found.values())
    # An append takes less than a microsecond: hundreds of calls a sample.
    assert min(done.count(1), done.count(2)) > 300


@pytest.mark.parametrize("variant", ["int8_ptq", "float32"])
def test_a_model_is_invoked(variant):
    invoker(tiny_model.bundle_bytes(variant=variant), name="it")()


def test_what_does_not_run_is_told_by_name(refused):
    with refused("expected the third layer to run by itself, got .+; use another model"):
        invoker(b"nothing", name="the third layer")
