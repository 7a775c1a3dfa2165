import os
import pickle
import sys
from pathlib import Path

import pytest

from edge_runtime.bulk import store
from edge_runtime.bulk.store import Store
from edge_runtime.inputs import list_images
from tests import cluster

cluster.require("pyarrow")
cluster.require("fsspec")

# `-` and `.` sort before `/`: the order of whole names is not that of folder after folder.
NAMES = ["a-b/x.png", "a/x.png", "a/z/y.JPG", "a.png", "a0.tiff", "b/c/d/e.webp", "b.jpeg"]
OTHERS = [".hidden/x.png", "a/.x.png", "a/notes.txt", "x.png.part", ".x.png"]


def plant(folder: Path, names: list[str]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture
def remote(monkeypatch):
    """A store that is no local folder: in memory, behind pyarrow's interface, with NAMES and OTHERS in it."""
    import fsspec
    from pyarrow import fs

    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]
    for name in NAMES + OTHERS:
        memory.pipe(f"/bucket/images/{name}", name.encode())
    files = fs.PyFileSystem(fs.FSSpecHandler(memory))
    monkeypatch.setattr(store, "_open", lambda address, what: (files, address.partition("://")[2]))
    return Store("memory://bucket/images")


def test_images_are_those_of_a_folder_in_their_order(tmp_path):
    plant(tmp_path, NAMES + OTHERS)
    found = list(Store(str(tmp_path)).images())
    assert sorted(found) == sorted(NAMES)
    assert [f"{tmp_path}/{name}" for name in found] == list_images(tmp_path)


def test_images_of_an_object_store_are_the_same(remote):
    assert list(remote.images()) == sorted(NAMES)


def test_linked_folders_are_left_out_and_linked_images_are_not(tmp_path):
    plant(tmp_path / "images", ["a.png"])
    plant(tmp_path / "other", ["b.png"])
    (tmp_path / "images" / "loop").symlink_to(tmp_path / "images")
    (tmp_path / "images" / "c.png").symlink_to(tmp_path / "other" / "b.png")
    (tmp_path / "link").symlink_to(tmp_path / "images")
    assert list(Store(str(tmp_path / "link")).images()) == ["a.png", "c.png"]


def test_a_folder_that_cannot_be_listed_is_not_passed_over(tmp_path, monkeypatch, refused):
    plant(tmp_path, ["a.png", "shut/b.png"])
    scandir = os.scandir

    def shut(folder):
        if str(folder).rstrip("/").endswith("shut"):
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", shut)
    with refused("Permission denied"):
        list(Store(str(tmp_path)).images())


@pytest.mark.parametrize("spelled", ["{}", "file://{}", "file://{}/", "{}/"])
def test_a_local_folder_is_one_however_it_is_spelled(tmp_path, spelled):
    plant(tmp_path, ["a.png"])
    found = Store(spelled.format(tmp_path))
    assert (found.is_local, found.name, list(found.images())) == (True, str(tmp_path), ["a.png"])
    found.check()


def test_a_relative_folder_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Store("images").address == str(tmp_path / "images")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("s3://key:secret@bucket/a/b?region=x&scheme=http", "s3://bucket/a/b"),
        ("s3://bucket", "s3://bucket"),
        ("gs://anonymous@bucket/a/", "gs://bucket/a"),
    ],
)
def test_secrets_are_not_shown(address, shown, monkeypatch):
    monkeypatch.setattr(store, "_open", lambda address, what: (FakeFiles("s3"), "bucket"))
    assert Store(address).name == shown
    assert Store(address).address == address


class FakeFiles:
    def __init__(self, type_name):
        self.type_name = type_name


@pytest.mark.parametrize("address", ["ftp://host/x", "nothing://x", "s3://"])
def test_an_address_that_cannot_be_opened_is_refused(address, refused):
    with refused("a folder"):
        Store(address)


@pytest.mark.parametrize("name", ["none", "file"])
def test_check_refuses_what_is_no_folder(tmp_path, name, refused):
    (tmp_path / "file").touch()
    with refused(f"a folder with images at {tmp_path}/{name}"):
        Store(str(tmp_path / name), what="a folder with images").check()


def test_the_extra_is_named_where_it_is_missing(tmp_path, monkeypatch, refused):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with refused("install the extra `cluster`"):
        Store(str(tmp_path))


def test_pickles_as_its_address(tmp_path):
    plant(tmp_path, ["a.png"])
    again = pickle.loads(pickle.dumps(Store(str(tmp_path), what="pictures")))
    assert (again.what, list(again.images())) == ("pictures", ["a.png"])


@pytest.mark.parametrize("whole_put", [False, True])
def test_writes_reads_and_deletes(remote, monkeypatch, whole_put):
    if whole_put:
        monkeypatch.setattr(store, "WHOLE_PUT", {remote._files.type_name})
    before = remote.names()
    assert not remote.has("new/file")
    remote.write("new/file", b"one")
    remote.write("new/file", b"two")
    assert remote.read("new/file") == b"two"
    assert remote.has("new/file")
    assert Store("memory://bucket/images/new").names() == ["file"]
    remote.delete("new/file")
    remote.delete("new/file")
    assert not remote.has("new/file")
    assert set(remote.names()) - {"new"} == set(before)


def test_a_write_that_fails_leaves_the_old_file(remote, monkeypatch, refused):
    remote.write("file", b"old")
    monkeypatch.setattr(remote, "_files", Broken(remote._files))
    with refused("to be able to write file to memory://bucket/images"):
        remote.write("file", b"new and longer")
    assert remote.read("file") == b"old"


class Broken:
    """Files whose new ones break off."""

    def __init__(self, files):
        self.files = files

    def __getattr__(self, name):
        return getattr(self.files, name)

    def open_output_stream(self, path):
        with self.files.open_output_stream(path) as stream:
            stream.write(b"ne")
        raise OSError(28, "No space left on device")


def test_local_write_is_in_place_too(tmp_path):
    found = Store(str(tmp_path / "new"))
    assert found.names() == []
    found.write("file", b"content")
    assert (found.names(), found.read("file")) == (["file"], b"content")


def test_a_file_that_is_too_large_is_not_read(remote, monkeypatch, refused):
    monkeypatch.setattr(store, "MAX_BYTES", 4)
    with refused("at most 4 bytes, got 5;"):
        remote.read("a.png")


def test_a_missing_object_is_told_from_a_broken_store(remote):
    with pytest.raises(FileNotFoundError):
        remote.read("none.png")
