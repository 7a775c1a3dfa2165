import json
from dataclasses import asdict, replace

import pytest

from benchmarks import evidence
from edge_runtime.files import write_json
from edge_runtime.gate import judge
from edge_runtime.report import load_report
from tests.benchmarks.conftest import benchmark_run


def gather(left, **changes):
    return evidence.gather(**{**asdict(left), **changes})


def test_reads_everything(left):
    found = gather(left)
    assert found.reports == {"int8": load_report(left.int8), "float32": load_report(left.float32)}
    assert found.verdict.verdict == "INCONCLUSIVE"
    assert found.suite.seed("int8") == 7
    assert [row["loss"] for row in found.history] == ["1.38629", "0.5"]
    assert gather(left, history=None).history == ()


def test_swapped_reports_are_refused(left, refused):
    with refused("variant int8"):
        gather(left, int8=left.float32, float32=left.int8)


def test_reports_on_other_images_are_refused(left, evaluation, refused):
    evaluation("float32", data="other").save(left.float32)
    with refused("same images"):
        gather(left)


def test_latencies_of_another_model_are_refused(left, evaluation, refused):
    evaluation("int8_qat", model="another").save(left.int8)
    with refused("latencies of the int8 model"):
        gather(left)


@pytest.mark.parametrize("role", ["int8", "float32"])
def test_a_run_without_one_of_the_models_is_refused(left, run_file, refused, role):
    run_file(benchmarks=[each for each in benchmark_run()["benchmarks"] if each["extra_info"]["role"] != role])
    with refused(f"latencies of the models int8 and float32 in .*run.json, got none of {role}; run"):
        gather(left)


def test_a_verdict_on_another_report_is_refused(left, evaluation, refused):
    write_json(left.verdict, judge(evaluation(misses=3), load_report(left.float32)).to_json())
    with refused("a verdict on the int8 report"):
        gather(left)


@pytest.mark.parametrize("name", ["int8", "float32", "verdict", "results", "history"])
def test_a_missing_file_is_refused_by_its_name(left, tmp_path, refused, name):
    with refused("absent"):
        gather(left, **{name: tmp_path / "absent"})


@pytest.mark.parametrize("text", ["{}", '{"verdict": "PASS", "rules": []}', '{"verdict": "PASS", "rules": [{}]}', "[]"])
def test_what_is_no_verdict_is_refused(left, refused, text):
    left.verdict.write_text(text)
    with refused("a gate verdict"):
        gather(left)


@pytest.mark.parametrize("text", ["", "epoch,loss\n", "epoch,loss\n1\n", "epoch,loss\n1,2,3\n"])
def test_what_is_no_history_is_refused(left, refused, text):
    left.history.write_text(text)
    with refused("a training history"):
        gather(left)


@pytest.mark.parametrize(
    "changes",
    [
        {"accuracy": None},
        {"accuracy": float("nan")},
        {"confusion_matrix": [[1]]},
        {"per_class": {}},
        {"groups": {"n": 1}},
    ],
)
def test_a_report_without_the_figures_of_every_class_is_refused(left, refused, changes):
    broken = replace(load_report(left.int8), **changes)
    left.int8.write_text(json.dumps(broken.to_json()))
    with refused(r"int8\.json"):
        gather(left)
