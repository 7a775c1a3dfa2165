import csv
import json
from collections import defaultdict

import pytest

from edge_runtime.dataset import open_all
from edge_runtime.groups import read_groups
from train.__main__ import main
from train.audit import command
from train.audit.originals import find_originals, read_originals
from train.cells import KNOWN_GROUPS


def test_an_audit_leaves_its_files_and_prints_what_it_found(smear_set, tmp_path, capsys):
    assert main(["audit", "--data", str(smear_set), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert "24 of 24 images (100.00%) assigned by comparing them with 9 originals" in printed.out
    assert printed.err == ""
    found = json.loads((tmp_path / "out/audit.json").read_text())
    assert found["originals"]["without_images"] == ["BloodImage_00008.jpg"]
    assert found["provenance"]["packages"]["opencv-python-headless"]
    assert len(list(csv.DictReader((tmp_path / "out/groups.csv").open(encoding="utf-8")))) == 24
    assert (tmp_path / "out/audit.html").read_bytes().endswith(b"</html>\n")


def test_a_folder_of_images_and_one_of_originals_will_do(smear_set, write_copy, tmp_path, capsys):
    write_copy("flat/a.png", 3)
    write_copy("flat/b.png", 5)
    (tmp_path / "flat/c.png").write_bytes(b"no picture")
    photos = find_originals(smear_set) / "JPEGImages"
    arguments = ["audit", "--data", str(tmp_path / "flat"), "--originals", str(photos), "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    rows = list(csv.DictReader((tmp_path / "out/groups.csv").open(encoding="utf-8")))
    assert [(row["path"], row["source"]) for row in rows] == [
        ("a.png", "BloodImage_00003.jpg"),
        ("b.png", "BloodImage_00005.jpg"),
        ("c.png", ""),
    ]
    assert capsys.readouterr().err.startswith("train: c.png: expected a readable JPEG")


@pytest.mark.parametrize("named", ["--data", "--originals"])
def test_a_folder_without_images_is_refused_in_one_line(smear_set, tmp_path, capsys, named):
    (tmp_path / "empty").mkdir()
    options = {"--data": str(smear_set), "--out": str(tmp_path / "out"), named: str(tmp_path / "empty")}
    assert main(["audit", *(part for option in options.items() for part in option)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("train: error: expected ")
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_place_of_the_output_is_refused_before_the_work(smear_set, tmp_path, capsys, monkeypatch):
    (tmp_path / "out").write_text("mine")
    monkeypatch.setattr(command, "survey", None)  # calling it would be another error
    assert main(["audit", "--data", str(smear_set), "--out", str(tmp_path / "out")]) == 2
    assert "expected a folder that can be written at" in capsys.readouterr().err


def test_real_images_are_assigned_as_the_committed_facts_have_it(data_root, tmp_path):
    """Of every tenth source of the public set one image, against all originals and their near twins."""
    truth = read_groups(KNOWN_GROUPS)
    by_source = defaultdict(list)
    for dataset in open_all(data_root):
        for image in dataset.images:
            by_source[truth.find(image).source].append(image)
    for source in sorted(by_source)[::10]:
        image = by_source[source][0]
        link = tmp_path / "data" / image.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(image.path)
    photos = tmp_path / "photos"
    photos.mkdir()
    groups = {truth.find(own[0]).source: truth.find(own[0]).group for own in by_source.values()}
    wanted = {groups[source] for source in sorted(by_source)[::10]}
    for original in read_originals(find_originals(data_root)):
        if groups.get(original.name) in wanted:
            (photos / original.name).symlink_to(original.path)
    arguments = ["audit", "--data", str(tmp_path / "data"), "--originals", str(photos), "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    found = {row["path"]: row["source"] for row in csv.DictReader((tmp_path / "out/groups.csv").open(encoding="utf-8"))}
    assert len(found) == 35
    assert found == {image.name: source for source in sorted(by_source)[::10] for image in by_source[source][:1]}
