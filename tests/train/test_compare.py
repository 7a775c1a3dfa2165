import json
from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.files import write_json
from tests.train.answers import CLASSES, GROUPS, LABELS, QAT, N, logits, run
from train.comparable import FLOAT, PTQ
from train.compare import CHOSEN, ONCE, compare


def rows_of(comparison):
    return {row.name: row for row in comparison.rows}


def test_figures_are_those_of_each_network():
    rows = rows_of(compare([run(floats=1.0, ptq=0.5, qat=0.75)]))
    for name, share in ((FLOAT, 1.0), (PTQ, 0.5), (QAT, 0.75)):
        expected = float((logits(share).argmax(axis=1) == CLASSES).mean())
        assert rows[name].figures[ONCE].accuracy == pytest.approx(expected)
        assert rows[name].figures[ONCE].agreement == pytest.approx(expected)  # the float network is always right
        assert rows[name].figures[ONCE].strength == 1
        assert set(rows[name].figures[ONCE].tpr) == set(LABELS)
    assert rows[FLOAT].figures[ONCE].against == {}
    assert set(rows[PTQ].figures[ONCE].against) == {FLOAT}
    between = rows[QAT].figures[ONCE].against[PTQ].differences.accuracy
    assert between.value == pytest.approx(rows[QAT].figures[ONCE].accuracy - rows[PTQ].figures[ONCE].accuracy)


@pytest.mark.parametrize(
    ("ptq", "qat", "said"),
    [(0.6, 0.95, "worth it"), (0.9, 0.5, "worse than not"), (0.8, 0.805, "worth nothing"), (0.8, 0.8, "worth nothing")],
)
def test_verdict_says_what_qat_is_worth(ptq, qat, said):
    verdicts = compare([run(ptq=ptq, qat=qat)]).verdicts
    assert len(verdicts) == 2
    for verdict, point in zip(verdicts, (CHOSEN, ONCE), strict=True):
        assert verdict.startswith(f"{QAT}, prior taken out {point}: {said}")


def test_strength_is_chosen_for_each_network_by_the_rule():
    # A network that leans to the first class by three times its share is right when that is taken out.
    share = np.log([0.6, 0.2, 0.2])
    leaning = logits(1.0) * 0.1 + 3 * share
    figures = rows_of(compare([run(log_share=share, qat_logits=leaning.astype(np.float32), floats=0.9)]))
    assert figures[QAT].figures[CHOSEN].strength > figures[PTQ].figures[CHOSEN].strength
    assert figures[QAT].figures[CHOSEN].lowest_tpr == 1
    assert figures[QAT].figures[CHOSEN].lowest_tpr > figures[QAT].figures[ONCE].lowest_tpr


def test_runs_of_one_setting_are_averaged():
    good, bad = run(qat=1.0), run(qat=0.5, seed=2, float_digest="g")
    comparison = compare([bad, good])
    assert comparison.seeds == [1, 2]
    row = rows_of(comparison)[QAT]
    both = np.mean([(logits(share).argmax(axis=1) == CLASSES).mean() for share in (1.0, 0.5)])
    assert row.figures[ONCE].accuracy == pytest.approx(both)
    assert len(row.figures[ONCE].against[PTQ].mcnemar) == 2


def test_settings_stand_below_each_other():
    settings = [run(), run(learning_rate=3e-5, epochs=1), run(learning_rate=1e-3, epochs=4)]
    names = [row.name for row in compare(settings).rows]
    assert names == [FLOAT, PTQ, "QAT 3e-05 x 1", QAT, "QAT 0.001 x 4"]
    assert len(compare(settings).verdicts) == 6


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"learning_rate": 1e-3, "float_digest": "g"}, "each float network in each setting"),
        ({"float_digest": "f"}, "each float network once"),
        ({"learning_rate": 1e-3, "ptq_logits": logits(0.5)}, "the same calibration"),
        ({"float_digest": "g", "data_sha256": "e"}, "the same images"),
        ({"float_digest": "g", "labels": ("A", "B", "D")}, "the same images"),
        ({"float_digest": "g", "groups": GROUPS + 1}, "the same images"),
        ({"float_digest": "g", "classes": CLASSES[::-1]}, "the same images"),
    ],
)
def test_what_is_not_comparable_is_refused(refused, other, message):
    with refused(message):
        compare([run(), replace(run(), **other)])


def test_json_has_everything_and_no_nan(tmp_path):
    write_json(tmp_path / "c.json", compare([run()]).to_json())
    kept = json.loads((tmp_path / "c.json").read_text())
    assert (kept["n"], kept["groups"], kept["labels"]) == (N, len(set(GROUPS.tolist())), list(LABELS))
    assert [row["name"] for row in kept["rows"]] == [FLOAT, PTQ, QAT]
    assert kept["rows"][2]["figures"][ONCE]["against"][PTQ]["mcnemar"][0]["p"] == 1
    assert kept["verdicts"] == compare([run()]).verdicts
