import json
import os
import shutil
import subprocess
import warnings

import pytest

from edge_runtime.classifier import SHIPPED_MODEL
from edge_runtime.errors import LeukoliteWarning
from edge_runtime.files import sha256
from edge_runtime.integrity import SUMS_NAME, list_sum, read_sums, unlist_sum, vouch
from tests.edge_runtime.conftest import one_line
from tests.tiny_model import bundle_bytes

RIGHT, WRONG = sha256(b"model"), sha256(b"other")


@pytest.fixture
def model(tmp_path):
    """A file in a folder, without sums; what it holds does not matter here."""
    path = tmp_path / "a model.tflite"
    path.write_bytes(b"model")
    return path


def list_beside(path, *lines):
    (path.parent / SUMS_NAME).write_text("".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize(
    "line",
    [
        f"{RIGHT}  a model.tflite",
        f"{RIGHT} *a model.tflite",
        f"{RIGHT.upper()}  a model.tflite",
        f"{RIGHT}  ./a model.tflite",
        f"SHA256 (a model.tflite) = {RIGHT}",
        f"{RIGHT}  a model.tflite\r",
    ],
)
def test_a_listed_model_is_vouched_for(model, line):
    list_beside(model, "# of the release", "", f"{WRONG}  another.tflite", line)
    assert vouch(model, RIGHT)


@pytest.mark.parametrize("options", [[], ["--tag"], ["--binary"]])
@pytest.mark.parametrize(
    "name", ["m.tflite", "two words.tflite", "two\nlines\\n.tflite", os.fsdecode(b"caf\xe9.tflite")]
)
def test_what_sha256sum_writes_is_read(tmp_path, options, name):
    (tmp_path / name).write_bytes(b"model")
    written = subprocess.run(["sha256sum", *options, name], cwd=tmp_path, capture_output=True, check=True).stdout
    (tmp_path / SUMS_NAME).write_bytes(written)
    assert read_sums(tmp_path / SUMS_NAME) == {name: RIGHT}
    assert vouch(tmp_path / name, RIGHT)


def test_another_digest_than_listed_is_refused(model, refused):
    list_beside(model, f"{WRONG}  {model.name}")
    with refused(f"{model} with the SHA-256 {WRONG} that {model.parent}/SHA256SUMS lists, got {RIGHT}"):
        vouch(model, RIGHT)


def test_without_sums_nothing_vouches_and_nothing_is_said(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not vouch(model, RIGHT)


def test_sums_that_do_not_list_the_model_are_warned_of(model):
    list_beside(model, f"{RIGHT}  another.tflite")
    with pytest.warns(LeukoliteWarning, match=f"SHA256SUMS does not list {model}"):
        assert not vouch(model, RIGHT)


@pytest.mark.parametrize("name", [SHIPPED_MODEL.name, "renamed.tflite"])
def test_a_copy_of_a_shipped_model_is_vouched_for_by_the_package(tmp_path, name):
    shutil.copy(SHIPPED_MODEL, tmp_path / name)
    assert vouch(tmp_path / name, sha256(SHIPPED_MODEL.read_bytes()))


def test_sums_beside_the_file_that_a_link_leads_to_count(model, tmp_path, refused):
    list_beside(model, f"{RIGHT}  {model.name}")
    link = tmp_path / "elsewhere" / "latest.tflite"
    link.parent.mkdir()
    link.symlink_to(model)
    assert vouch(link, RIGHT)
    with refused("lists"):
        vouch(link, WRONG)
    list_beside(link, f"{WRONG}  {link.name}")
    with refused("elsewhere/SHA256SUMS lists"):
        vouch(link, RIGHT)


def test_the_same_digest_twice_is_one(model):
    list_beside(model, *[f"{RIGHT}  {model.name}"] * 2)
    assert vouch(model, RIGHT)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (f"{RIGHT}  a\n{WRONG}  a\n".encode(), "two digests of a"),
        (b"Dear doctor\n", "the line 'Dear doctor'"),
        (f"{RIGHT[:-1]}  a\n".encode(), "the line"),
        (f"{RIGHT}\n".encode(), "the line"),
        (b"\xff\xfe\0\n" * 9, "the line"),
        (f"{RIGHT}  a\n".encode("utf-16"), "the line"),
        (b"MD5 (a) = 900150983cd24fb0d6963f7d28e17f72\n", "the line"),
    ],
)
def test_text_that_is_no_sums_is_refused(model, content, found, refused):
    (model.parent / SUMS_NAME).write_bytes(content)
    with refused(f"lines of `sha256sum` in {model.parent}/SHA256SUMS, got {found}"):
        vouch(model, RIGHT)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("make", "found"),
    [
        (os.mkdir, "a folder, pipe or device"),
        (os.mkfifo, "a folder, pipe or device"),
        (lambda path: path.symlink_to("nowhere"), "No such file"),
        (lambda path: path.symlink_to(path), "symbolic links"),
    ],
    ids=["folder", "pipe", "dangling", "circular"],
)
def test_sums_that_cannot_be_read_are_refused(model, make, found, refused):
    make(model.parent / SUMS_NAME)
    with refused(f"SHA256SUMS, got .*{found}"):
        vouch(model, RIGHT)


def test_commands_say_that_a_model_is_not_listed(leukolite, picture, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(bundle_bytes())
    list_beside(path, f"{WRONG}  another.tflite")
    said = f"leukolite: {tmp_path}/SHA256SUMS does not list {path}, so that its digest is not checked"
    assert leukolite("classify", picture("a.png"), model=path)[::2] == (0, [said])
    status, out, errors = leukolite("info", path)
    assert (status, json.loads(out)["variant"], errors) == (0, "int8_ptq", [said])


@pytest.mark.parametrize("command", ["classify", "info"])
def test_commands_refuse_a_model_that_is_another_than_listed(leukolite, picture, tmp_path, command):
    path = tmp_path / "model.tflite"
    path.write_bytes(bundle_bytes())
    list_beside(path, f"{WRONG}  {path.name}")
    status, out, errors = leukolite(command, path if command == "info" else picture("a.png"), model=path)
    assert (status, out) == (2, "")
    assert one_line(errors, WRONG)


@pytest.mark.parametrize("name", ["model.tflite", "a model.tflite", "line\nbreak.tflite", "back\\slash.tflite"])
def test_a_sum_is_noted_replaced_and_taken_out(tmp_path, name):
    first, second, other = "1" * 64, "2" * 64, "3" * 64
    unlist_sum(tmp_path / name)
    assert not (tmp_path / SUMS_NAME).exists()
    (tmp_path / SUMS_NAME).write_text(f"# kept\n{other} *other.tflite\n")
    list_sum(tmp_path / name, first)
    list_sum(tmp_path / name, second)
    assert read_sums(tmp_path / SUMS_NAME) == {"other.tflite": other, name: second}
    unlist_sum(tmp_path / name)
    assert (tmp_path / SUMS_NAME).read_text() == f"# kept\n{other} *other.tflite\n"


def test_sums_that_cannot_be_read_are_not_written_over(tmp_path, refused):
    (tmp_path / SUMS_NAME).write_text("no sum\n")
    with refused("lines of `sha256sum`"):
        list_sum(tmp_path / "model.tflite", "1" * 64)
    assert (tmp_path / SUMS_NAME).read_text() == "no sum\n"
