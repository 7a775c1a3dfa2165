"""Damaged, wrong and hostile model files: the caller lives, and nothing is accepted that is not the model named."""

import io
import os
import re
import socket
import sys
import zipfile
from collections import Counter
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as tfl
from PIL import Image

from edge_runtime.card import attach, load_card
from edge_runtime.classifier import Classifier
from edge_runtime.errors import LeukoliteError
from edge_runtime.golden import TOLERANCES, golden_record
from tests.edge_runtime.campaign import COUNT, Damage, cuts, fates, flips, model_of
from tests.tiny_model import CARD, LABELS, bundle_bytes, model_bytes, save

MODEL, BUNDLE = model_bytes(), bundle_bytes()
DAMAGES = cuts(BUNDLE) + flips(BUNDLE)


def refused(path: Path, **options: object) -> str:
    """Why a file is refused, on one line; '' where it is loaded."""
    why = ""
    try:
        Classifier(path, **options).load()
    except LeukoliteError as error:
        why = str(error)
    assert re.fullmatch("expected .+, got .+; .+|", why), why
    return why


@pytest.fixture
def no_interpreter(monkeypatch):
    """Fails a test in which an interpreter, or the child that would make one, is given anything."""

    def given(*arguments: object, **options: object) -> None:
        pytest.fail("an interpreter was made of it")

    for name in ("edge_runtime.model.Interpreter", "edge_runtime.probe.probe"):
        monkeypatch.setattr(name, given)


def test_sums_refuse_all_damage_before_an_interpreter_sees_a_byte(tmp_path, no_interpreter):
    path = save(tmp_path / "model.tflite", BUNDLE)
    assert len(DAMAGES) == 2 * COUNT
    for damage in DAMAGES:
        path.write_bytes(damage.to(BUNDLE))
        assert refused(path), damage
        assert refused(path, labels=LABELS, golden="off"), damage


def test_the_card_refuses_all_damage_to_the_model(tmp_path, monkeypatch):
    monkeypatch.setattr("edge_runtime.probe.probe", lambda content, *, digest, name: None)
    path, harmless = tmp_path / "model.tflite", 0
    for damage in DAMAGES:
        content = damage.to(BUNDLE)
        path.write_bytes(content)
        try:
            card = load_card(content)
        except LeukoliteError:
            assert refused(path), damage
            continue
        # A bit of the zip that nothing depends on, or of the label file, which is for other programs.
        assert card == load_card(BUNDLE)
        assert content.startswith(MODEL)
        assert not refused(path)
        harmless += 1
    assert harmless < COUNT / 10


def test_litert_refuses_every_cut_of_a_bare_model(bundle):
    found = fates(bundle, cuts(MODEL), labels=LABELS)
    assert len(found) == COUNT
    # Those that would kill their process are the probe's affair.
    assert {fate.by.partition(" ")[0] for fate in found} <= {"LiteRT", "child"}


@pytest.fixture(scope="module")
def flipped(bundle):
    """The fate of flipped bits in a model whose card was made for it, damage and all: only the golden record knows."""
    damages = flips(MODEL)
    return list(zip(damages, fates(bundle, damages), strict=True))


def test_without_a_digest_flipped_bits_end_in_one_line_or_give_the_golden_output(flipped):
    found = Counter(fate.by.partition(" ")[0] for _, fate in flipped)
    assert found.total() == COUNT
    assert found.keys() <= {"LiteRT", "child", "golden", "nothing"}, found
    assert min(found["golden"], found["LiteRT"]) > 0
    outputs = np.array([fate.output for _, fate in flipped if fate.by == "nothing"])
    assert np.abs(outputs - CARD.golden["output"]).max() <= TOLERANCES[CARD.variant]


def test_what_kills_its_process_does_not_kill_the_caller(flipped, tmp_path):
    killers = [damage for damage, fate in flipped if fate.killed_by]
    for damage in killers[:3]:  # each takes a process of its own; on another machine others may kill, or none
        (tmp_path / "killer.tflite").write_bytes(attach(damage.to(MODEL), CARD))
        assert "killed by SIG" in refused(tmp_path / "killer.tflite")


def picture(form: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 12)).save(buffer, form)
    return buffer.getvalue()


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as members:
        members.writestr("leukolite.json", "{}")
    return buffer.getvalue()


