import pytest

from benchmarks.config import Settings
from edge_runtime.classifier import SHIPPED_MODEL, SHIPPED_REFERENCE


def test_the_shipped_models_are_measured_on_one_thread_by_default():
    settings = Settings()
    assert (settings.int8_model, settings.float32_model, settings.num_threads) == (SHIPPED_MODEL, SHIPPED_REFERENCE, 1)


@pytest.mark.parametrize("name", ["num_threads", "num_runs", "min_seconds"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_what_cannot_be_measured_with_is_refused(refused, name, value):
    with refused(name):
        Settings(**{name: value})
