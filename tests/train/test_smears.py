"""Generated smears: the layout and the traps of the real set, the same bytes for a seed, and refusals."""

import csv
import subprocess
import sys
import tracemalloc
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_runtime.dataset import open_dataset
from edge_runtime.errors import LeukoliteError
from edge_runtime.groups import read_groups
from edge_runtime.image import decode
from train.smears import CLASSES, SPLITS, SmearSettings, augment, generate, render_field

SMALL = SmearSettings(images_per_class=8, sources=(4, 3, 2, 6), image_width_px=64, image_height_px=48)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def smears(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("smears") / "new" / "folder", settings=SMALL)


def test_same_seed_same_bytes(smears: Path, tmp_path: Path) -> None:
    assert contents(generate(tmp_path / "again", settings=SMALL)) == contents(smears)


def test_another_seed_gives_other_pictures(smears: Path, tmp_path: Path) -> None:
    other = SmearSettings(**{**vars(SMALL), "seed": 1})
    images = {content for name, content in contents(smears).items() if name.endswith(".jpeg")}
    others = {content for name, content in contents(generate(tmp_path, settings=other)).items() if "jpeg" in name}
    assert len(images) == SMALL.images  # none twice, either
    assert not images & others


def test_a_source_does_not_depend_on_how_many_others_there_are(smears: Path, tmp_path: Path) -> None:
    more = SmearSettings(**{**vars(SMALL), "sources": (8, 3, 2, 6)})
    generate(tmp_path, settings=more)

    def first_image(folder: Path) -> bytes:
        with (folder / "groups.csv").open(newline="") as stream:
            path = next(row["path"] for row in csv.DictReader(stream) if row["source"] == "TRAIN_EOSINOPHIL_0003")
        return (folder / path).read_bytes()

    assert first_image(tmp_path) == first_image(smears)


@pytest.mark.parametrize("split", SPLITS)
def test_opens_as_a_data_set_with_the_counts_asked_for(smears: Path, split: str) -> None:
    data = open_dataset(smears, split=split)
    assert data.labels == CLASSES
    assert data.counts() == dict.fromkeys(CLASSES, {"TRAIN": 8, "TEST": 2}[split])
    assert data.ignored == ()
    origins = read_groups(smears / "groups.csv").assign(data.images)
    sources = defaultdict(set)
    for image, origin in zip(data.images, origins, strict=True):
        sources[image.label].add(origin.source)
    expected = {"TRAIN": (4, 3, 2, 6), "TEST": (1, 1, 1, 2)}[split]
    assert tuple(len(sources[label]) for label in CLASSES) == expected


def test_no_source_or_group_is_in_two_splits_or_classes(smears: Path) -> None:
    with (smears / "groups.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["path"] for row in rows} == {name for name in contents(smears) if name.endswith(".jpeg")}
    for column in ("source", "group"):
        homes = defaultdict(set)
        for row in rows:
            homes[row[column]].add(Path(row["path"]).parent)
        assert all(len(places) == 1 for places in homes.values())


def test_images_are_shared_out_evenly_among_sources(smears: Path) -> None:
    with (smears / "groups.csv").open(newline="") as stream:
        counts = Counter(row["source"] for row in csv.DictReader(stream) if "TRAIN/NEUTROPHIL" in row["path"])
    assert sorted(counts.values()) == [1, 1, 1, 1, 2, 2]


def test_file_numbers_are_unique_and_not_in_the_order_of_sources(smears: Path) -> None:
    with (smears / "groups.csv").open(newline="") as stream:
        paths = [Path(row["path"]) for row in csv.DictReader(stream) if "TRAIN/MONOCYTE" in row["path"]]
    numbers = [int(path.stem.split("_")[1]) for path in paths]
    assert sorted(numbers) == list(range(8))
    assert numbers != sorted(numbers)


def test_images_have_the_size_asked_for_and_are_whole(smears: Path) -> None:
    for image in open_dataset(smears, split="TRAIN").images:
        with Image.open(image.path) as picture:
            assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (64, 48))
        assert decode(image.path, height_px=48, width_px=64).shape == (48, 64, 3)


