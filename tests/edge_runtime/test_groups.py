from collections import Counter

import pytest

from edge_runtime.dataset import LabelledImage, open_dataset
from edge_runtime.groups import Origin, read_groups, sample

HEADER = "path,source,group\n"


def labelled(*labels: str) -> list[LabelledImage]:
    return [LabelledImage(f"/d/{label}/{n}.png", f"{label}/{n}.png", label) for n, label in enumerate(labels)]


def origins_of(*numbers: int) -> list[Origin]:
    return [Origin(f"s{number}", f"g{number}") for number in numbers]


@pytest.fixture
def groups_file(tmp_path):
    """Writes a groups file of the lines given."""

    def write(*lines: str, header: str = HEADER) -> str:
        path = tmp_path / "groups.csv"
        path.write_text(header + "".join(f"{line}\n" for line in lines))
        return str(path)

    return write


def image(path: str, *, name: str | None = None) -> LabelledImage:
    """A labelled image whose data root ends before its last two folders."""
    name = name or "/".join(path.split("/")[-2:])
    return LabelledImage(path, name, name.split("/")[0])


@pytest.mark.parametrize(
    "row", ["images/TEST/A/1.jpg", "TEST/A/1.jpg", "A/1.jpg", "1.jpg", "/data/images/TEST/A/1.jpg"]
)
def test_row_is_found_by_the_end_of_the_path(groups_file, row):
    groups = read_groups(groups_file("images/TEST/A/2.jpg,other,other", f"{row},s1,g1"))
    assert groups.find(image("/data/images/TEST/A/1.jpg")) == Origin("s1", "g1")


def test_row_whose_beginning_differs_fits_if_it_covers_the_data_root(groups_file):
    groups = read_groups(groups_file("images/TEST/A/1.jpg,s1,g1"))
    assert groups.find(image("/elsewhere/mine/A/1.jpg", name="A/1.jpg")) == Origin("s1", "g1")
    assert groups.find(image("/elsewhere/TRAIN/A/1.jpg", name="TRAIN/A/1.jpg")) is None


def test_longest_fit_wins(groups_file):
    groups = read_groups(groups_file("images/TRAIN/A/1.jpg,train,train", "images/TEST/A/1.jpg,test,test"))
    assert groups.find(image("/d/images/TEST/A/1.jpg")) == Origin("test", "test")
    assert groups.find(image("/d/images/TRAIN/A/1.jpg")) == Origin("train", "train")


@pytest.mark.parametrize(
    "rows",
    [
        ("images/TRAIN/A/1.jpg,s1,g1", "images/TEST/A/1.jpg,s2,g2"),
        ("A/1.jpg,s1,g1", "A/1.jpg,s2,g2"),
        ("A/1.jpg,s1,g1", "A/1.jpg,s2,g2", "A/1.jpg,s3,g3"),
    ],
)
def test_rows_that_fit_equally_well_are_none(groups_file, rows):
    assert read_groups(groups_file(*rows)).find(image("/copied/A/1.jpg")) is None


@pytest.mark.parametrize("row", ["./A//1.jpg", "A/./1.jpg", "A/1.jpg/", "B/../A/1.jpg"])
def test_row_need_not_be_written_as_python_would(groups_file, row):
    assert read_groups(groups_file(f"{row},s1,g1")).find(image("/d/A/1.jpg")) == Origin("s1", "g1")


def test_images_of_one_origin_share_it(groups_file):
    groups = read_groups(groups_file("A/1.jpg,s1,g1", "A/2.jpg,s1,g1", "A/3.jpg,s1,g2"))
    first, second, third = groups.assign([image(f"/d/A/{number}.jpg") for number in (1, 2, 3)])
    assert first is second
    assert third == Origin("s1", "g2")


@pytest.mark.parametrize("path", ["/d/A/11.jpg", "/d/B/1.jpg", "/d/A/1.png"])
def test_other_names_are_none(groups_file, path):
    assert read_groups(groups_file("A/1.jpg,s1,g1")).find(image(path)) is None


def test_assign_gives_the_origins_in_order(groups_file):
    groups = read_groups(groups_file("A/1.jpg,s1,g1", "A/2.jpg,s2,g1", "B/1.jpg,s3,g2"))
    origins = groups.assign([image("/d/B/1.jpg"), image("/d/A/2.jpg")])
    assert origins == [Origin("s3", "g2"), Origin("s2", "g1")]


