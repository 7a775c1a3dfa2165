import numpy as np
import pytest

from train.audit import duplicates
from train.audit.duplicates import exact, near


@pytest.mark.parametrize(
    ("digests", "expected"),
    [
        ([], []),
        (["a", "b", "c"], []),
        (["a", "b", "a", None, None, "b", "a"], [[0, 2, 6], [1, 5]]),
    ],
)
def test_exact_duplicates_are_sets_of_equal_digests(digests, expected):
    assert exact(digests) == expected


def test_near_duplicates_come_most_alike_first(monkeypatch):
    monkeypatch.setattr(duplicates, "_BLOCK", 4)  # so that pairs within and across blocks occur
    rng = np.random.default_rng(0)
    thumbnails = rng.integers(60, 200, (11, 768)).astype(np.uint8)
    thumbnails[9] = np.clip(thumbnails[2].astype(int) + rng.integers(-2, 3, 768), 0, 255)
    thumbnails[6] = thumbnails[5]
    thumbnails[3] = thumbnails[2] // 2  # darker, the same otherwise
    found = near(thumbnails, like=0.99)
    assert [pair[:2] for pair in found] == [(5, 6), (2, 3), (2, 9), (3, 9)]
    assert found[0][2] == pytest.approx(1, abs=1e-6)
    assert [pair[2] for pair in found] == sorted((pair[2] for pair in found), reverse=True)
    assert near(thumbnails, like=1.01) == []


def test_blank_pictures_are_like_none():
    assert near(np.full((3, 768), 90, np.uint8)) == []
    assert near(np.zeros((0, 768), np.uint8)) == []
