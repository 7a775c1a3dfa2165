import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from edge_runtime.dataset import digest
from edge_runtime.groups import Origin
from edge_runtime.view import CELL, View
from tests.train import tiny
from train import cells, reproduce, rundir, stages, teachers
from train.__main__ import main
from train.config import PRESETS, Distillation
from train.finish import describe
from train.loading import load_cells
from train.network import build_deployed
from train.reproduce import compare
from train.stages import Call, train_float, train_qat
from train.stream import Stream, to_unit
from train.teachers import ask, read_teachers, recall

ALONE = replace(
    tiny.SETTINGS,
    network=replace(tiny.NETWORK, towers=1, blind=False),
    float_stage=replace(tiny.SETTINGS.float_stage, epochs=1, class_prior=2.5),
)
HOW = Distillation(teachers_weight=0.75, temperature=3.0)
TAUGHT = replace(ALONE, distillation=HOW)
SEED = ALONE.seed
PRIOR = np.log((0.1, 0.2, 0.3, 0.4))


class BegunError(Exception):
    pass


@pytest.fixture(scope="module")
def own(smear_root):
    """The cells that students and teachers learn from."""
    return load_cells(str(smear_root), settings=ALONE, groups=None, tell=print)[0]


@pytest.fixture(scope="module")
def teacher(smear_root, tmp_path_factory):
    """A finished run whose exported network has the prior taken out two and a half times."""
    out = tmp_path_factory.mktemp("teacher")
    train_float(str(smear_root), out, settings=ALONE, call=Call(tell=print))
    return out


@pytest.fixture(scope="module")
def student(smear_root, teacher, runs, tmp_path_factory):
    """A finished run with two teachers; the other one is of blind towers."""
    out = tmp_path_factory.mktemp("student")
    train_float(str(smear_root), out, settings=TAUGHT, call=Call(tell=print), teachers=(teacher, runs[0]))
    return out


# What teachers say.


def test_a_teacher_s_logits_are_those_it_was_trained_with(teacher, own, tmp_path):
    (read,) = read_teachers([teacher], own, out=tmp_path, how=HOW)
    assert read.strength == 2.5
    lesson = ask([read], own, out=tmp_path, log_prior=PRIOR, how=HOW)
    model = build_deployed(ALONE.network, classes=4)
    model.load_weights(str(teacher / "weights.h5"))  # the prior taken out once
    stream = Stream(own.images.paths, np.arange(len(own.images)), batch_size=32, view=ALONE.network.view)
    plain = np.concatenate([model(to_unit(pixels))[0].numpy() for pixels, _ in stream])
    # Another order of float32 sums.
    assert lesson.probabilities.numpy() == pytest.approx(tf.nn.softmax((plain + PRIOR) / 3).numpy(), abs=1e-5)
    assert (set(lesson.weights.numpy().tolist()), lesson.temperature) == ({0.75}, 3.0)


def test_several_teachers_are_averaged(teacher, runs, own, tmp_path):
    def said(*directories):
        out = tmp_path / str(len(list(tmp_path.iterdir())))
        out.mkdir()
        read = read_teachers(directories, own, out=out, how=HOW)
        return ask(read, own, out=out, log_prior=PRIOR, how=HOW).probabilities.numpy()

    both = said(teacher, runs[0])
    assert both == pytest.approx((said(teacher) + said(runs[0])) / 2, abs=1e-6)
    assert not np.allclose(both, said(teacher), atol=1e-2)


def test_what_is_kept_is_not_asked_again(teacher, own, tmp_path, monkeypatch):
    read = read_teachers([teacher], own, out=tmp_path, how=HOW)
    first = ask(read, own, out=tmp_path, log_prior=PRIOR, how=HOW)
    monkeypatch.setattr(teachers, "answer", None)
    again = ask(read, own, out=tmp_path, log_prior=PRIOR, how=HOW)
    assert np.array_equal(first.probabilities, again.probabilities)


