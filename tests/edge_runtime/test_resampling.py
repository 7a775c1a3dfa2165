import numpy as np
import pytest

from edge_runtime.resampling import draw

COUNTS = np.array([[1.0, 10], [1, 20], [1, 40], [1, 80]])


def test_each_class_keeps_its_number_of_groups():
    main_class = np.array([0, 0, 1, 1])
    drawn = draw(np.eye(4), main_class=main_class, resamples=300, seed=0)
    assert (drawn[:, :2].sum(axis=1) == 2).all()
    assert (drawn[:, 2:].sum(axis=1) == 2).all()
    assert drawn.max() == 2  # with replacement


@pytest.mark.parametrize("resamples", [1, 249, 250, 251, 600])
def test_drawing_in_parts_is_drawing_at_once(resamples):
    weights = np.random.default_rng(4).multinomial(4, np.full(4, 1 / 4), size=resamples)
    drawn = draw(COUNTS, main_class=np.zeros(4, np.int64), resamples=resamples, seed=4)
    assert drawn == pytest.approx(weights @ COUNTS)


def test_seed_alone_decides_whatever_is_counted():
    main_class = np.array([0, 1, 1, 0])
    first = draw(COUNTS, main_class=main_class, resamples=50, seed=1)
    again = draw(COUNTS[:, 1:] / 10, main_class=main_class, resamples=50, seed=1)
    assert (first[:, 1:] == 10 * again).all()
    assert (first != draw(COUNTS, main_class=main_class, resamples=50, seed=2)).any()
