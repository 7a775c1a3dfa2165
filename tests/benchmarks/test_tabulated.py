import pytest

from benchmarks import tabulated
from benchmarks.latency import load_suite
from benchmarks.merge import save
from tests.benchmarks.measured import entry, run


def table_of(tmp_path, *entries, **changes):
    """The text of a run of these."""
    save(run(*entries, **changes), tmp_path / "run.json")
    return tabulated.to_markdown(load_suite(tmp_path / "run.json"))


@pytest.fixture
def text(tmp_path):
    """The table of a run with one unstable measurement and one that could not be taken."""
    unstable = entry([1.0], stage="end_to_end", threads=2)
    unstable["stats"]["data"] = [0.001, 0.002, 0.001, 0.002]
    entries = [
        entry([2.0]),
        unstable,
        entry([1.0], stage="cold_start", peaks_kb=[59_392, 61_440]),
        entry([1.0], stage="folder", batch=16),
    ]
    left_out = {"benchmarks/test_latency.py::test_invoke_batch[int8-1]": "expected a | graph"}
    return table_of(tmp_path, *entries, left_out=left_out)


def row(text, *cells):
    """The line that begins with these cells, without its blanks."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return next(line for line in lines if line[: len(cells)] == list(cells))


def test_a_line_for_each_measurement(text):
    assert row(text, "invoke", "int8")[2:] == ["1", "1", *["1.5"] * 5, "0", "0", "4", "2 x", "yes"]
    assert row(text, "end to end", "int8", "2")[-1] == tabulated.MARKED


def test_what_each_model_takes(text):
    assert row(text, "int8", "int8_qat") == ["int8", "int8_qat", "60", "59.0", "21,333"]  # 16 images in 0.75 ms


def test_what_is_unstable_and_what_is_lacking_is_said(text):
    assert "Unstable, 1 of 4:" in text
    assert "- end to end of int8 (2 threads): quartiles 67% of the median apart; trust the ratio" in text
    assert "Not measured:\n\n- test_invoke_batch[int8-1]: expected a | graph" in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"machine_state": {"load_1min_at_start": 3.5, "cpus": 4}}, ["busy when the run began (load 3.5 on 4"]),
        ({"uses_delegate": False}, ["Without XNNPACK: int8."]),
    ],
)
def test_what_spoils_a_run_is_said(tmp_path, changes, said):
    state = {name: value for name, value in changes.items() if name == "machine_state"}
    about = {name: value for name, value in changes.items() if name not in state}
    text = table_of(tmp_path, entry([1.0], **about), **state)
    assert [line for line in ("busy", "XNNPACK") if line in text] == [
        line for line in ("busy", "XNNPACK") if any(line in each for each in said)
    ]
    assert all(each in text for each in said)
    assert "Picture: a.jpeg; a CPU." in text


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (("import", "none", 1, 1), "import"),
        (("cold_start", "int8", 1, 1), "cold start of int8"),
        (("invoke", "mine", 2, 8), "invoke of mine (2 threads, batch 8)"),
    ],
)
def test_names(key, name):
    assert tabulated.name(key) == name
