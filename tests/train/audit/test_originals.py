import pytest
from PIL import Image

from edge_runtime.errors import LeukoliteError
from train.audit.originals import find_originals, read_originals


@pytest.fixture
def folder(tmp_path):
    """Five photographs, three of them named in labels.csv."""
    root = tmp_path / "dataset-master" / "dataset-master"
    (root / "JPEGImages").mkdir(parents=True)
    for name in ("BloodImage_00000.jpg", "BloodImage_00001.jpg", "BloodImage_00010.jpg", "BloodImage_00012.jpg"):
        Image.new("RGB", (8, 6)).save(root / "JPEGImages" / name)
    (root / "JPEGImages" / "notes.txt").write_text("no picture")
    (root / "labels.csv").write_text(
        ',Image,Category\n,0,NEUTROPHIL\n,1,"NEUTROPHIL, EOSINOPHIL"\n,10,\n,99,BASOPHIL\n', encoding="utf-8"
    )
    return root


def test_labels_are_those_of_labels_csv(folder):
    found = {original.name: original.labels for original in read_originals(folder)}
    assert found == {
        "BloodImage_00000.jpg": ("NEUTROPHIL",),
        "BloodImage_00001.jpg": ("NEUTROPHIL", "EOSINOPHIL"),
        "BloodImage_00010.jpg": (),
        "BloodImage_00012.jpg": (),
    }


def test_labels_are_the_folders_names_where_there_is_no_labels_csv(tmp_path):
    for name in ("MONOCYTE/b.png", "LYMPHOCYTE/a.png", "c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 6)).save(tmp_path / name)
    found = [(original.name, original.labels) for original in read_originals(tmp_path)]
    assert found == [("LYMPHOCYTE/a.png", ("LYMPHOCYTE",)), ("MONOCYTE/b.png", ("MONOCYTE",)), ("c.png", ())]


def test_labels_csv_may_name_files_and_repeat_them(tmp_path):
    Image.new("RGB", (8, 6)).save(tmp_path / "Field A.png")
    (tmp_path / "labels.csv").write_text("Image,Category\nfield a.png,X\nField A.png,Y\n", encoding="utf-8")
    assert read_originals(tmp_path)[0].labels == ("X", "Y")


@pytest.mark.parametrize("below", ["", "dataset-master", "dataset2-master/dataset2-master/images"])
def test_kaggles_originals_are_found_from_every_root(folder, tmp_path, below):
    (tmp_path / below).mkdir(parents=True, exist_ok=True)
    found = find_originals(tmp_path / below)
    assert found is not None
    assert found.resolve() == folder.resolve()


def test_no_originals_are_found_elsewhere(tmp_path):
    assert find_originals(tmp_path) is None


@pytest.mark.parametrize("content", ["Picture,Label\n1,X\n", "\0", 'Image,Category\n"1'])
def test_a_labels_csv_that_is_none_is_refused(folder, content):
    (folder / "labels.csv").write_bytes(content.encode())
    with pytest.raises(LeukoliteError, match=r"expected a CSV with the columns Image, Category at .*labels\.csv"):
        read_originals(folder)


def test_a_folder_without_photographs_is_refused(tmp_path):
    with pytest.raises(LeukoliteError, match=r"expected photographs in .*, got no image; give the folder"):
        read_originals(tmp_path)
