"""The bundles in the package: whole, described truly, as good as the README says, and a damaged one is caught."""

import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from convert.confidence import Confidence, read_confidence
from convert.config import BUNDLE_NAMES, Settings
from convert.metadata import METADATA_NAME
from convert.operators import check_versions
from convert.proof import check_integer
from edge_runtime.__main__ import main
from edge_runtime.card import attach, load_card, read_model
from edge_runtime.classifier import MODELS, PORTABLE_MODEL, SHIPPED_MODEL, SHIPPED_REFERENCE, Classifier
from edge_runtime.errors import LeukoliteError
from edge_runtime.files import sha256
from edge_runtime.golden import TOLERANCES, matches
from edge_runtime.report import load_report
from tests.flat import bare
from tests.train import tiny

CHECKOUT = Path(__file__).parent.parent
REPORTS = CHECKOUT / "reports"
GROUPS = CHECKOUT / "train" / "facts" / "blood-cells-groups.csv"
SHIPPED = [SHIPPED_MODEL, SHIPPED_REFERENCE]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_digests_are_those_of_the_files(path):
    sums = dict(reversed(line.split()) for line in (MODELS / "SHA256SUMS").read_text().splitlines())
    assert sums[path.name] == sha256(path.read_bytes())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_cards_tell_the_truth(path):
    card = load_card(path)
    assert card.labels == ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL")
    assert card.training["rehearsal"] is False
    assert card.training["images"] == 9957
    assert card.training["sources"] == {"EOSINOPHIL": 75, "LYMPHOCYTE": 27, "MONOCYTE": 16, "NEUTROPHIL": 159}
    assert "not a medical device" in card.intended_use
    name = "shipped-int8.json" if path == SHIPPED_MODEL else "shipped-float32.json"
    report = load_report(REPORTS / name)
    assert report.model["sha256"] == sha256(path.read_bytes())
    assert card.accuracy is not None
    assert card.accuracy["accuracy"] == report.accuracy
    assert card.accuracy["data_sha256"] == report.data["sha256"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_golden_output_is_reproduced(path, recwarn):
    classifier = Classifier(path).load()  # the tolerances are in edge_runtime/golden.py
    assert classifier.model.uses_delegate
    assert matches(classifier.card.golden, classifier.model, tolerance=TOLERANCES[classifier.card.variant])
    assert not recwarn.list


@pytest.mark.parametrize("folder", [MODELS, REPORTS / "cell" / "bundles"], ids=["field", "cell"])
def test_int8_is_integer_throughout_and_float32_is_not(folder):
    check_integer(read_model(folder / SHIPPED_MODEL.name))
    with pytest.raises(LeukoliteError, match="integer operators alone"):
        check_integer(read_model(folder / SHIPPED_REFERENCE.name))


@pytest.mark.parametrize("folder", [MODELS, REPORTS / "cell" / "bundles"], ids=["field", "cell"])
def test_oldest_runtime_has_their_operators(folder):
    for path in SHIPPED:
        check_versions(read_model(folder / path.name))


def evaluate(model: Path, data: Path, report: Path, *options: str) -> int:
    files = ["-m", str(model), "--data", str(data), "--report", str(report), "--groups", str(GROUPS)]
    return main(["evaluate", *files, *options])


@pytest.fixture(scope="module")
def shipped_report(data_root, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("shipped") / "int8.json"
    assert evaluate(SHIPPED_MODEL, data_root, path) == 0
    return path


def test_the_users_criteria_hold_on_the_whole_of_test(shipped_report):
    report = load_report(shipped_report)
    assert (report.n, report.n_errors) == (2487, 0)
    assert report.accuracy >= 0.90
    assert all(rates.tpr > 0.80 and rates.tnr > 0.80 for rates in report.per_class.values())
    assert abs(report.accuracy - load_report(REPORTS / "shipped-float32.json").accuracy) <= 0.01


def test_the_kept_report_can_be_obtained_again(shipped_report):
    kept, fresh = load_report(REPORTS / "shipped-int8.json"), load_report(shipped_report)
    for name in ("model", "data", "confusion_matrix", "per_class", "groups", "predictions"):
        assert getattr(fresh, name) == getattr(kept, name), name


@pytest.mark.parametrize(("name", "variant"), [("leukolite-int8", "int8_qat"), ("leukolite-float32", "float32")])
@pytest.mark.parametrize("preset", ["cell", "portable"])
def test_the_other_bundles_are_those_of_their_reports(preset, name, variant):
    folder = REPORTS / preset / "bundles"
    sums = dict(reversed(line.split()) for line in (folder / "SHA256SUMS").read_text().splitlines())
    digest = sha256((folder / f"{name}.tflite").read_bytes())
    report = load_report(REPORTS / preset / "test" / f"seed1-{variant}.json")
    assert sums[f"{name}.tflite"] == report.model["sha256"] == digest
    card = load_card(folder / f"{name}.tflite")
    assert (card.input.view, card.input.white_balance, card.variant) == ("cell", True, variant)
    assert (card.input.stain_normalization, card.input.red_cell_px) == (
        (True, 50.3) if preset == "portable" else (False, 0)
    )
    assert card.accuracy["accuracy"] == report.accuracy
    assert (card.training["seed"], card.training["rehearsal"]) == (1, False)


def test_the_portable_model_in_the_package_is_that_of_its_reports():
    kept = REPORTS / "portable" / "bundles" / PORTABLE_MODEL.name
    assert PORTABLE_MODEL.read_bytes() == kept.read_bytes()
    assert Classifier(PORTABLE_MODEL).load().model.uses_delegate


def test_the_cell_view_answers_for_each_cell_of_a_field(data_root):
    classifier = Classifier(REPORTS / "cell" / "bundles" / "leukolite-int8.tflite")
    found = classifier.classify(data_root / "dataset-master/dataset-master/JPEGImages/BloodImage_00010.jpg")
    assert len(found.cells) == 2  # labelled NEUTROPHIL, EOSINOPHIL; which is which, the data set does not say
    assert found.label == found.cells[0].label
    assert {cell.label for cell in found.cells} <= {"NEUTROPHIL", "EOSINOPHIL"}
    assert all(cell.box.right > cell.box.left and cell.box.bottom > cell.box.top for cell in found.cells)


def shipped_model() -> bytes:
    """The model without its card."""
    end = zipfile.ZipFile(SHIPPED_MODEL).infolist()[0].header_offset
    return read_model(SHIPPED_MODEL)[:end]


def with_swapped_labels() -> bytes:
    """The network is untouched, only two names have changed places."""
    card = load_card(SHIPPED_MODEL)
    first, second, *others = card.labels
    return attach(shipped_model(), replace(card, labels=(second, first, *others)))


def with_zeroed_weights() -> bytes:
    """The kernels of the widest convolutions are zero: it loads and runs without a word."""
    content = bytearray(shipped_model())
    interpreter = Interpreter(model_content=bytes(content))
    kernels = [
        each for each in interpreter.get_tensor_details() if each["dtype"] == np.int8 and len(each["shape"]) == 4
    ]
    widest = max(each["shape"][0] for each in kernels if each["shape"][1] == 3)
    for tensor in kernels:
        if list(tensor["shape"][:2]) == [widest, 3]:
            kernel = interpreter.get_tensor(tensor["index"]).tobytes()
            start = content.index(kernel)
            content[start : start + len(kernel)] = bytes(len(kernel))
    return attach(bytes(content), load_card(SHIPPED_MODEL))


def test_a_model_too_damaged_to_run_is_one_line(data_root, tmp_path, capsys):
    content = bytearray(shipped_model())
    content[len(content) // 2 : 3 * len(content) // 4] = bytes(3 * len(content) // 4 - len(content) // 2)
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(attach(bytes(content), load_card(SHIPPED_MODEL)))
    assert evaluate(damaged, data_root, tmp_path / "damaged.json") == 2
    assert re.fullmatch("leukolite: error: expected .*, got .*; .*\n", capsys.readouterr().err)
    assert not (tmp_path / "damaged.json").exists()


def test_a_model_with_other_labels_is_not_compared(data_root, tmp_path, capsys):
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(with_swapped_labels())
    assert evaluate(damaged, data_root, tmp_path / "damaged.json") == 0
    reports = ["--candidate", str(tmp_path / "damaged.json"), "--reference", str(REPORTS / "shipped-float32.json")]
    assert main(["gate", *reports]) == 2
    assert "labels ['EOSINOPHIL', 'LYMPHOCYTE', 'MONOCYTE', 'NEUTROPHIL']" in capsys.readouterr().err


def test_a_damaged_model_fails_the_gate(data_root, tmp_path, capsys):
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(with_zeroed_weights())
    # The golden check is the first to say so.
    assert evaluate(damaged, data_root, tmp_path / "damaged.json") == 2
    assert "golden picture" in capsys.readouterr().err
    assert evaluate(damaged, data_root, tmp_path / "damaged.json", "--golden", "off") == 0
    verdict = tmp_path / "verdict.json"
    reports = ["--candidate", str(tmp_path / "damaged.json"), "--reference", str(REPORTS / "shipped-float32.json")]
    assert main(["gate", *reports, "--json", str(verdict)]) == 1
    rules = {(rule["name"], rule["label"]): rule["verdict"] for rule in json.loads(verdict.read_text())["rules"]}
    assert rules["min_accuracy", "all"] == rules["max_accuracy_drop", "all"] == "FAIL"
    assert "gate: FAIL" in capsys.readouterr().out


def rebuilt(stage: str, variant: str) -> tuple[bytes, dict, Confidence]:
    """The converted network of the run that is kept, the temperature in it; that run; and that temperature."""
    from convert.lowering import lower

    tiny.settle()  # TensorFlow takes such settings once, and other tests of the process need them
    folder = REPORTS / "run" / stage
    run = json.loads((folder / "run.json").read_text())
    confidence = read_confidence(str(REPORTS / "confidence.json"), run=run)
    return confidence.fold(lower(folder / "model", variant=variant), variant=variant), run, confidence


def test_the_shipped_bundle_is_made_again_from_its_run_to_the_byte(data_root):
    from convert.bundle import make_bundle

    model, run, confidence = rebuilt("qat", "int8_qat")
    settings = Settings(data=str(data_root), groups=str(GROUPS))
    content, _ = make_bundle(model, run, variant="int8_qat", settings=settings, confidence=confidence)
    assert sha256(content) == sha256(SHIPPED_MODEL.read_bytes())


def test_the_reference_is_made_again_but_for_its_figures():
    from convert.bundle import describe
    from convert.metadata import embed

    # Its golden output and its figures stand in the card behind the model: on another processor, float32 sums differ.
    model, run, confidence = rebuilt("float", "float32")
    network = embed(model, describe(model, run, variant="float32", accuracy=None, confidence=confidence))
    assert SHIPPED_REFERENCE.read_bytes().startswith(network)


def test_the_run_that_is_kept_is_whole():
    from convert.release import read_pair

    first, second = read_pair(REPORTS / "run" / "float", REPORTS / "run" / "qat")
    assert not first["provenance"]["dirty"]
    assert not second["provenance"]["dirty"]
    for run, path in ((first, SHIPPED_REFERENCE), (second, SHIPPED_MODEL)):
        assert run["provenance"]["commit"] == load_card(path).training["commit"]
    # What fine-tuning starts from: the float run's weights, and what its teacher said.
    weights = (REPORTS / "run" / "float" / "weights.h5").read_bytes()
    assert second["starts_from_sha256"] == sha256(weights)
    with np.load(REPORTS / "run" / "float" / "teachers.npz") as said:
        assert said["adjusted"].shape == (1, first["data"]["n"], len(first["labels"]))


def test_overhead_is_small():
    for path in SHIPPED:
        content = path.read_bytes()
        assert len(content) - len(bare(content)) <= 8192  # card, labels and metadata


def test_the_table_of_variants_is_of_the_shipped_bundles():
    kept = {each["variant"]: each for each in json.loads((REPORTS / "variants.json").read_text())["variants"]}
    assert list(kept) == list(BUNDLE_NAMES)
    for variant, path in (("int8_qat", SHIPPED_MODEL), ("float32", SHIPPED_REFERENCE)):
        card = load_card(path)
        assert kept[variant]["accuracy"] == card.accuracy["accuracy"]
        assert kept[variant]["size_bytes"] == path.stat().st_size
    calibration = json.loads((REPORTS / "calibration.json").read_text())
    assert len(calibration["indices"]) == len(calibration["names"]) == calibration["n"] == 200


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_other_clients_find_metadata_and_the_card_its_model(path):
    content = path.read_bytes()
    assert METADATA_NAME in content
    assert load_card(path).model_sha256 == sha256(content[: zipfile.ZipFile(path).infolist()[0].header_offset])
