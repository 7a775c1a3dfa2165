import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from tests.train.tiny import SETTINGS
from train.__main__ import main
from train.confidence import Answers, exact_error, fit, fit_temperature, read_answers, softmax, threshold_for
from train.crossval import cross_validate
from train.stages import Call


def answers(*, sharpness, n=4000, seed=0):
    """Logits that are right as probabilities once divided by the sharpness; each image a group of its own."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 1.5, (n, 3))
    drawn = random.uniform(size=(n, 1)) > np.cumsum(softmax(logits), axis=1)
    return Answers(sharpness * logits, drawn.sum(axis=1), np.arange(n))


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.5, 6.0])
def test_the_temperature_undoes_the_sharpness(sharpness):
    # Of 4000 answers the estimate's own standard error is 3 %; three of them.
    assert fit_temperature(answers(sharpness=sharpness)) == pytest.approx(sharpness, rel=0.09)


def test_no_other_temperature_is_more_likely():
    given = answers(sharpness=3.0)
    best = fit_temperature(given)

    def loss(temperature):
        own = softmax(given.logits / temperature)[np.arange(len(given.classes)), given.classes]
        return -(given.shares @ np.log(own))

    assert all(loss(best) < loss(best * factor) for factor in (0.9, 0.99, 1.01, 1.1))


def test_copies_of_a_cell_count_as_one():
    plain = answers(sharpness=2.0, n=300)
    which = np.concatenate([np.arange(300), np.full(5000, 7)])  # one cell five thousand times more
    copied = Answers(plain.logits[which], plain.classes[which], plain.groups[which])
    assert fit_temperature(copied) == fit_temperature(plain)
    assert copied.shares.sum() == pytest.approx(1)
    assert copied.shares[copied.groups == 7].sum() == pytest.approx(1 / 300)


def test_an_offset_of_an_image_changes_nothing():
    given = answers(sharpness=2.0, n=200)
    moved = replace(given, logits=given.logits + np.arange(200)[:, np.newaxis])
    assert fit_temperature(moved) == fit_temperature(given)


@pytest.mark.parametrize(("groups", "copies"), [(400, 1), (400, 25), (25, 16)])
def test_exact_confidences_err_as_much_as_so_few_groups_do(groups, copies):
    """All in one bin: the mean distance from its mean of a binomial share, and its 95 % point, by the normal law."""
    given = Answers(np.zeros((groups * copies, 2)), np.zeros(groups * copies), np.repeat(np.arange(groups), copies))
    found = exact_error(np.full(groups * copies, 0.8), given)
    deviation = (0.8 * 0.2 / groups) ** 0.5
    # Of 1000 draws the mean's own standard error is 2.4 % and that of the 95 % point 2.7 %, four of which are allowed
    # for; of 25 groups the shares are steps of 0.04, and the 95 % point may be off by half of one.
    assert found["mean"] == pytest.approx(0.798 * deviation, rel=0.1)
    assert found["one_in_twenty"] == pytest.approx(1.96 * deviation, rel=0.11, abs=0.5 / groups)


@pytest.mark.parametrize(("coverage", "threshold"), [(1.0, 0.1), (0.75, 0.4), (0.7, 0.4), (0.25, 0.9), (0.01, 0.9)])
def test_the_threshold_covers_at_least_what_is_asked_for(coverage, threshold):
    confidence, shares = np.array([0.4, 0.9, 0.1, 0.6]), np.full(4, 0.25)
    assert threshold_for(confidence, shares, coverage=coverage) == pytest.approx(threshold, abs=1e-4)
    assert shares[confidence >= threshold_for(confidence, shares, coverage=coverage)].sum() >= coverage - 1e-9


def test_a_run_with_blind_towers_is_read_at_its_operating_point(runs):
    _, qat = runs
    given, about = read_answers(qat)
    facts = json.loads((qat / "run.json").read_text())
    held_out = json.loads((qat / "held_out.json").read_text())
    assert about["labels"] == tuple(facts["labels"])
    right = given.logits.argmax(axis=1) == given.classes
    assert right.mean() == pytest.approx(held_out["accuracy"])
    assert softmax(given.logits).max(axis=1) == pytest.approx([row["confidence"] for row in held_out["predictions"]])


def test_the_command_writes_what_conversion_reads(runs, tmp_path, capsys):
    _, qat = runs
    files = [tmp_path / "one.json", tmp_path / "again.json"]
    for path in files:
        assert main(["confidence", str(qat), str(qat), "--coverage", "0.9", "--out", str(path)]) == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    assert capsys.readouterr().out.count("temperature") == 2
    found = json.loads(files[0].read_text())
    assert found["temperature"] > 0
    assert found["coverage"] >= 0.9
    assert found["network"] == json.loads((qat / "run.json").read_text())["settings"]["network"]
    assert [point["towers"] for point in found["mean_of_blind_towers"]] == [1, 2]
    alone, both = found["mean_of_blind_towers"]  # twice the same tower is the same tower
    assert (alone["temperature"], alone["ece"]) == (both["temperature"], both["ece"])


@pytest.fixture(scope="module")
def crossval(smear_root, tmp_path_factory):
    out = tmp_path_factory.mktemp("crossval-train")
    call = Call(tell=print)
    cross_validate(str(smear_root), out, folds=2, settings=SETTINGS, call=call, splits=("TRAIN",), int8=True)
    return out


def test_a_cross_validation_s_int8_answers_are_read(crossval):
    given, _ = read_answers(crossval)
    report = json.loads((crossval / "crossval-int8.json").read_text())
    assert (given.logits.argmax(axis=1) == given.classes).mean() == report["accuracy"]
    assert fit([crossval]).images == report["n"]


def changed(crossval, tmp_path, change):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("crossval-int8.json", "probabilities.npz"):
        shutil.copy(crossval / name, copy)
    shutil.copytree(crossval / "fold0-int8", copy / "fold0-int8", ignore=shutil.ignore_patterns("model"))
    change(copy)
    return copy


def over_test_too(copy):
    report = json.loads((copy / "crossval-int8.json").read_text())
    report["data"]["split"] = "TEST+TRAIN, cross-validated"
    (copy / "crossval-int8.json").write_text(json.dumps(report))


def without_int8(copy):
    with np.load(copy / "probabilities.npz") as stored:
        arrays = {name: stored[name] for name in stored if name != "int8"}
    np.savez(copy / "probabilities.npz", **arrays)


@pytest.mark.parametrize(("change", "found"), [(over_test_too, "TEST"), (without_int8, "int8")])
def test_answers_that_saw_test_or_are_none_are_refused(crossval, tmp_path, change, found, refused):
    with refused(f"held-out int8 answers on TRAIN .*{found}"):
        fit([changed(crossval, tmp_path, change)])


def test_runs_of_other_images_are_refused(runs, crossval, refused):
    with refused("held-out int8 answers on TRAIN .*others than those of"):
        fit([runs[1], changed_groups(runs[1], crossval)])


def changed_groups(qat, crossval):
    copy = crossval / "other-groups"
    shutil.copytree(qat, copy, ignore=shutil.ignore_patterns("model"))
    with np.load(copy / "held_out_logits.npz") as stored:
        arrays = {name: stored[name] for name in stored}
    np.savez(copy / "held_out_logits.npz", **{**arrays, "groups": arrays["groups"][::-1]})
    return copy


def test_a_float_run_s_answers_are_none_of_int8(runs, refused):
    with refused("held-out int8 answers on TRAIN .*got a run of the stage float"):
        read_answers(runs[0])


@pytest.mark.parametrize("coverage", ["0", "1.1", "much"])
def test_coverage_is_a_share(coverage, runs, tmp_path, capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["confidence", str(runs[1]), "--coverage", coverage, "--out", str(tmp_path / "out.json")])
    assert leaving.value.code == 2
    assert "--coverage" in capsys.readouterr().err