def with_operator(**fields: object) -> bytes:
    """The tiny model with another first operator."""
    model = tfl.ModelT.InitFromObj(tfl.Model.GetRootAs(MODEL))
    for name, value in fields.items():
        setattr(model.operatorCodes[0], name, value)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


CUSTOM = dict.fromkeys(("builtinCode", "deprecatedBuiltinCode"), tfl.BuiltinOperator.CUSTOM) | {"customCode": "Nope"}
NO_MODELS = {
    "nothing": b"",
    "header": MODEL[:8],
    "header and zeros": MODEL[:8] + bytes(4096),
    "header and noise": MODEL[:8] + bytes(range(256)) * 16,
    "PNG": picture("PNG"),
    "JPEG": picture("JPEG"),
    "zip": archive(),
    "ELF": Path(sys.executable).resolve().read_bytes()[:100_000],
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(2048),
    "text": b"Dear doctor, this is the model.\n" * 100,
    "gzip": b"\x1f\x8b\x08\0" + bytes(100),
}
WRONG_MODELS = {
    "one channel": (attach(model_bytes(shape=(1, 12, 16, 1)), CARD), r"got uint8 \[1, 12, 16, 1\] in"),
    "float input": (attach(model_bytes(dtype="float32"), CARD), r"got float32 \[1, 12, 16, 3\] in"),
    "no classes": (attach(model_bytes(headless=True), CARD), r"an output of shape \[1, classes\]"),
    "class count": (bundle_bytes(labels=LABELS[:3], golden={**CARD.golden, "output": [1, 2, 3]}), "classes"),
    "size": (
        bundle_bytes(input=CARD.input.__class__(**{**vars(CARD.input), "height": 9, "field_height": 9})),
        "height",
    ),
    "custom operator": (attach(with_operator(**CUSTOM), CARD), "Nope"),
    "unknown operator": (attach(with_operator(builtinCode=9999), CARD), "9999"),
    "newer operator": (attach(with_operator(version=77), CARD), "77"),
}


@pytest.mark.parametrize("content", NO_MODELS.values(), ids=NO_MODELS)
@pytest.mark.parametrize("labels", [None, LABELS], ids=["", "labels"])
def test_other_files_by_the_name_of_a_model(tmp_path, content, labels):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    assert str(path) in refused(path, labels=labels)


@pytest.mark.parametrize(("content", "found"), WRONG_MODELS.values(), ids=WRONG_MODELS)
def test_other_models(tmp_path, content, found):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    assert re.search(found, refused(path))
    assert str(path) in refused(path)


def folder(path: Path) -> None:
    path.mkdir()


def circular(path: Path) -> None:
    path.symlink_to(path)


def dangling(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere.tflite")


def link_to_fifo(path: Path) -> None:
    os.mkfifo(path.parent / "fifo")
    path.symlink_to(path.parent / "fifo")


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")  # reading it never ends


def local_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path))  # the name of a socket has room for 108 bytes


@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", [folder, circular, dangling, os.mkfifo, link_to_fifo, device, local_socket])
def test_what_is_no_file(tmp_path, make, no_interpreter):
    path = tmp_path / "model.tflite"
    make(path)
    assert f"a TFLite model at {path}" in refused(path)


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch, no_interpreter):
    path = save(tmp_path / "model.tflite", BUNDLE)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read everything

        def denied(_: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("edge_runtime.image.Path.read_bytes", denied)
    assert "Permission denied" in refused(path)


def test_a_link_to_the_model_is_the_model(tmp_path, bundle):
    (tmp_path / "link.tflite").symlink_to(bundle)
    assert not refused(tmp_path / "link.tflite")


def test_a_model_is_read_and_never_mapped(tmp_path):
    path = save(tmp_path / "model.tflite", BUNDLE)
    classifier = Classifier(path).load()
    before = golden_record(classifier.model)
    assert str(path) not in Path("/proc/self/maps").read_text()
    path.write_bytes(b"")  # of a mapped file, this would kill the process at the next look
    assert golden_record(classifier.model) == before


@pytest.mark.parametrize("damage", [Damage(5), Damage(5, 0x10)])
def test_damages_are_what_they_say(damage):
    assert damage.to(b"leukolite") == (b"leuko" if not damage.mask else b"leuko|ite")


def test_the_model_in_a_bundle_is_what_is_damaged():
    assert model_of(BUNDLE) == MODEL
