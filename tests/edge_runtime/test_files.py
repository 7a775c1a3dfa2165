import hashlib
import os
import re
import stat
import threading

import pytest

from edge_runtime.files import check_file, check_folder, read_json, sha256, write_atomic, write_json
from tests.nobody import as_nobody


def test_writes_chunks_and_makes_the_folder(tmp_path):
    write_atomic(tmp_path / "new" / "folder" / "out.bin", [b"one ", b"two"])
    assert (tmp_path / "new" / "folder" / "out.bin").read_bytes() == b"one two"


def test_replaces_an_old_file_and_leaves_nothing_beside_it(tmp_path):
    (tmp_path / "out.bin").write_bytes(b"old and longer")
    write_atomic(tmp_path / "out.bin", [b"new"])
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out.bin", b"new")]


@pytest.mark.parametrize("error", [RuntimeError("cut off"), KeyboardInterrupt("cut off"), OSError("cut off")])
def test_failure_half_way_leaves_the_old_file(tmp_path, error):
    def chunks():
        yield b"half"
        raise error

    (tmp_path / "out.bin").write_bytes(b"old")
    with pytest.raises(BaseException, match="cut off"):
        write_atomic(tmp_path / "out.bin", chunks())
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out.bin", b"old")]


def test_file_is_readable_as_the_umask_says(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomic(tmp_path / "out.bin", [b""])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.bin").stat().st_mode) == 0o640


# A path below a regular file cannot be written even by root, as whom the tests may run.
@pytest.mark.parametrize("name", ["file/out.bin", "folder", "n" * 300])
def test_what_cannot_be_written_is_refused_and_nothing_is_left(tmp_path, name, refused):
    (tmp_path / "file").write_bytes(b"kept")
    (tmp_path / "folder").mkdir()
    with refused("expected to be able to write"):
        write_atomic(tmp_path / name, [b"data"])
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]
    assert (tmp_path / "file").read_bytes() == b"kept"


def test_a_folder_is_refused_before_anything_is_made_for_it(tmp_path, refused):
    def chunks():
        raise AssertionError
        yield b""

    with refused("got a folder there; name a file"):
        write_atomic(tmp_path, chunks())


def test_a_stick_without_owners_can_be_written_to(tmp_path, monkeypatch):
    """FAT, mounted for everybody: who may write there need not own what he writes."""

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "chmod", refuse)
    write_atomic(tmp_path / "out.bin", [b"new"])
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out.bin", b"new")]


def test_a_folder_that_may_not_be_written_to_keeps_the_old_file(tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "out.bin").write_bytes(b"old")
    folder.chmod(0o555)
    assert as_nobody(lambda: write_atomic(folder / "out.bin", [b"new"])).startswith("expected to be able to write")
    assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == [("out.bin", b"old")]


def test_link_stays_a_link(tmp_path):
    (tmp_path / "real.bin").write_bytes(b"old")
    (tmp_path / "link.bin").symlink_to("real.bin")
    write_atomic(tmp_path / "link.bin", [b"new"])
    assert (tmp_path / "link.bin").is_symlink()
    assert (tmp_path / "real.bin").read_bytes() == b"new"


@pytest.mark.timeout(20)
def test_pipe_is_written_to_and_not_replaced(tmp_path):
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_atomic(pipe, [b"through ", b"it"])
    reader.join()
    assert got == [b"through it"]
    assert pipe.is_fifo()


def test_null_device_is_not_replaced():
    write_atomic(os.devnull, [b"gone"])
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None]}, {"name": "Zelle ß"}, {"name": "not-utf8-\udcff"}, {}])
def test_json_round_trip(tmp_path, value):
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json", what="a thing") == value


def test_nan_is_refused_because_json_has_none(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": 1', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_refused(tmp_path, content, refused):
    (tmp_path / "x.json").write_bytes(content)
    with refused(f"expected a thing \\(JSON\\) at {tmp_path}/x.json"):
        read_json(tmp_path / "x.json", what="a thing")


@pytest.mark.parametrize(("content", "kind"), [(b"[]", "list"), (b"5", "int"), (b"null", "NoneType"), (b'"a"', "str")])
def test_json_that_is_no_object_is_refused(tmp_path, content, kind, refused):
    (tmp_path / "x.json").write_bytes(content)
    with refused(f"got a JSON {kind}"):
        read_json(tmp_path / "x.json", what="a thing")


def test_missing_json_and_folder_are_refused(tmp_path, refused):
    with refused("No such file"):
        read_json(tmp_path / "none.json", what="a thing")
    with refused("Is a directory"):
        read_json(tmp_path, what="a thing")


def test_sha256_is_the_usual_one():
    assert sha256(b"abc") == hashlib.sha256(b"abc").hexdigest()
    assert sha256(b"").startswith("e3b0c44298fc1c14")


@pytest.mark.parametrize("name", ["new.json", "new/folder/new.json", "file", "astray"])
def test_what_can_be_written_is_let_pass_and_not_made(tmp_path, name):
    (tmp_path / "file").write_text("old")
    (tmp_path / "astray").symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.iterdir())
    check_file(tmp_path / name)
    check_file(os.devnull)
    assert (sorted(tmp_path.iterdir()), (tmp_path / "file").read_text()) == (before, "old")


@pytest.mark.parametrize(
    ("name", "found"), [("", "a folder there"), ("file/a.json", "file, which is no folder"), ("link", "a folder there")]
)
def test_what_can_be_no_file_is_refused(tmp_path, refused, name, found):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    with refused(f"to be able to write .*{name}, got .*{found}"):
        check_file(tmp_path / name)


def test_a_file_in_a_folder_that_may_not_be_written_is_refused(tmp_path):
    tmp_path.chmod(0o555)
    try:
        found = as_nobody(lambda: check_file(tmp_path / "new" / "a.json"))
    finally:
        tmp_path.chmod(0o755)
    assert re.search("no permission to (write in|look into) ", found)


@pytest.mark.parametrize("name", ["", "new", "new/folder"])
def test_a_folder_that_can_be_made_is_one_that_can_be_written(tmp_path, name):
    check_folder(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["file", "file/folder", "astray"])
def test_what_can_be_no_folder_is_refused(tmp_path, refused, name):
    (tmp_path / "file").touch()
    (tmp_path / "astray").symlink_to(tmp_path / "nowhere")
    with refused(f"a folder that can be written at .*{name}"):
        check_folder(tmp_path / name)


@pytest.mark.parametrize("name", ["", "new/folder"])
def test_a_folder_that_may_not_be_written_is_refused(tmp_path, name):
    tmp_path.chmod(0o555)
    try:
        found = as_nobody(lambda: check_folder(tmp_path / name))
    finally:
        tmp_path.chmod(0o755)
    assert "a folder that can be written at" in found
