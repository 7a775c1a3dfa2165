import re
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks import latency, suite
from benchmarks.__main__ import main

MARKERS = "".join(
    f"<!-- figures:{name} begin --><!-- figures:{name} end -->\n" for name in ("accuracy", "disputed", "seeds")
)


@pytest.fixture
def readme(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(MARKERS)
    return path


def one_error(capsys):
    """The one line on stderr."""
    said = capsys.readouterr().err
    assert re.fullmatch("benchmarks: error: expected .+, got.+; .+\n", said), said
    return said


def test_run_prints_and_writes_the_table(run_file, tmp_path, monkeypatch, capsys):
    asked = {}

    def run(settings, *, out):
        asked.update(asdict(settings), out=out)
        return latency.load_suite(run_file())

    monkeypatch.setattr(suite, "run", run)
    options = ["--int8", "a", "--float32", "b", "--out", "o.json", "--num-threads", "2", "--min-secs", "0.5"]
    assert main(["run", *options, "--table", str(tmp_path / "t.md")]) == 0
    assert capsys.readouterr().out == (tmp_path / "t.md").read_text()
    assert (str(asked["int8_model"]), asked["num_threads"], asked["min_seconds"]) == ("a", 2, 0.5)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], {"repetitions": 5, "num_runs": 50, "min_seconds": 1.0, "more_threads": (2, 4), "bundles": ()}),
        (["--preset", "rapid"], {"repetitions": 3, "num_runs": 10, "min_seconds": 0.1}),
        (["--preset", "rigorous", "--num-runs", "7", "--repetitions", "2"], {"repetitions": 2, "num_runs": 7}),
        (["--bundle", "a.tflite", "b.tflite", "--more-threads", ""], {"int8_model": None, "more_threads": ()}),
    ],
)
def test_run_takes_a_preset_and_what_overrides_it(run_file, tmp_path, monkeypatch, capsys, options, expected):
    asked = []
    monkeypatch.setattr(suite, "run", lambda settings, *, out: asked.append(settings) or latency.load_suite(run_file()))
    assert main(["run", "--out", str(tmp_path / "o.json"), *options]) == 0
    assert expected.items() <= asdict(asked[0]).items()


def test_summary_writes_its_files_and_the_readme(left, readme, tmp_path, capsys):
    files = [part for name, path in asdict(left).items() for part in (f"--{name}", str(path))]
    assert main(["summary", *files, "--out", str(tmp_path / "out"), "--readme", str(readme)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out' / 'summary.md'}\n"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["confusion.png", "rates.png", "summary.md"]
    assert "0.9000 on 30 images" in readme.read_text()


def test_seeds_writes_its_files_and_the_readme(evaluation, readme, tmp_path, capsys):
    evaluation().save(tmp_path / "seed1-int8.json")
    out, json = tmp_path / "seeds.md", tmp_path / "out.txt"
    pattern = str(tmp_path / "seed*.json")
    assert main(["seeds", "--reports", pattern, "--out", str(out), "--json", str(json), "--readme", str(readme)]) == 0
    assert capsys.readouterr().out == out.read_text()
    assert out.read_text().strip() in readme.read_text()
    assert json.exists()


@pytest.mark.parametrize(
    "argv",
    [
        ["run", "--out", "x.json", "--num-threads", "0"],
        ["run", "--out", "x.json", "--data", "/no/such"],
        ["run", "--out", "x.json", "--more-threads", "two"],
        ["run", "--out", "x.json", "--bundle", "a/m.tflite", "b/m.tflite"],
        ["run", "--out", "x.json", "--bundle", "/no/such.tflite", "--sustained", "1"],
        ["run", "--out", "x.json", "--sustained", "0.5"],
        ["compare", "/no/such", "/no/such"],
        ["noise", "/no/such", "--out", "x.npz"],
        ["error-rates", "--noise", "/no/such", "--out", "x.json"],
        ["summary", "--int8", "/no", "--float32", "/no", "--verdict", "/no", "--results", "/no", "--out", "x"],
        ["seeds", "--reports", "/no/*.json", "--out", "x.md"],
        ["trial", "/no/trial.json"],
    ],
)
def test_bad_input_is_one_line(argv, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    one_error(capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_sentence_on_a_cross_validation_stands_on_the_page(readme, capsys):
    trial = Path(__file__).parents[2] / "reports" / "crossval" / "trial.json"
    assert main(["trial", str(trial), "--name", "seeds", "--readme", str(readme)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Cross-validated over TEST+TRAIN, 12,444 images in 313 groups of source cells")
    assert said.strip() in readme.read_text()


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_figure_that_cannot_be_read_is_named(readme, tmp_path, capsys, content):
    path = tmp_path / "figure.md"
    if content:
        path.write_bytes(content)
    assert main(["figure", "--name", "seeds", "--markdown", str(path), "--readme", str(readme)]) == 2
    assert f"expected Markdown at {path}, got " in one_error(capsys)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["nothing"],
        ["run"],
        ["run", "--out", "x", "--num-runs", "many"],
        ["error-rates", "--out", "x", "--repeats", "0"],
        ["error-rates", "--out", "x", "--seed", "-1"],
        ["power", "--out", "x", "--repeats", "0"],
        ["shifts", "--data", "x", "--seed", "-1"],
        ["pipeline", "--data", "x", "--out", "x", "--images", "0"],
        ["start", "--out", "x", "--rounds", "0"],
        ["cores", "--data", "x", "--out", "x", "--rounds", "-1"],
        ["explain", "--data", "x", "--out", "x", "--runs", "0"],
        ["adapt", "--data", "x", "--groups", "x", "--out", "x", "--microscopes", "0"],
        ["mutations", "--reference", "x", "--data", "x", "--groups", "x", "--out", "x", "--per-kind", "0"],
        ["refusals", "--models", "x", "--confidence", "x", "--data", "x", "--groups", "x", "--out", "x", "--runs", "0"],
        ["bulk", "--out", "x", "--repeats", "0"],
    ],
)
def test_usage_is_one_line(argv, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2
    one_error(capsys)
