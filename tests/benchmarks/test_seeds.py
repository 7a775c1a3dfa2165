import json

import pytest

from benchmarks import seeds
from edge_runtime.files import write_json


@pytest.fixture
def save(tmp_path, evaluation):
    def write(name, variant="int8_qat", **changes):
        evaluation(variant, **changes).save(tmp_path / name)
        return str(tmp_path / "*.json")

    return write


@pytest.fixture
def pattern(save):
    """Seeds 1, 2 and 10 of both variants: 27, 24 and 30 of 30 right in int8, all in float32."""
    for seed, misses in ((1, 1), (2, 2), (10, 0)):
        save(f"seed{seed}-int8.json", misses=misses)
        where = save(f"seed{seed}-float32.json", "float32", misses=0)
    return where


def test_mean_lowest_and_highest_over_seeds(pattern):
    found = seeds.gather([pattern])
    assert [(run.variant, run.seed) for run in found.runs][3:] == [("int8_qat", 1), ("int8_qat", 2), ("int8_qat", 10)]
    summary = found.summary()["int8_qat"]
    assert summary["accuracy"].mean == pytest.approx(0.9)
    assert (summary["accuracy"].lowest, summary["accuracy"].highest) == (0.8, 1.0)
    assert summary["lowest_tpr"].lowest == pytest.approx(0.8)
    assert summary["lowest_tnr"].lowest == pytest.approx(0.9)


def test_table(pattern):
    text = seeds.to_markdown(seeds.gather([pattern]))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert ["int8_qat", "**mean**", "**0.9000**", "**0.9000**", "**0.9500**"] in cells
    assert ["int8_qat", "10", "1.0000"] in [line[:3] for line in cells]
    assert "All 30 images of TEST" in text
    assert "Accuracy of int8_qat less that of float32 of the same seed: -0.2000 to +0.0000." in text


def test_json_keeps_the_runs_and_the_summary(pattern, tmp_path):
    write_json(tmp_path / "seeds", seeds.gather([pattern]).to_json())
    read = json.loads((tmp_path / "seeds").read_text())
    assert len(read["runs"]) == 6
    assert read["summary"]["float32"]["accuracy"] == {"mean": 1.0, "lowest": 1.0, "highest": 1.0}


def test_the_same_file_named_twice_counts_once(pattern, tmp_path):
    assert len(seeds.gather([pattern, str(tmp_path / "seed1-*.json")]).runs) == 6


def test_one_variant_alone_will_do(save):
    text = seeds.to_markdown(seeds.gather([save("seed1-int8_qat.json")]))
    assert "less that of" not in text


def test_nothing_there_is_refused(tmp_path, refused):
    with refused("none at"):
        seeds.gather([str(tmp_path / "seed*.json")])


@pytest.mark.parametrize("name", ["int8.json", "seed-int8.json", "seed1-float32.json", "seedx-int8.json"])
def test_a_name_that_does_not_tell_seed_and_variant_is_refused(save, refused, name):
    where = save(name)
    with refused("seed<N>-int8_qat.json"):
        seeds.gather([where])


def test_another_data_set_is_refused(pattern, save, refused):
    save("seed2-int8.json", data="other")
    with refused("the same images"):
        seeds.gather([pattern])


def test_a_seed_that_a_variant_lacks_is_refused(pattern, tmp_path, refused):
    (tmp_path / "seed2-float32.json").unlink()
    with refused(r"each seed of \[1, 2, 10\], got float32 of \[1, 10\]"):
        seeds.gather([pattern])


def test_two_reports_of_one_seed_and_variant_are_refused(pattern, save, refused):
    save("seed1-int8_qat.json")
    with refused("one report of each variant"):
        seeds.gather([pattern])


def test_a_class_without_samples_is_refused(tmp_path, evaluation, refused):
    fields = evaluation().to_json()
    fields["per_class"]["MONOCYTE"]["tpr"] = None
    write_json(tmp_path / "seed1-int8.json", fields)
    with refused("a TPR of every class"):
        seeds.gather([str(tmp_path / "*.json")])
