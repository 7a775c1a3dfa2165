import io
import json
import zipfile
from dataclasses import asdict, replace

import pytest

from edge_runtime.card import CARD_NAME, LABELS_NAME, MAX_CARD_BYTES, Card, attach, load_card, read_model
from edge_runtime.files import sha256
from edge_runtime.fitness import Limits
from edge_runtime.view import View
from tests.tiny_model import CARD, LABELS, bundle_bytes, model_bytes, save

ATTACHED = replace(CARD, model_sha256=sha256(model_bytes()))


def with_card_text(text: bytes) -> bytes:
    """A bundle whose card holds any bytes."""
    buffer = io.BytesIO(model_bytes())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(CARD_NAME, text)
    return buffer.getvalue()


def test_card_comes_back_whole(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(attach(model_bytes(), CARD))
    assert load_card(path) == ATTACHED
    assert load_card(str(path)) == ATTACHED
    assert load_card(path.read_bytes()) == ATTACHED


def test_bundle_is_the_model_and_a_zip_that_any_tool_reads():
    bundle = attach(model_bytes(), CARD)
    assert bundle.startswith(model_bytes())
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == sorted([CARD_NAME, LABELS_NAME])
        assert archive.read(LABELS_NAME).decode().splitlines() == list(LABELS)
        assert json.loads(archive.read(CARD_NAME)) == json.loads(json.dumps(asdict(ATTACHED)))
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
        # No date of making: the same model must give the same bytes tomorrow.
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_same_model_and_card_give_the_same_bytes():
    assert attach(model_bytes(), CARD) == attach(model_bytes(), CARD)
    assert attach(model_bytes(), CARD) != bundle_bytes(licence="none")


def test_a_model_that_its_card_was_not_attached_to_is_refused(refused):
    flipped = bytearray(bundle_bytes())
    flipped[len(model_bytes()) // 2] ^= 1
    with refused(f"the model of SHA-256 {ATTACHED.model_sha256} that the card in the model describes"):
        load_card(bytes(flipped))


def test_a_card_from_before_it_held_the_digest_is_read():
    old = {name: value for name, value in CARD.to_json().items() if name not in ("model_sha256", "fitness")}
    assert load_card(with_card_text(json.dumps(old).encode())) == CARD


@pytest.mark.parametrize(
    ("member", "remedy"),
    [
        ("other.txt", "or give its labels with --labels$"),
        (LABELS_NAME, "--labels: they are in its labels.txt, which `unzip -p` prints$"),
        (CARD_NAME, "use a bundle that `python -m convert` wrote$"),
    ],
)
def test_who_has_no_card_is_told_of_labels_and_who_has_a_damaged_one_is_not(member, remedy, refused):
    buffer = io.BytesIO(model_bytes())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(member, "no card")
    with refused(remedy):
        load_card(buffer.getvalue())


def test_a_card_in_a_file_that_is_another_than_listed_is_refused(tmp_path, refused):
    path = save(tmp_path / "model.tflite", bundle_bytes())
    path.write_bytes(bundle_bytes(licence="none"))
    with refused("that .*SHA256SUMS lists"):
        load_card(path)


def test_labels_beyond_ascii_survive():
    assert load_card(bundle_bytes(labels=("Neutrophil (segmentkernig)", "白血球", "c", "d"))).labels[1] == "白血球"


def test_a_later_field_is_ignored():
    assert Card.from_json({**CARD.to_json(), "mood": "good"}) == CARD


@pytest.mark.parametrize("field", sorted(CARD.to_json().keys() - {"schema_version", "model_sha256", "fitness"}))
def test_missing_field_is_refused_by_name(field, refused):
    fields = CARD.to_json()
    del fields[field]
    with refused(f"KeyError: '{field}'"):
        Card.from_json(fields)


VIEW_FIELDS = {"view", "field_height", "field_width", "white_balance", "zoom", "stain_normalization", "red_cell_px"}


@pytest.mark.parametrize("field", sorted(CARD.to_json()["input"].keys() - VIEW_FIELDS))
def test_missing_field_of_the_input_is_refused_by_name(field, refused):
    fields = CARD.to_json()
    del fields["input"][field]
    with refused(f"KeyError: '{field}'"):
        Card.from_json(fields)


def test_a_card_from_before_there_were_views_shows_the_whole_field():
    fields = CARD.to_json()
    for field in VIEW_FIELDS:
        del fields["input"][field]
    assert Card.from_json(fields) == CARD
    assert CARD.input.seen == View.whole(height_px=CARD.input.height, width_px=CARD.input.width)


def test_white_balance_is_part_of_the_view_and_yes_or_no(refused):
    fields = CARD.to_json()
    fields["input"]["white_balance"] = True
    assert Card.from_json(fields).input.seen.white_balance
    fields["input"]["white_balance"] = "yes"
    with refused("white_balance 'yes' is neither true nor false"):
        Card.from_json(fields)


@pytest.mark.parametrize("zoom", [0, -1, float("nan"), 1e9])
def test_a_zoom_that_is_none_is_refused(zoom, refused):
    fields = CARD.to_json()
    fields["input"]["zoom"] = zoom
    with refused("is not from 0.25 to 4"):
        Card.from_json(fields)


IN_320_X_240 = {"view": "cell", "field_height": 240, "field_width": 320}


@pytest.mark.parametrize(
    ("red_cell_px", "changes"),
    [
        (50.5, {}),  # the field view, which shows all of it
        (6.0, {"view": "cell"}),  # of 16 x 12: no field to measure in
        (20.0, IN_320_X_240),
        (100.0, IN_320_X_240),
        (-50.5, IN_320_X_240),
        (float("nan"), IN_320_X_240),
    ],
)
def test_red_cells_that_cannot_be_measured_are_refused(red_cell_px, changes, refused):
    fields = CARD.to_json()
    fields["input"].update(changes, red_cell_px=red_cell_px)
    with refused(f"red cells of {red_cell_px} px in a (field|cell) view"):
        Card.from_json(fields)


def test_the_width_of_red_cells_reaches_the_view():
    fields = CARD.to_json()
    fields["input"].update(IN_320_X_240, red_cell_px=50.5)
    assert Card.from_json(fields).input.seen.red_cell_px == 50.5


@pytest.mark.parametrize(
    "changes",
    [
        {"view": "whole"},
        {"view": "field", "field_height": CARD.input.height + 1},
        {"view": "field", "field_width": CARD.input.width - 1},
        {"view": "cell", "field_width": 0},
    ],
)
def test_a_view_that_is_none_is_refused(changes, refused):
    fields = CARD.to_json()
    fields["input"].update(changes)
    with refused("a .* view of 16 x 12 in"):
        Card.from_json(fields)


@pytest.mark.parametrize("version", [2, 0, "1", None])
def test_other_schema_is_refused(version, refused):
    with refused("expected a card of schema 1"):
        Card.from_json({**CARD.to_json(), "schema_version": version})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("labels", 5),
        ("labels", []),
        ("labels", ["A", "A", "B"]),
        ("labels", ["A", ""]),
        ("labels", [1, 2]),
        ("labels", [["A"], ["B"]]),
        ("input", None),
        ("input", "large"),
        ("temperature", "warm"),
        ("temperature", None),
        ("abstain_below", -0.1),
        ("abstain_below", 1.1),
        ("abstain_below", float("nan")),
        ("variant", "int4"),
    ],
)
def test_senseless_value_is_refused(field, value, refused):
    with refused():
        Card.from_json({**CARD.to_json(), field: value})


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"5", b"null", b"\xff\xfe", b"[" * 100_000])
def test_card_that_is_no_json_object_is_refused(text, refused):
    with refused(f"expected {CARD_NAME} inside the model"):
        load_card(with_card_text(text))


