"""Values by their rank, without sorting all of them."""

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]


def median(values: Values) -> Values:
    """The medians of float32 [..., n] along the last axis, as np.median has them, in a fraction of its time.

    Each place is looked for by itself: numpy uses the processor's vectors for one, and not for several at once.
    """
    half = values.shape[-1] // 2
    parted = np.partition(values, half)
    upper: Values = parted[..., half]
    return upper if values.shape[-1] % 2 else (parted[..., :half].max(axis=-1) + upper) / np.float32(2)


def median_and_ranked(values: Values, place: int) -> tuple[np.float32, np.float32]:
    """`median` of all values, float32 of any shape, and `ranked` at a place above the middle, in half of the time."""
    half = values.size // 2
    parted = np.partition(values, half, axis=None)
    upper = parted[half:]
    middle = upper[0] if values.size % 2 else (parted[:half].max() + upper[0]) / np.float32(2)
    upper.partition(place - half)  # nothing below the middle need be looked at
    return middle, upper[place - half]


def ranked(values: Values, place: int) -> float:
    """What would be at that place, counted from 0, if values, float32 of any shape, were sorted."""
    return float(np.partition(values, place, axis=None)[place])


def highest(values: Values, share: float) -> float:
    """The least of that share of the values, one at least, that are highest."""
    return ranked(values, values.size - max(1, round(share * values.size)))
