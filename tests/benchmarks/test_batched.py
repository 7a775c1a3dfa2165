import numpy as np
import pytest

from benchmarks.batched import Batched
from edge_runtime.model import Model


def test_a_batch_gives_what_the_pictures_give_one_by_one(bundle):
    pictures = [np.full((12, 16, 3), value, np.uint8) for value in (0, 90, 200)]
    given = Batched(bundle, pictures=pictures).invoke()
    model = Model(bundle.read_bytes())
    assert np.array_equal(given, [model.invoke(each) for each in pictures])


@pytest.mark.parametrize("shape", [(13, 16, 3), (12, 16, 4)])
def test_a_graph_that_does_not_take_them_is_refused(bundle, refused, shape):
    with refused("a graph that takes 2 pictures at once"):
        Batched(bundle, pictures=[np.zeros(shape, np.uint8)] * 2)
