import json

import numpy as np
import pytest

from benchmarks import error_rates, noise
from benchmarks.__main__ import main
from benchmarks.noise import STAGES_KEPT, Process
from benchmarks.readme import is_current
from benchmarks.suite import CHECKOUT
from benchmarks.workload import PARTS

CHOSEN = "quiet time of each process / workload, Welch's t (chosen)"
NAIVE = "all samples in milliseconds, Welch's t"


@pytest.fixture
def shifted():
    """Noise of which most lies between processes, 3 % a standard deviation: what samples of one process cannot show."""
    random = np.random.default_rng(3)
    processes = [
        Process(
            samples=np.exp(random.normal(random.normal(0, 0.03), 0.002, 240)).astype(np.float32),
            sizes=np.full(60, 4, np.int32),
            visits=np.exp(random.normal(0, 0.002, (60, len(PARTS)))).astype(np.float32),
        )
        for _ in range(24)
    ]
    return dict.fromkeys(STAGES_KEPT, processes)


def test_samples_of_one_process_are_no_witnesses(shifted, monkeypatch):
    monkeypatch.setattr(error_rates, "_RESAMPLES", 50)
    own = {"invoke": shifted["invoke"]}
    found = error_rates.simulate(own, repetitions=(5,), repeats=12, seed=1, advance=lambda count=1, note="": None)
    rates = {each.method: each for each in found}
    assert list(rates) == list(error_rates.METHODS)
    assert rates[NAIVE].false_alarms > 0.5
    assert rates[CHOSEN].false_alarms < 0.2
    assert rates[CHOSEN].seen > 0.5


def test_command_writes_a_line_for_each_method(shifted, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(error_rates, "_RESAMPLES", 5)
    noise.save(shifted, tmp_path / "noise.npz")
    page, out = tmp_path / "page.md", tmp_path / "rates.json"
    page.write_text("<!-- figures:error-rates begin --><!-- figures:error-rates end -->\n")
    given = ["--noise", str(tmp_path / "noise.npz"), "--repeats", "1", "--out", str(out), "--readme", str(page)]
    assert main(["error-rates", *given]) == 0
    text = capsys.readouterr().out
    assert text.count("(chosen)") == 2  # with 5 and with 10 processes
    assert text.strip() in page.read_text()
    written = json.loads(out.read_text())
    assert (written["promised"], written["slowdown"]) == (0.01, 0.1)
    assert len(written["rates"]) == 2 * len(error_rates.METHODS) * len(STAGES_KEPT)


def test_the_page_shows_what_was_simulated():
    kept = json.loads((CHECKOUT / "reports" / "error-rates.json").read_text())
    text = error_rates.to_markdown([error_rates.Rates(**each) for each in kept["rates"]])
    assert is_current(CHECKOUT / "docs" / "benchmarks.md", "error-rates", text)
    chosen = [each for each in kept["rates"] if each["method"] == CHOSEN]
    assert chosen
    assert all(each["false_alarms"] <= 0.03 for each in chosen)  # 1 % promised, of 100 repeats
