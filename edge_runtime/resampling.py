"""Draw whole groups of images with replacement: the one way in which every interval by source cell is made."""

import numpy as np
import numpy.typing as npt

RESAMPLES = 10_000
RESAMPLING_SEED = 20_240_501
_DRAWN_AT_ONCE = 250  # with 10,000 groups the weights of as many resamples take 20 MB


def draw(
    counts: npt.NDArray[np.float64],
    *,
    main_class: npt.NDArray[np.int64],
    resamples: int = RESAMPLES,
    seed: int = RESAMPLING_SEED,
) -> npt.NDArray[np.float64]:
    """Sums over groups that are drawn with replacement (Field and Welsh 2007).

    Args:
        counts: float64 [groups, ...], what is counted in each group.
        main_class: int64 [groups]. Groups are drawn within a class, since the number of cells of each class was chosen
            by those who made the set.
        resamples: how often.
        seed: the same one draws the same groups, whatever is counted.

    Returns:
        float64 [resamples, ...].
    """
    random = np.random.default_rng(seed)
    drawn = np.zeros((resamples, *counts.shape[1:]))
    for label in np.unique(main_class):
        members = counts[main_class == label]
        shares = np.full(len(members), 1 / len(members))
        for start in range(0, resamples, _DRAWN_AT_ONCE):
            part = drawn[start : start + _DRAWN_AT_ONCE]
            part += np.tensordot(random.multinomial(len(members), shares, size=len(part)), members, axes=1)
    return drawn
