import json
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import input_rate
from benchmarks.__main__ import main
from benchmarks.input_rate import COLD, DECODE, WARM, measure, read_waits, run_pipeline, time_decoding, to_markdown

SAID = {"batch_size": 2, "image_height_px": 12, "image_width_px": 16, "threads": 2, "cores": 2}


@pytest.fixture
def data(picture, tmp_path):
    """Five TRAIN pictures, and one of TEST."""
    for name in ("TRAIN/RED/a.png", "TRAIN/RED/b.png", "TRAIN/BLUE/a.png", "TRAIN/BLUE/b.png", "TRAIN/BLUE/c.png"):
        picture(f"data/{name}")
    picture("data/TEST/RED/d.png")
    return tmp_path / "data"


@pytest.fixture
def history(tmp_path):
    """Three epochs' waiting."""
    path = tmp_path / "history.csv"
    path.write_text("epoch,input_wait_share\n1,0.04\n2,0.002\n3,0.01\n")
    return path


@pytest.fixture
def pipeline(monkeypatch):
    """Replaces the other process: 60, 80 and 100 images a second warm, half as many cold; lists what was asked."""
    asked = []

    def fake(data, *, seconds, cold):
        rate = (60, 80, 100)[len(asked) // 2 % 3] / (2 if cold else 1)
        asked.append((data, seconds, cold))
        return {**SAID, "images": 4, "batches_s": [2 / rate, 2 / rate], "cpu_s": 0.002}

    monkeypatch.setattr(input_rate, "run_pipeline", fake)
    return asked


@pytest.fixture
def decoding(monkeypatch):
    """Replaces the decoding by one of 40 images a second."""
    monkeypatch.setattr(
        input_rate, "time_decoding", lambda paths, like, *, seconds: input_rate.Sample(DECODE, 4, (0.05, 0.05), 0.001)
    )


def cells_of(text):
    """The cells of the table by the text of the first."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line]
    return {row[0]: row[1:] for row in rows}


def test_every_kind_is_measured_in_every_round(data, pipeline):
    found = measure(data, rounds=3, seconds=0.001)
    assert [sample.kind for sample in found.samples] == [COLD, WARM, DECODE] * 3
    assert pipeline == [(data, 0.001, True), (data, 0.001, False)] * 3
    assert found.images == 5
    assert {name: getattr(found, name) for name in SAID} == SAID


def test_ratios_are_of_medians_of_the_same_run(data, pipeline, decoding):
    found = measure(data, rounds=3, seconds=1)
    assert found.rates(WARM) == pytest.approx([60, 80, 100])
    assert (found.ratio(WARM), found.ratio(COLD), found.ratio(DECODE)) == pytest.approx((2, 1, 1))
    assert (found.cpu_ms(WARM), found.cpu_ms(DECODE)) == pytest.approx((0.5, 0.25))


def test_images_are_in_the_page_cache_when_it_is_to_be_warm(data, pipeline, decoding, monkeypatch):
    read = []
    monkeypatch.setattr(input_rate, "read_bytes", lambda path: read.append((path, [cold for *_, cold in pipeline])))
    measure(data, rounds=1, seconds=1)
    assert len({path for path, _ in read}) == 5
    assert all(asked == [True] for _, asked in read)


def test_json_keeps_the_raw_samples(data, pipeline, decoding, history, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/x/benchmarks/__main__.py", "input", "--data", "/home/me/data", "--rounds", "3"])
    found = json.loads(json.dumps(measure(data, rounds=3, seconds=1, history=history).to_json()))
    assert [sample["batches_s"] for sample in found["samples"] if sample["kind"] == DECODE] == [[0.05, 0.05]] * 3
    assert found["summary"]["warm"] == {
        "images_per_s": pytest.approx({"median": 80, "lowest": 60, "highest": 100}),
        "times_decode": pytest.approx(2),
        "cpu_ms": pytest.approx(0.5),
    }
    assert found["waits"] == [0.04, 0.002, 0.01]
    assert found["summary"]["input_wait_share"] == {"median": 0.01, "highest": 0.04}
    assert found["provenance"]["argv"] == ["__main__.py", "input", "--data", "data", "--rounds", "3"]
    assert found["provenance"]["packages"]["pillow"]


def test_table(data, pipeline, decoding, history):
    text = to_markdown(measure(data, rounds=3, seconds=1, history=history))
    cells = cells_of(text)
    assert cells["pipeline, images in the page cache"] == ["80", "60", "100", "2.00 x", "0.500", "3"]
    assert cells["pipeline, page cache emptied first"] == ["40", "30", "50", "1.00 x", "0.500", "3"]
    assert cells["one thread that only decodes"] == ["40", "40", "40", "1.00 x", "0.250", "3"]
    assert "5 images, decoded to 16 x 12 in batches of 2, 2 decoding threads on 2 cores" in text
    assert "waited for input 1.00% of the time (median of 3 epochs, 4.00% at most)" in text


@pytest.mark.parametrize(("load", "said"), [(0.9, False), (1.1, True)])
def test_without_a_history_nothing_is_said_of_waiting_and_a_busy_machine_is_named(
    data, pipeline, decoding, monkeypatch, load, said
):
    monkeypatch.setattr(input_rate.os, "getloadavg", lambda: (load, 0, 0))
    monkeypatch.setattr(input_rate.os, "cpu_count", lambda: 2)
    found = measure(data, rounds=1, seconds=1)
    assert found.to_json()["summary"]["input_wait_share"] is None
    assert "waited" not in to_markdown(found)
    assert ("machine was busy" in to_markdown(found)) == said


def test_plain_decoding_reads_the_images_one_after_the_other(monkeypatch):
    seen, clock = [], iter(range(100))
    monkeypatch.setattr(input_rate, "decode", lambda path, **shape: seen.append((path, shape)))
    monkeypatch.setattr(input_rate, "time", SimpleNamespace(perf_counter=lambda: next(clock), process_time=lambda: 0.0))
    found = time_decoding("abcde", SAID, seconds=4)
    assert (found.kind, found.images, found.batches_s) == (DECODE, 2 + 2 + 1 + 2, (1, 1, 1, 1))
    assert sorted(path for path, _ in seen[:5]) == list("abcde")
    assert all(shape == {"height_px": 12, "width_px": 16} for _, shape in seen)


# The other process.


@pytest.fixture
def process(monkeypatch):
    """Replaces it: `process(0, stdout="{}")`; lists the commands."""
    commands = []

    def prepare(status, *, stdout="", stderr=""):
        def run(command, **options):
            commands.append((command, options["cwd"]))
            return subprocess.CompletedProcess(command, status, stdout, stderr)

        monkeypatch.setattr(subprocess, "run", run)
        return commands

    return prepare


@pytest.mark.parametrize("cold", [True, False])
def test_the_pipeline_is_asked_for_by_its_command(process, tmp_path, monkeypatch, cold):
    monkeypatch.chdir(tmp_path)
    commands = process(0, stdout='{"images": 3}\n')
    assert run_pipeline(Path("cells"), seconds=1.5, cold=cold) == {"images": 3}
    ((command, folder),) = commands
    options = ["throughput", "--data", str(tmp_path / "cells"), "--seconds", "1.5"]
    assert command[1:] == ["-m", "train", *options, *["--cold"] * cold]
    assert (folder / "train").is_dir()


@pytest.mark.parametrize(
    ("status", "said", "match"),
    [
        (2, {"stderr": "chatter\ntrain: error: expected a, got b; c\n"}, "got status 2: train: error: expected a"),
        (-9, {}, "status -9: nothing on standard error"),
        (0, {"stdout": "no JSON"}, "status 0: Expecting value"),
    ],
)
def test_a_pipeline_that_does_not_run_is_one_line(process, refused, status, said, match):
    process(status, **said)
    with refused(match):
        run_pipeline(Path("cells"), seconds=1, cold=False)


def test_measures_the_real_pipeline(data):
    found = measure(data, rounds=1, seconds=0.001)
    assert [sample.kind for sample in found.samples] == [COLD, WARM, DECODE]
    assert all(sample.images >= 5 and sample.cpu_s > 0 for sample in found.samples)
    assert (found.image_height_px, found.image_width_px, found.threads) == (120, 160, 2)


# What cannot be used.


@pytest.mark.parametrize("changes", [{"rounds": 0}, {"seconds": 0}, {"seconds": float("nan")}])
def test_nothing_to_measure_is_refused(data, pipeline, refused, changes):
    with refused("at least one round"):
        measure(data, **{"rounds": 1, "seconds": 1, **changes})
    assert pipeline == []


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("epoch,loss\n1,0.5\n", "the column input_wait_share"),
        ("epoch,input_wait_share\n1,much\n", "could not convert"),
        ("epoch,input_wait_share\n", "no epoch"),
        (None, "a training history"),
    ],
)
def test_a_history_that_tells_no_waiting_is_refused(tmp_path, refused, content, match):
    path = tmp_path / "history.csv"
    if content is not None:
        path.write_text(content)
    with refused(match):
        read_waits(path)


def test_the_command_writes_its_files_and_the_readme(data, pipeline, decoding, history, tmp_path, capsys):
    readme, out, written = (tmp_path / name for name in ("README.md", "t.md", "input.json"))
    readme.write_text("<!-- figures:input begin --><!-- figures:input end -->")
    options = ["--rounds", "3", "--seconds", "0.5", "--history", str(history)]
    files = ["--out", str(written), "--table", str(out), "--readme", str(readme)]
    assert main(["input", "--data", str(data), *options, *files]) == 0
    assert capsys.readouterr().out == out.read_text()
    assert out.read_text().strip() in readme.read_text()
    assert len(json.loads(written.read_text())["samples"]) == 9
    assert {seconds for _, seconds, _ in pipeline} == {0.5}


@pytest.mark.parametrize("wrong", [["--data", "/no/such"], ["--rounds", "0"], ["--history", "/no/such.csv"]])
def test_bad_input_is_one_line_and_leaves_nothing(data, pipeline, decoding, tmp_path, capsys, wrong):
    out = tmp_path / "input.json"
    assert main(["input", "--data", str(data), "--out", str(out), *wrong]) == 2
    assert re.fullmatch("benchmarks: error: expected .+, got .+; .+\n", capsys.readouterr().err)
    assert not out.exists()
