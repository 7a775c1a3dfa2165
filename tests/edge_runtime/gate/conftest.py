"""Verdicts of each kind."""

import pytest

from edge_runtime.gate import Policy, Verdict, judge
from tests.edge_runtime.gate.made import made

LABELS = ("A", "B|<b>", "C")  # neither a table nor a page may take a name for its own signs
ABOUT = {"candidate": "new.tflite", "reference": "old.tflite", "started": "2024-05-01T00:00:00Z"}


@pytest.fixture(scope="session")
def pair_of():
    """Makes the reports of a candidate and a reference: one class lost 250 of 1000 images, another 30."""

    def make():
        return made(950, 700, 920, labels=LABELS), made(950, 950, 950, labels=LABELS)

    return make


@pytest.fixture(scope="session")
def failed(pair_of) -> Verdict:
    """A verdict with rules of all three kinds."""
    verdict = judge(*pair_of())
    assert all(verdict.count(kind) for kind in ("PASS", "FAIL", "INCONCLUSIVE"))
    return verdict


@pytest.fixture(scope="session")
def lenient(pair_of) -> Verdict:
    """The same where the policy only reports what is inconclusive."""
    return judge(*pair_of(), policy=Policy(inconclusive="report"))