def test_damaged_answers_are_refused(teacher, own, tmp_path, refused):
    (tmp_path / rundir.TEACHERS_NAME).write_bytes(b"PK")
    read = read_teachers([teacher], own, out=tmp_path, how=HOW)
    with refused("the answers of teachers in"):
        ask(read, own, out=tmp_path, log_prior=PRIOR, how=HOW)


# Who may teach.


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"labels": ["A", "B", "C", "D"]}, "to have learned from the images .*, got the labels A, B, C, D"),
        ({"data": {"sha256": "0" * 64}}, r"got other images \(their digest differs\)"),
        ({"data": {"sources": {"EOSINOPHIL": 1}}}, "got other source cells"),
        ({"source_share": None}, "a finished run of this version in"),
        ({"operating_point": {}}, "a finished run of this version in .*strength"),
        ({"settings": {}}, "with all settings of this version"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_other_runs_are_refused(teacher, own, tmp_path, refused, change, match):
    other = shutil.copytree(teacher, tmp_path / "other")
    run = json.loads((other / "run.json").read_text())
    for name, value in change.items():
        run[name] = {**run[name], **value} if name == "data" else value
    (other / "run.json").write_text(json.dumps(run))
    with refused(match):
        read_teachers([teacher, other], own, out=tmp_path / "out", how=HOW)


@pytest.mark.parametrize(
    ("lacking", "match"), [("run.json", "the run.json of a teacher"), ("weights.h5", "weights.h5")]
)
def test_unfinished_runs_are_refused(teacher, own, tmp_path, refused, lacking, match):
    other = shutil.copytree(teacher, tmp_path / "other")
    (other / lacking).unlink()
    with refused(match):
        read_teachers([other], own, out=tmp_path / "out", how=HOW)


def test_a_teacher_without_its_network_is_refused(teacher, own, tmp_path, refused):
    other = shutil.copytree(teacher, tmp_path / "other")
    shutil.rmtree(other / "model")
    read = read_teachers([other], own, out=tmp_path, how=HOW)
    with refused("the network of a finished run in"):
        ask(read, own, out=tmp_path, log_prior=PRIOR, how=HOW)


def test_nobody_teaches_themselves(teacher, own, refused):
    with refused("a teacher in another directory than --out"):
        read_teachers([teacher], own, out=teacher / ".." / teacher.name, how=HOW)


def test_teachers_that_are_wanted_must_be_there_and_train_on_one_machine(teacher, own, tmp_path, refused):
    with refused("expected teachers, for 0.75 of the loss, got none"):
        read_teachers([], own, out=tmp_path, how=HOW)
    with refused("training on one machine, where there are teachers, got 2 workers"):
        read_teachers([teacher], own, out=tmp_path, how=HOW, workers=2)


def test_a_teacher_of_the_whole_field_may_know_images_without_a_cell(teacher, own, tmp_path, refused):
    kept = replace(own, images=own.images.take(np.arange(1, 32)), digest="0" * 64)
    seen = replace(kept, unseen=(own.images[0],))
    assert digest((*seen.images, *seen.unseen)) == own.digest
    assert len(read_teachers([teacher], replace(seen, classes=own.classes), out=tmp_path, how=HOW)) == 1
    with refused("other images"):
        read_teachers([teacher], kept, out=tmp_path, how=HOW)


@pytest.fixture
def nearsighted(teacher, own, tmp_path, monkeypatch):
    """A teacher of the cell view, as far as anybody can tell: two pictures show it no cell, and which do is told."""
    shown = np.ones(len(own.images), bool)
    shown[[2, -1]] = False
    path = shutil.copytree(teacher, tmp_path / "nearsighted")
    run = json.loads((path / "run.json").read_text())
    run["data"]["sha256"] = digest(own.images.take(np.flatnonzero(shown)))
    run["settings"]["network"]["white_balance"] = True  # by which its view is known here
    (path / "run.json").write_text(json.dumps(run))
    for module in (cells, teachers):
        monkeypatch.setattr(
            module, "shows", lambda view, images: shown if view.white_balance else np.ones(len(images), bool)
        )
    return path, shown


def test_of_what_teachers_do_not_see_the_label_alone_counts(teacher, nearsighted, own, tmp_path):
    path, shown = nearsighted

    def said(*directories):
        out = tmp_path / str(len(directories))
        out.mkdir()
        read = read_teachers(directories, own, out=out, how=HOW)
        lesson = ask(read, own, out=out, log_prior=PRIOR, how=HOW)
        return lesson.probabilities.numpy(), lesson.weights.numpy()

    alone, weights = said(path)
    assert (weights == np.where(shown, 0.75, 0)).all()
    assert alone[shown].sum(axis=1) == pytest.approx(1)
    assert not alone[~shown].any()
    both, weights = said(teacher, path)
    assert (weights == 0.75).all()
    assert both.sum(axis=1) == pytest.approx(1)  # the other one has seen them


def test_an_image_without_a_cell_may_be_its_source_s_only_one(own, monkeypatch):
    """As where no groups are known: the teacher then has a source less, and is taken all the same."""
    alone = replace(own, origins=tuple(Origin(image.name, image.name) for image in own.images))
    monkeypatch.setattr(cells, "_shows_a_cell", lambda view, path: path != own.images.paths[3])
    view = View(CELL, 24, 24, 60, 80)
    learned = cells.seen_by(view, alone)
    assert len(learned.unseen) == 1
    assert learned.sources() != alone.sources()
    run = {"labels": list(own.labels), "data": describe(learned)}
    assert teachers._complaint(run, alone, view=view) == ""
    run["data"] = run["data"] | {"sources": alone.sources()}
    assert "other source cells" in teachers._complaint(run, alone, view=view)


def test_a_teacher_that_says_no_number_is_refused(teacher, own, tmp_path, refused, monkeypatch):
    read = read_teachers([teacher], own, out=tmp_path, how=HOW)
    monkeypatch.setattr(teachers, "answer", lambda run, paths, indices, settings: np.full((len(indices), 4), np.nan))
    with refused("numbers from the network in .*, got NaN"):
        ask(read, own, out=tmp_path, log_prior=PRIOR, how=HOW)


def test_who_has_learned_from_what_no_view_explains_is_refused(nearsighted, own, tmp_path, refused, monkeypatch):
    monkeypatch.setattr(cells, "shows", lambda view, images: np.arange(len(images)) > 0)
    with refused("other images"):
        read_teachers([nearsighted[0]], own, out=tmp_path, how=HOW)


def test_blind_towers_are_not_taught(refused):
    with refused("towers that are blind to nothing, where there are teachers"):
        replace(tiny.SETTINGS, distillation=HOW)


# A teacher of one's own.


@pytest.fixture
def wanting(monkeypatch):
    """Settings that want a teacher of a preset, which is a tiny one here."""
    monkeypatch.setitem(PRESETS, "small", replace(ALONE, seed=9))
    return replace(TAUGHT, distillation=replace(HOW, teacher="small"))


@pytest.fixture
def trained(monkeypatch):
    """What is trained in which folder, of which seed, and whether it is taught; it is not."""
    seen = []

    def fit(stage):
        seen.append((stage.directory.name, stage.seed, stage.lesson is not None))
        raise BegunError

    monkeypatch.setattr(stages, "fit", fit)
    return seen


def test_where_none_is_named_a_teacher_is_trained_first(wanting, teacher, smear_root, tmp_path):
    out, named = tmp_path / "taught", tmp_path / "named"
    train_float(str(smear_root), out, settings=wanting, call=Call(tell=print))
    assert compare(out / "teacher", teacher).identical  # of the student's seed
    train_float(str(smear_root), named, settings=wanting, call=Call(tell=print), teachers=[teacher])
    assert compare(out, named).identical
    own, other = (json.loads((run / "run.json").read_text()) for run in (out, named))
    assert len(own["teachers_sha256"]) == len(other["teachers_sha256"]) == 1  # of files that hold when they were made
    assert "teachers" not in own["inputs"]
    assert not (named / "teacher").exists()
    assert not [line for line in reproduce._differences(own) if "teacher" in line]


def test_a_run_goes_on_where_it_was_killed_in_its_teacher_or_after(wanting, teacher, smear_root, tmp_path, trained):
    out = tmp_path / "taught"

    def go_on(resume=None):
        with pytest.raises(BegunError):
            train_float(str(smear_root), out, settings=wanting, call=Call(tell=print, resume=resume))
        return trained.pop()

    def have_a_teacher():
        shutil.rmtree(out / "teacher")
        shutil.copytree(teacher, out / "teacher")

    assert go_on() == ("teacher", SEED, False)
    (out / "teacher" / "checkpoints" / "step-000000001").mkdir(parents=True)
    assert go_on(resume=True) == ("teacher", SEED, False)
    have_a_teacher()  # and the run itself is not begun
    assert go_on(resume=True) == ("taught", SEED, True)
    assert go_on() == ("taught", SEED, True)
    (out / "checkpoints" / "step-000000001").mkdir(parents=True)
    assert go_on(resume=True) == ("taught", SEED, True)
    assert go_on(resume=False) == ("teacher", SEED, False)
    have_a_teacher()
    (out / "run.json").write_text("{}")  # done: again, and so is its teacher
    assert go_on() == ("teacher", SEED, False)


def test_a_finished_run_needs_its_teacher_no_more(wanting, smear_root, tmp_path, monkeypatch, refused):
    out, said = tmp_path / "taught", []
    with refused("taught to hold a run of these settings and images, got none"):
        train_float(str(smear_root), out, settings=wanting, call=Call(tell=print, resume=True))
    train_float(str(smear_root), out, settings=wanting, call=Call(tell=print))
    shutil.rmtree(out / "teacher")
    monkeypatch.setattr(stages, "fit", None)
    train_float(str(smear_root), out, settings=wanting, call=Call(tell=said.append, resume=True))
    assert said[-1].endswith("taught is finished")
    assert not (out / "teacher").exists()


def test_a_preset_that_there_is_no_more_teaches_nobody(wanting, smear_root, tmp_path, refused):
    gone = replace(wanting, distillation=replace(wanting.distillation, teacher="gone"))
    with refused("a preset to be taught by, one of full, .*, got gone"):
        train_float(str(smear_root), tmp_path, settings=gone, call=Call(tell=print))


def test_several_machines_train_no_teacher(wanting, own, tmp_path, refused):
    with refused("training on one machine, where there are teachers, got 2 workers"):
        read_teachers([], own, out=tmp_path, how=wanting.distillation, workers=2)


def test_workers_are_refused_a_teacher_before_they_wait_for_each_other(tmp_path, monkeypatch, capsys):
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    monkeypatch.setattr("train.commands.floats.start", None)  # where they meet
    command = ["float", "--data", str(tmp_path), "--strategy", "multiworker", "--out", str(tmp_path / "run")]
    assert main(command) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert "training on one machine, where there are teachers, got 2 workers" in line


# A whole training.


def test_teachers_change_what_is_learned_and_are_named(student, teacher, runs):
    assert not compare(student, teacher).identical
    run = json.loads((student / "run.json").read_text())
    assert run["inputs"]["teachers"] == [str(teacher), str(runs[0])]
    assert run["settings"]["distillation"] == {"teachers_weight": 0.75, "temperature": 3.0, "teacher": ""}
    assert len(run["teachers_sha256"]) == 2


def begun(monkeypatch, train):
    """The stage of a training that ends where it would begin."""
    seen = []

    def cut(stage):
        seen.append(stage)
        raise BegunError

    monkeypatch.setattr(stages, "fit", cut)
    with pytest.raises(BegunError):
        train()
    return seen[0]


def begin(monkeypatch, root, out, *, settings=TAUGHT, by=(), **how):
    """The same of a float training."""
    call = Call(tell=print, **how)
    return begun(monkeypatch, lambda: train_float(str(root), out, settings=settings, call=call, teachers=by))


def test_without_weight_they_are_not_heard(teacher, smear_root, tmp_path, monkeypatch):
    stage = begin(monkeypatch, smear_root, tmp_path / "own", settings=ALONE, by=[teacher])
    assert stage.lesson is None
    assert not (tmp_path / "own" / rundir.TEACHERS_NAME).exists()


def test_a_killed_run_goes_on_with_what_they_said(teacher, smear_root, tmp_path, monkeypatch):
    out = tmp_path / "r"
    first = begin(monkeypatch, smear_root, out, by=[teacher]).lesson
    (out / "checkpoints" / "step-000000001").mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setattr(teachers, "answer", None)
        again = begin(monkeypatch, smear_root, out, by=[teacher], resume=True).lesson
    assert np.array_equal(first.probabilities, again.probabilities)
    shutil.rmtree(out / "checkpoints")  # begun anew, as after other code, they are asked anew
    np.savez(out / rundir.TEACHERS_NAME, adjusted=np.zeros((1, 32, 4), np.float32))
    anew = begin(monkeypatch, smear_root, out, by=[teacher]).lesson
    assert np.array_equal(first.probabilities, anew.probabilities)


def test_fine_tuning_hears_what_they_said(student, own, smear_root, tmp_path, monkeypatch):
    monkeypatch.setattr(teachers, "answer", None)  # nobody is asked again
    call = Call(tell=print)
    lesson = begun(monkeypatch, lambda: train_qat(str(smear_root), student, tmp_path, call=call)).lesson
    kept = recall(student, log_prior=np.log(own.source_share), how=HOW)
    assert np.array_equal(lesson.probabilities, kept.probabilities)
    assert (set(lesson.weights.numpy().tolist()), lesson.temperature) == ({0.75}, 3.0)


def test_without_what_they_said_nothing_is_fine_tuned(student, smear_root, tmp_path, refused):
    moved = shutil.copytree(student, tmp_path / "moved")
    (moved / rundir.TEACHERS_NAME).unlink()
    with refused("the answers of teachers in .*teachers.npz, got .+No such file or directory.+; train it again"):
        train_qat(str(smear_root), moved, tmp_path / "qat", call=Call(tell=print))
    assert not (tmp_path / "qat").exists()


def test_other_teachers_are_another_run(student, teacher, smear_root, refused):
    with refused("got teachers_sha256"):
        train_float(str(smear_root), student, settings=TAUGHT, call=Call(tell=print, resume=True), teachers=[teacher])


def test_a_taught_run_is_done_again_with_its_teachers(student, teacher, runs, tmp_path, monkeypatch):
    class AskedError(Exception):
        pass

    def stage(data, out, *, teachers, **how):
        assert teachers == [teacher, runs[0]]
        raise AskedError

    said = []
    monkeypatch.setattr(reproduce, "train_float", stage)
    moved = shutil.copytree(student, tmp_path / "moved")
    run = json.loads((moved / "run.json").read_text())
    (moved / "run.json").write_text(json.dumps(run | {"teachers_sha256": [run["teachers_sha256"][0], "0" * 64]}))
    with pytest.raises(AskedError):
        reproduce.reproduce(moved, tmp_path / "again", data=None, groups=None, tell=said.append)
    assert [line for line in said if "teacher" in line] == [
        f"may come out otherwise: the teacher in {runs[0]} is another, or not there"
    ]
