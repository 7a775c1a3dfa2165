import pytest

from train.audit.grouping import Union, joined


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], [[0], [1], [2], [3], [4]]),
        ([(3, 1)], [[0], [1, 3], [2], [4]]),
        ([(0, 1), (3, 4), (4, 1)], [[0, 1, 3, 4], [2]]),
        ([(4, 3), (3, 2), (2, 1), (1, 0), (0, 4)], [[0, 1, 2, 3, 4]]),
        ([(2, 2)], [[0], [1], [2], [3], [4]]),
    ],
)
def test_sets_are_joined_and_known_by_their_smallest(pairs, expected):
    union = joined(5, pairs)
    assert union.sets() == expected
    assert [union.find(number) for own in expected for number in own] == [min(own) for own in expected for _ in own]


def test_a_number_is_added_in_a_set_of_its_own():
    union = Union()
    assert [union.add(), union.add()] == [0, 1]
    assert union.sets() == [[0], [1]]
