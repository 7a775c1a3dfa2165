import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from benchmarks.shifts.pictures import held_out
from edge_runtime.errors import LeukoliteError
from edge_runtime.groups import read_groups
from edge_runtime.report import load_report
from tests.train.tiny import SETTINGS
from train import crossval
from train.config import Distillation
from train.crossval import cross_validate
from train.crossval_report import save
from train.folds import Split
from train.stages import Call

FOLDS = 2


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("crossval")


@pytest.fixture(scope="module")
def found(smear_root, out):
    """Two folds of the generated pictures, TRAIN and TEST together."""
    return cross_validate(str(smear_root), out, folds=FOLDS, settings=SETTINGS, call=Call(tell=print))


def test_every_image_of_both_splits_is_answered_once(found, smear_root):
    root = smear_root / "images"
    images = sorted(path.relative_to(root).as_posix() for path in root.glob("T*/*/*.jpeg"))
    assert len(images) == 4 * (8 + 2)
    assert sorted(row.path for row in found.report.predictions) == images
    assert found.report.n_errors == 0
    assert found.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_no_fold_learns_from_a_group_that_it_answers(found, out, smear_root):
    groups, seen = read_groups(smear_root / "groups.csv"), 0
    for fold in range(FOLDS):
        held_out = load_report(out / f"fold{fold}" / "held_out.json")  # of what the fold learned from
        learned = {row.path for row in held_out.predictions}
        mine = np.flatnonzero(found.cells.folds == fold)
        answered = {found.cells.images[int(index)].name for index in mine}
        assert not learned & answered
        group = {image.name: groups.find(image).group for image in found.cells.images}
        assert not {group[name] for name in learned} & {group[name] for name in answered}
        assert learned | answered == set(group)
        seen += len(answered)
    assert seen == found.report.n


@pytest.mark.parametrize("fold", range(FOLDS))
def test_benchmarks_read_what_a_fold_held_out(found, out, fold):
    names = {found.cells.images[int(index)].name for index in np.flatnonzero(found.cells.folds == fold)}
    assert held_out(out, fold=fold) == names


def test_answers_are_those_of_the_fold_s_own_network(found, out):
    other = crossval._answer(out / "fold1", found.cells, np.flatnonzero(found.cells.folds == 0), settings=SETTINGS)
    assert not np.allclose(other, found.probabilities[found.cells.folds == 0], atol=1e-3)
    own = crossval._answer(out / "fold0", found.cells, np.flatnonzero(found.cells.folds == 0), settings=SETTINGS)
    assert own == pytest.approx(found.probabilities[found.cells.folds == 0], abs=1e-6)


def test_report_has_intervals_by_group(found, out):
    report = load_report(out / crossval.REPORT_NAME)
    assert report.accuracy == found.report.accuracy
    assert report.groups["n"] == len({origin.group for origin in found.cells.origins})
    assert report.data["split"] == "TEST+TRAIN, cross-validated"


def test_finished_folds_are_not_trained_again(found, out, smear_root, monkeypatch):
    before = (out / "fold0" / "run.json").read_bytes()
    again = cross_validate(str(smear_root), out, folds=FOLDS, settings=SETTINGS, call=Call(tell=print))
    assert (out / "fold0" / "run.json").read_bytes() == before
    assert np.array_equal(again.probabilities, found.probabilities)


@pytest.mark.parametrize("resume", [None, True, False])
def test_folds_that_are_done_are_kept_and_the_others_done(found, out, smear_root, tmp_path, resume):
    shutil.copytree(out / "fold0", tmp_path / "fold0")
    before = (tmp_path / "fold0" / "run.json").read_bytes()
    call = Call(tell=print, resume=resume)
    again = cross_validate(str(smear_root), tmp_path, folds=FOLDS, settings=SETTINGS, call=call)
    assert ((tmp_path / "fold0" / "run.json").read_bytes() == before) == (resume is not False)
    assert again.probabilities == pytest.approx(found.probabilities, abs=1e-6)


def test_folds_of_other_settings_are_refused(found, out, smear_root, refused):
    with refused("run of these settings"):
        cross_validate(str(smear_root), out, folds=FOLDS, settings=replace(SETTINGS, seed=4), call=Call(tell=print))


def test_pooled_answers_do_not_outlive_the_networks_that_gave_them(smear_root, tmp_path, monkeypatch):
    names = ("probabilities.npz", "crossval.json", "crossval-int8.json")
    for name in names:
        (tmp_path / name).write_text("of the run before")

    def stop(*args, **options):
        assert [name for name in names if (tmp_path / name).exists()] == []
        raise KeyboardInterrupt

    monkeypatch.setattr(crossval, "train_on", stop)
    call = Call(tell=print, resume=False)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(str(smear_root), tmp_path, folds=FOLDS, settings=replace(SETTINGS, seed=4), call=call)


