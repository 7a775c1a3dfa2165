import json
import math

import numpy as np
import pytest

from edge_runtime.errors import LeukoliteError
from train.tally import RECENT_IMAGES, Tally, shorten

LABELS = ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL")


def batches(count, *, classes=4, size=8, seed=0):
    """So many random batches: loss, classes, hits in thirds as three towers give them."""
    random = np.random.default_rng(seed)
    return [
        (float(random.random()), random.integers(0, classes, size), (random.integers(0, 4, size) / 3).astype("f4"))
        for _ in range(count)
    ]


def filled(given, labels=LABELS):
    """A tally of these batches."""
    tally = Tally(labels)
    for batch in given:
        tally.add(*batch)
    return tally


def test_figures_are_means_over_all_images():
    tally = filled([(1.0, np.array([0, 0, 1]), np.array([1, 0.5, 0], "f4")), (2.0, np.array([1]), np.array([1], "f4"))])
    assert tally.count == 4
    assert tally.loss == pytest.approx((3 * 1.0 + 2.0) / 4)
    assert tally.accuracy == pytest.approx(2.5 / 4)
    assert tally.tpr == {"EOSINOPHIL": 0.75, "LYMPHOCYTE": 0.5, "MONOCYTE": None, "NEUTROPHIL": None}


def test_how_images_are_batched_changes_no_figure():
    one = filled(batches(12))
    loss = [loss for loss, classes, _ in batches(12) for _ in classes]
    classes, hits = (np.concatenate(parts) for parts in list(zip(*batches(12), strict=True))[1:])
    other = filled([(loss[n], classes[n : n + 1], hits[n : n + 1]) for n in range(len(loss))])
    assert other.loss == pytest.approx(one.loss)
    assert other.accuracy == pytest.approx(one.accuracy) == pytest.approx(float(hits.mean()))
    assert other.tpr == pytest.approx(one.tpr)


def test_before_the_first_image_nothing_is_known():
    tally = Tally(LABELS)
    assert (tally.count, tally.note()) == (0, "")
    assert math.isnan(tally.loss)
    assert math.isnan(tally.accuracy)
    assert set(tally.tpr.values()) == {None}


def test_note_shows_loss_and_rates():
    tally = filled([(0.41234, np.array([0, 0, 1, 3]), np.array([1, 0.5, 0, 1], "f4"))])
    assert tally.note() == "loss 0.412 · TPR EOSIN 0.75 LYMPH 0.00 NEUTR 1.00"


@pytest.mark.parametrize(("images", "share"), [(RECENT_IMAGES, math.exp(-1)), (10 * RECENT_IMAGES, 0)])
@pytest.mark.parametrize("size", [1, 50])
def test_note_forgets_what_was_long_ago(images, share, size):
    """After 500 right images 1/e of the weight is still on the wrong ones before them, after 5000 nothing."""
    wrong, right = (np.full(size, hit, "f4") for hit in (0, 1))
    zeros = np.zeros(size, np.int64)
    before = [(1.0, zeros, wrong)] * (20 * RECENT_IMAGES // size)
    tally = filled([*before, *[(0.0, zeros, right)] * (images // size)], labels=("A", "B"))
    assert tally.note() == f"loss {share:.3f} · TPR A {1 - share:.2f}"
    assert tally.accuracy < 0.4


@pytest.mark.parametrize("classes", [1, 5, 6, 40])
def test_note_fits_a_terminal_for_any_number_of_classes(classes):
    labels = [f"K{number:02d} OF CELLS" for number in range(classes)]
    size = 2 * classes
    hits = np.repeat(np.linspace(1, 0, classes), 2).astype("f4")
    note = filled([(0.5, np.repeat(np.arange(classes), 2), hits)], labels).note()
    assert len(note) < 80
    assert f"K{classes - 1:02d} O {hits[size - 1]:.2f}" in note
    assert ("lowest" in note) == ("K00 O 1.00" not in note) == (classes > 5)
    assert note.endswith(f"(+{classes - 4})") == (classes > 5)


@pytest.mark.parametrize(
    ("labels", "short"),
    [
        (LABELS, ["EOSIN", "LYMPH", "MONOC", "NEUTR"]),
        (("A", "B"), ["A", "B"]),
        (("MONO", "MONOBLAST"), ["MONO", "MONOB"]),
        (("GRANULOCYTE_A", "GRANULOCYTE_B"), ["GRANULOCYTE_A", "GRANULOCYTE_B"]),
        (("ERYTHROBLAST", "ERYTHROCYTE"), ["ERYTHROB", "ERYTHROC"]),
        (("a\nb",), ["a\\nb"]),
        ((), []),
    ],
)
def test_short_names_tell_classes_apart(labels, short):
    assert shorten(labels) == dict(zip(labels, short, strict=True))


def test_a_tally_from_json_goes_on_bit_for_bit():
    given = batches(40)
    whole, half = filled(given), filled(given[:17])
    half = Tally.from_json(LABELS, json.loads(json.dumps(half.to_json())))
    for batch in given[17:]:
        half.add(*batch)
    assert half.to_json() == whole.to_json()
    assert (half.loss, half.accuracy, half.tpr, half.note()) == (whole.loss, whole.accuracy, whole.tpr, whole.note())


def test_another_state_gives_another_tally():
    assert filled(batches(3)).to_json() != filled(batches(3, seed=1)).to_json()


@pytest.mark.parametrize(
    "state",
    [{}, filled(batches(1)).to_json() | {"recent": [1.0]}, Tally(["A"]).to_json(), {"whole": "x", "recent": None}],
    ids=["empty", "part", "other classes", "text"],
)
def test_another_state_than_its_own_is_refused(state):
    with pytest.raises(LeukoliteError, match="expected the running figures of an epoch in the checkpoint"):
        Tally.from_json(LABELS, state)
