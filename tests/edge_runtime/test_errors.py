import pickle

import pytest

from edge_runtime.errors import LeukoliteError, listed, reason, show


def test_message_says_expected_found_and_remedy():
    error = LeukoliteError(expected="a cat", found="a dog", remedy="feed it")
    assert str(error) == "expected a cat, got a dog; feed it"


def test_message_is_one_line_whatever_the_names_in_it_are():
    error = LeukoliteError(expected="a cat", found="Zelle-ß\n\x1b[31m", remedy="feed it")
    assert str(error) == r"expected a cat, got Zelle-\xdf\n\x1b[31m; feed it"
    assert error.found == "Zelle-ß\n\x1b[31m"


def test_the_three_parts_can_be_asked_for():
    error = LeukoliteError(expected="a", found="b", remedy="c")
    assert (error.expected, error.found, error.remedy) == ("a", "b", "c")


def test_pickled_it_says_the_same():
    again = pickle.loads(pickle.dumps(LeukoliteError(expected="a", found="b", remedy="c")))
    assert type(again) is LeukoliteError
    assert str(again) == "expected a, got b; c"
    assert (again.expected, again.found, again.remedy) == ("a", "b", "c")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("cell 1.jpg", "cell 1.jpg"),
        ("Zelle-ß.jpg", "Zelle-ß.jpg"),
        ("two\nlines.jpg", r"two\nlines.jpg"),
        ("bell\x07.jpg", r"bell\x07.jpg"),
        ("not-utf8-\udcff.jpg", r"not-utf8-\udcff.jpg"),
    ],
)
def test_show_is_printable_on_one_line(name, shown):
    assert show(name) == shown


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("too\n  long"), "ValueError: too long"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_reason_is_one_line_with_the_type(error, text):
    assert reason(error) == text


@pytest.mark.parametrize(
    ("findings", "text"),
    [(["a"], "a"), (["a", "b", "c"], "a; b; c"), (["a", "b", "c", "d", "e"], "a; b; c; and 2 more")],
)
def test_listed_names_three_and_counts_the_others(findings, text):
    assert listed(findings) == text