def test_missing_rows_are_refused_with_their_number(groups_file, refused):
    groups = read_groups(groups_file("A/1.jpg,s1,g1"))
    with refused("a row in the groups file for each of 3 images, got none for 2, the first A/2.jpg"):
        groups.assign([image("/d/A/1.jpg"), image("/d/A/2.jpg"), image("/d/A/3.jpg")])


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("note,path,source,group\n", "x,A/1.jpg,s1,g1"),
        ("group,source,path\n", "g1,s1,A/1.jpg"),
        ("\ufeffpath,source,group\n", "A/1.jpg,s1,g1"),  # as Excel writes it
    ],
)
def test_other_columns_another_order_and_a_byte_order_mark_are_fine(groups_file, header, line):
    groups = read_groups(groups_file(line, header=header))
    assert groups.find(image("/d/A/1.jpg")) == Origin("s1", "g1")


def test_images_of_unknown_source_count_as_one_source(groups_file):
    groups = read_groups(groups_file("A/1.jpg,,unknown-A"))
    assert groups.find(image("/d/A/1.jpg")) == Origin("unknown-A", "unknown-A")


@pytest.mark.parametrize(
    ("header", "line", "found"),
    [
        ("path,source\n", "A/1.jpg,s1", "the columns path, source"),
        ("", "", "the columns none"),
        ("file;source;group\n", "A/1.jpg;s1;g1", "the columns file;source;group"),
        (HEADER, "A/1.jpg", "line 2 without one of them"),
        (HEADER, "A/1.jpg,s1,", "line 2 without one of them"),
        (HEADER, ",s1,g1", "line 2 without one of them"),
    ],
)
def test_bad_table_is_refused(groups_file, header, line, found, refused):
    path = groups_file(*([line] if line else []), header=header)
    with refused(f"expected a CSV with the columns path, source, group .*{found}"):
        read_groups(path)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"path,source,group\nA/1.jpg,\xff,g\n"])
def test_what_is_no_text_is_refused(tmp_path, content, refused):
    (tmp_path / "groups.csv").write_bytes(content)
    with refused("expected a CSV with the columns"):
        read_groups(tmp_path / "groups.csv")


def test_missing_file_and_folder_are_refused(tmp_path, refused):
    with refused("No such file"):
        read_groups(tmp_path / "none.csv")
    with refused("Is a directory"):
        read_groups(tmp_path)


def test_sample_is_balanced_by_class_and_takes_all_of_a_small_one():
    images = labelled(*["A"] * 30, *["B"] * 3, *["C"] * 10)
    chosen = sample(images, origins_of(*range(43)), per_class=5, seed=0)
    assert Counter(images[i].label for i in chosen) == {"A": 5, "B": 3, "C": 5}
    assert chosen == sorted(set(chosen))


@pytest.mark.parametrize(
    ("per_class", "shares"), [(3, [1, 1, 1]), (5, [1, 2, 2]), (6, [2, 2, 2]), (8, [2, 2, 4]), (99, [2, 2, 26])]
)
def test_sample_spreads_over_groups(per_class, shares):
    origins = origins_of(0, 0, 1, 1, *[2] * 26)
    chosen = sample(labelled(*["A"] * 30), origins, per_class=per_class, seed=0)
    assert sorted(Counter(origins[i].group for i in chosen).values()) == shares


def test_sample_depends_on_the_seed_alone():
    arguments = labelled(*["A"] * 50), origins_of(*[n % 5 for n in range(50)])
    first, again, other = (sample(*arguments, per_class=10, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_real_groups_cover_the_real_test_split(data_root):
    if not (data_root / "groups.csv").exists():
        pytest.skip("needs groups.csv, the recovered sources, in the data set's folder")
    images = open_dataset(data_root, split="TEST").images
    origins = read_groups(data_root / "groups.csv").assign(images)
    pairs = {(image.label, origin.source) for image, origin in zip(images, origins, strict=True)}
    # What the data set's maker kept for TEST, recovered by matching local features.
    assert Counter(label for label, _ in pairs) == {"EOSINOPHIL": 13, "LYMPHOCYTE": 6, "MONOCYTE": 4, "NEUTROPHIL": 48}
