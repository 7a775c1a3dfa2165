import json

import pytest

from benchmarks.__main__ import main
from tests.benchmarks.measured import entry, run


@pytest.fixture
def runs(tmp_path):
    """Files of a run and of one that takes twice as long."""
    for name, factor in (("old", 1), ("new", 2)):
        (tmp_path / name).write_text(json.dumps(run(entry([factor * ratio for ratio in (1.0, 1.01, 0.99)]))))
    return str(tmp_path / "old"), str(tmp_path / "new")


@pytest.mark.parametrize(("options", "status"), [([], 0), (["--fail-if-slower", "5"], 1)])
def test_a_verdict_whose_reader_has_gone_is_the_same(runs, lose_reader, capsys, options, status):
    lose_reader()
    assert main(["compare", *runs, *options]) == status
    assert capsys.readouterr().err.count("is slower by 100.0%") == status
