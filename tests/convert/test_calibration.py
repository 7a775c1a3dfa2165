from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from convert.calibration import choose
from convert.config import Settings
from edge_runtime.dataset import digest, open_dataset
from edge_runtime.image import decode
from edge_runtime.view import CELL, View

VIEW = View.whole(height_px=24, width_px=32)


def test_pictures_are_those_of_the_names_as_the_model_sees_them(settings, smear_root):
    found = choose(VIEW, settings=settings)
    images = open_dataset(smear_root, split="TRAIN").images
    assert found.names == tuple(images[index].name for index in found.indices)
    expected = [decode(images[index].path, height_px=24, width_px=32) for index in found.indices]
    assert np.array_equal(found.pixels, expected)
    assert found.pixels.dtype == np.uint8
    assert (found.split, found.data_sha256) == ("TRAIN", digest(images))


def test_classes_are_balanced(settings):
    found = choose(VIEW, settings=replace(settings, calibration_per_class=3))
    assert set(Counter(name.split("/")[1] for name in found.names).values()) == {3}
    assert found.summary()["n"] == 12


def test_groups_take_turns(colors, picture, tmp_path):
    (colors / "TEST").rename(colors / "TRAIN")
    rows = ["path,source,group"]
    for number in range(20):  # copies of one cell; a.png and b.png, which nobody names, are cells of their own
        picture(f"colors/TRAIN/RED/copy{number}.png", color="RED")
        rows.append(f"TRAIN/RED/copy{number}.png,1,1")
    path = tmp_path / "groups.csv"
    path.write_text("\n".join(rows) + "\n")
    found = choose(VIEW, settings=Settings(data=str(colors), groups=str(path), calibration_per_class=3))
    red = sorted(name for name in found.names if name.startswith("TRAIN/RED"))
    assert red[:2] == ["TRAIN/RED/a.png", "TRAIN/RED/b.png"]
    assert len(red) == 3


def test_the_seed_decides(settings):
    chosen = [
        choose(VIEW, settings=replace(settings, calibration_per_class=3, calibration_seed=seed)) for seed in (1, 1, 2)
    ]
    assert chosen[0].indices == chosen[1].indices != chosen[2].indices


def test_what_cannot_be_read_is_named_and_left_out(colors, settings):
    (colors / "TEST").rename(colors / "TRAIN")
    (colors / "TRAIN" / "RED" / "a.png").write_bytes(b"no image")
    found = choose(VIEW, settings=Settings(data=str(colors)))
    assert found.skipped == ("TRAIN/RED/a.png",)
    assert "TRAIN/RED/a.png" not in found.names
    assert len(found.pixels) == len(found.indices) == 7
    kept = found.to_json()
    assert (kept["skipped"], kept["n"], len(kept["indices"])) == (["TRAIN/RED/a.png"], 7, 7)


def test_a_set_without_a_cell_is_refused(refused, colors):
    (colors / "TEST").rename(colors / "TRAIN")
    with refused("images of TRAIN to calibrate int8 on, got none of 8 that can be read and shows a cell"):
        choose(View(CELL, 12, 12, 24, 32), settings=Settings(data=str(colors)))


def test_a_set_without_train_is_refused(refused, colors):
    with refused("a split TRAIN"):
        choose(VIEW, settings=Settings(data=str(colors)))


def test_real_calibration_is_of_train_and_spread_over_its_cells(data_root):
    groups = Path(__file__).parents[2] / "train" / "facts" / "blood-cells-groups.csv"
    found = choose(VIEW, settings=Settings(data=str(data_root), groups=str(groups)))
    assert Counter(name.split("/")[1] for name in found.names) == dict.fromkeys(
        ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL"), 50
    )
    assert found.skipped == ()