@pytest.mark.parametrize(("width", "height"), [(16, 16), (200, 16), (16, 200), (640, 480)])
@pytest.mark.parametrize("label", CLASSES)
def test_fields_of_any_shape(label: str, width: int, height: int) -> None:
    field = render_field(label, height_px=height, width_px=width, rng=np.random.default_rng(0))
    assert field.size == (width, height)
    assert augment(field, rng=np.random.default_rng(0)).size == (width, height)
    enlarged = field.resize((2 * width, 2 * height))
    assert augment(enlarged, enlarged=2, rng=np.random.default_rng(0)).size == (width, height)


def test_white_cells_are_stained_and_red_cells_are_not() -> None:
    # Blue well above green marks the stain in the real set too; the light and the red cells have none of it.
    for label in CLASSES:
        for seed in range(10):
            field = render_field(label, height_px=120, width_px=160, rng=np.random.default_rng(seed))
            red, green, blue = np.moveaxis(np.asarray(field, np.float32), -1, 0)
            stained = 0.5 * (blue - red) + (blue - green) > 50
            # A lymphocyte's radius is at least 0.09 of the height (1.9 % of the field); two large monocytes
            # cover 25 %.
            assert 0.005 < stained.mean() < 0.3, (label, seed)


def test_augmentation_fills_with_black_and_differs_each_time() -> None:
    white = Image.new("RGB", (160, 120), (255, 255, 255))
    rng = np.random.default_rng(0)
    shares = [float((np.asarray(augment(white, rng=rng)) == 0).mean()) for _ in range(50)]
    # Shifts of at most 10 % and turns of at most 20 degrees hide a part, never half of the field.
    assert len(set(shares)) > 40
    assert 0.05 < float(np.mean(shares)) < 0.3
    assert max(shares) < 0.5


def test_says_that_no_figure_measured_on_it_is_an_accuracy(smears: Path) -> None:
    text = (smears / "README.txt").read_text()
    assert "NO CELLS" in text
    assert "never quote" in text


def test_progress_is_told_once_an_image(tmp_path: Path) -> None:
    calls: list[int] = []
    generate(tmp_path, settings=SMALL, advance=lambda: calls.append(1))
    assert len(calls) == SMALL.images == 4 * (8 + 2)


def test_an_interrupted_run_has_no_groups_file(tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path, settings=SMALL, advance=interrupt)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.txt", "images"]


def test_a_folder_that_fills_up_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(LeukoliteError, match=r"expected to be able to write .*\.jpeg, got .*No space left"):
        generate(tmp_path, settings=SMALL)
    assert not (tmp_path / "groups.csv").exists()


def test_refuses_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(LeukoliteError, match=r"expected an empty folder at .*, got one that holds mine\.txt; "):
        generate(tmp_path, settings=SMALL)
    assert contents(tmp_path) == {"mine.txt": b"mine"}


def test_refuses_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LeukoliteError, match="expected to be able to write"):
        generate(tmp_path / "file", settings=SMALL)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("images_per_class", 0),
        ("sources", (1, 2, 3)),
        ("sources", (3, 3, 0, 3)),
        ("test_fraction", 0.0),
        ("test_fraction", 1.0),
        ("test_fraction", float("nan")),
        ("image_width_px", 15),
        ("image_height_px", 100_000),
        ("seed", -1),
        ("quality", 0),
        ("quality", 101),
    ],
)
def test_refuses_settings_out_of_range(name: str, value: Any) -> None:
    with pytest.raises(LeukoliteError, match=r"^expected .+, got .+; .+"):
        SmearSettings(**{name: value})


def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    def peak(images: int) -> int:
        settings = SmearSettings(images_per_class=images, sources=(1, 1, 1, 1), image_width_px=16, image_height_px=16)
        tracemalloc.start()
        try:
            generate(tmp_path / str(images), settings=settings)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(5)  # what is imported and cached on first use
    # 900 more images: a list of their names alone would take over 100 kB.
    assert peak(200) - peak(20) < 50_000


def test_needs_no_tensorflow() -> None:
    code = "import sys, train.smears; sys.exit('tensorflow' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