@pytest.mark.parametrize("splits", [("VALIDATE",), ()])
def test_splits_that_are_not_there_are_refused(smear_root, tmp_path, splits):
    with pytest.raises(LeukoliteError, match=r"choose others with --splits"):
        cross_validate(str(smear_root), tmp_path, folds=2, settings=SETTINGS, call=Call(tell=print), splits=splits)


def test_more_folds_than_source_cells_are_refused(smear_root, tmp_path, refused):
    with refused("at least 99 source cells"):
        cross_validate(str(smear_root), tmp_path, folds=99, settings=SETTINGS, call=Call(tell=print))


def test_page_sources_and_pictures(found, out):
    sources = save(found, out)
    with (out / "sources.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["source"] for row in rows] == [answer.source for answer in sources]
    assert sum(int(row["images"]) for row in rows) == found.report.n
    right = sum(int(row["right"]) for row in rows)
    assert right == round(found.report.accuracy * found.report.n)
    page = (out / "crossval.md").read_text()
    assert f"Balanced accuracy **{found.report.balanced_accuracy:.4f}**" in page
    assert all(answer.source in page for answer in sources if answer.fails)
    rates = []  # where only what fails is wrong
    for label in {answer.label for answer in sources}:
        own = [answer for answer in sources if answer.label == label]
        right = sum(answer.right if answer.fails else answer.images for answer in own)
        rates.append(right / sum(answer.images for answer in own))
    assert f"the balanced accuracy would be {np.mean(rates):.4f}." in page
    for name in ("confusion.png", *(["failing.png"] if any(answer.fails for answer in sources) else [])):
        with Image.open(out / name) as picture:
            picture.load()


def test_without_failing_sources_there_is_no_sheet(found, tmp_path):
    sure = np.eye(4, dtype=np.float32)[found.cells.classes]
    (tmp_path / "failing.png").write_bytes(b"of an earlier run")
    assert not [answer for answer in save(replace(found, probabilities=sure), tmp_path) if answer.fails]
    assert not (tmp_path / "failing.png").exists()


def test_images_without_a_cell_count_as_missed(found, smear_root):
    cells = replace(found.cells, unseen=(found.cells.images[0],), unseen_origins=(found.cells.origins[0],))
    dataset = crossval._together(str(smear_root), ("TRAIN", "TEST"))
    report = crossval._pool(cells, found.probabilities, dataset, variant="float32", started=0)
    assert (report.n, report.n_errors) == (found.report.n + 1, 1)
    assert report.accuracy * report.n == pytest.approx(found.report.accuracy * found.report.n)


def test_the_folds_that_are_left_have_images_without_a_cell_as_well(found, tmp_path):
    """Other views see them; those of groups that show none at all are dealt in turn, each group to one fold."""
    own = found.cells.origins[0]
    origins = own, replace(own, group="x"), replace(own, group="y"), replace(own, group="x")
    unseen = tuple(replace(image, name=f"unseen/{image.name}") for image in found.cells.images[:4])
    save(replace(found, cells=replace(found.cells, unseen=unseen, unseen_origins=origins)), tmp_path)
    rows = (tmp_path / "folds.csv").read_text().splitlines()
    assert len(rows) == 1 + len(found.cells.images) + 4
    names, folds = zip(*(row.rsplit(",", 1) for row in rows[-4:]), strict=True)
    assert names == tuple(image.name for image in unseen)
    assert folds[0] == str(found.cells.folds[0])
    assert folds[1] == folds[3]
    assert set(folds) <= {str(fold) for fold in range(FOLDS)}


def test_int8_networks_answer_beside_the_float_ones(found, out, smear_root, tmp_path):
    for fold in range(FOLDS):
        shutil.copytree(out / f"fold{fold}", tmp_path / f"fold{fold}")
    tuned = replace(SETTINGS, qat_stage=replace(SETTINGS.qat_stage, learning_rate=3e-5))
    both = cross_validate(str(smear_root), tmp_path, folds=FOLDS, settings=tuned, call=Call(tell=print), int8=True)
    assert both.probabilities == pytest.approx(found.probabilities, abs=1e-6)  # no float fold is trained again
    report = load_report(tmp_path / crossval.INT8_REPORT_NAME)
    assert (report.n, report.model["variant"], report.accuracy) == (found.report.n, "int8_qat", both.int8.accuracy)
    learned = json.loads((tmp_path / "fold0-int8" / "run.json").read_text())
    assert learned["data"] == json.loads((tmp_path / "fold0" / "run.json").read_text())["data"]
    assert learned["settings"]["qat_stage"]["learning_rate"] == 3e-5  # what is asked for, not what the fold foresaw
    labels = [{row.path: row.predicted for row in each.predictions} for each in (both.report, both.int8)]
    same = np.mean([labels[0][path] == labels[1][path] for path in labels[0]])
    assert both.agreement == pytest.approx(same)
    save(both, tmp_path)
    assert (
        f"Fine-tuned for int8: balanced accuracy **{both.int8.balanced_accuracy:.4f}**"
        in (tmp_path / "crossval.md").read_text()
    )


def test_reports_are_json(out, found):
    assert json.loads((out / crossval.REPORT_NAME).read_text())["n"] == found.report.n


# Teachers.

SIGHTED = replace(SETTINGS, network=replace(SETTINGS.network, towers=1, blind=False))
TAUGHT = replace(SIGHTED, distillation=Distillation(teachers_weight=0.5))


@pytest.fixture
def taught(monkeypatch):
    """Trains nothing; what each fold would be trained with."""
    given = []

    def train(cells, run, *, teachers, **how):
        given.append((cells.digest, run.name, teachers))

    monkeypatch.setattr(crossval, "train_on", train)
    monkeypatch.setattr(
        crossval, "_answer", lambda run, cells, indices, settings: np.full((len(indices), 4), 0.25, np.float32)
    )
    return given


def teach(root, out, *crossvals, folds=FOLDS, settings=TAUGHT, groups=None):
    call = Call(tell=print, groups=groups)
    return cross_validate(str(root), out, folds=folds, settings=settings, call=call, teachers=crossvals)


def test_each_fold_is_taught_by_those_that_are_blind_to_it(found, out, smear_root, tmp_path, taught):
    teach(smear_root, tmp_path, out, out)
    learned = [json.loads((out / f"fold{fold}" / "run.json").read_text())["data"]["sha256"] for fold in range(FOLDS)]
    assert taught == [(learned[fold], f"fold{fold}", [out / f"fold{fold}"] * 2) for fold in range(FOLDS)]


def test_teachers_that_know_what_is_held_out_are_refused(found, out, smear_root, tmp_path, refused, taught):
    other = shutil.copytree(out, tmp_path / "other", ignore=shutil.ignore_patterns("model"))
    (other / "fold0").rename(other / "fold")
    (other / "fold1").rename(other / "fold0")
    (other / "fold").rename(other / "fold1")
    with refused(r"the teacher in .*/fold0 to have learned from the images .*, got other images"):
        teach(smear_root, tmp_path / "out", out, other)
    with refused("the teacher in .*/fold0 to have learned from the images .*, got other images"):
        teach(smear_root, tmp_path / "out", out, settings=replace(TAUGHT, seed=5))  # which deals other folds
    with refused("the teacher in .*/fold0 to have learned from the images .*, got other images"):
        teach(smear_root, tmp_path / "out", out, folds=3)
    assert taught == []


def test_teachers_of_another_seed_hold_out_the_same_by_the_folds_that_are_left(
    found, out, smear_root, tmp_path, taught
):
    save(found, tmp_path)
    call = Call(tell=print, split=Split(str(tmp_path / "folds.csv")))
    other = replace(TAUGHT, seed=5)
    again = cross_validate(str(smear_root), tmp_path, folds=FOLDS, settings=other, call=call, teachers=[out])
    assert np.array_equal(again.cells.folds, found.cells.folds)
    assert len(taught) == FOLDS


def test_teachers_of_other_groups_are_refused(found, out, smear_root, tmp_path, refused, taught):
    rows = (smear_root / "groups.csv").read_text().splitlines()
    (tmp_path / "groups.csv").write_text("\n".join([rows[0], *(f"{row}x" for row in rows[1:])]) + "\n")
    with refused("to be of the same images and groups, got others"):
        teach(smear_root, tmp_path / "out", out, groups=str(tmp_path / "groups.csv"))
    with refused("crossval.json"):
        teach(smear_root, tmp_path / "out", tmp_path)
    assert taught == []


def test_folds_do_not_teach_themselves_and_want_their_teachers(found, out, smear_root, tmp_path, refused, taught):
    with refused("a teacher in another directory than --out"):
        teach(smear_root, out, out)
    with refused("expected teachers, for 0.5 of the loss"):
        teach(smear_root, tmp_path)
    assert taught == []