@pytest.mark.parametrize("content", [model_bytes(), b"", b"PK\x05\x06"], ids=["no card", "empty", "zip's last words"])
def test_model_without_a_card_is_refused(content, refused):
    with refused(f"expected {CARD_NAME} inside the model"):
        load_card(content)


def test_zip_without_the_card_is_refused(refused):
    buffer = io.BytesIO(model_bytes())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(LABELS_NAME, "A\nB\n")
    with refused(f"expected {CARD_NAME} inside the model"):
        load_card(buffer.getvalue())


def test_truncated_bundle_is_refused_wherever_it_was_cut(refused):
    whole = bundle_bytes()
    for size in range(0, len(whole), 97):
        with refused():
            load_card(whole[:size])


def test_flipped_bits_in_the_card_are_noticed_or_harmless(refused):
    whole, start = bundle_bytes(), len(model_bytes())
    texts = whole.index(b'{\n "schema_version"'), whole.index(b"PK\x01\x02")
    for position in range(start, len(whole), 3):
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        if texts[0] <= position < texts[1]:  # zip's checksum covers the card itself
            with refused():
                load_card(bytes(damaged))
            continue
        try:
            assert load_card(bytes(damaged)) == ATTACHED
        except Exception as error:
            with refused():
                raise error


def test_error_names_the_file(tmp_path, refused):
    path = tmp_path / "bare.tflite"
    path.write_bytes(model_bytes())
    with refused(f"inside {path}"):
        load_card(path)


def test_read_model_gives_the_bytes(bundle):
    assert read_model(bundle) == bundle.read_bytes()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"<html>", "6 bytes that start with"),
        (b"\x1c\0\0\0TFL2more", "12 bytes that start with"),
        (model_bytes()[:6], "6 bytes"),
    ],
)
def test_what_is_no_tflite_is_refused(tmp_path, content, found, refused):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with refused(f"expected a TFLite model .* at {path}, got {found}"):
        read_model(path)


def test_missing_model_and_folder_are_refused(tmp_path, refused):
    with refused(f"expected a TFLite model at {tmp_path}/none.tflite, got No such file"):
        read_model(tmp_path / "none.tflite")
    with refused("got a folder"):
        read_model(tmp_path)


def test_a_card_that_unfolds_to_more_than_memory_is_refused_unread(refused):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(CARD_NAME, b" " * (MAX_CARD_BYTES + 1))
    with refused("leukolite.json inside the model"):
        load_card(buffer.getvalue())


def test_limits_of_pictures_come_back_whole():
    card = replace(CARD, fitness=Limits(least_glass=90.0))
    assert load_card(with_card_text(json.dumps(card.to_json()).encode())) == card


@pytest.mark.parametrize(
    "limits", [{"least_glass": "much"}, {"moods": 1.0}, {"least_stain": float("nan")}, [1], 3, "", []]
)
def test_limits_that_are_none_are_refused(limits, refused):
    with refused("a card with all of its fields valid"):
        Card.from_json({**CARD.to_json(), "fitness": limits})
