import pytest

from benchmarks import readme

TEXT = (
    "# T\n\n<!-- figures:seeds begin -->\nold\n<!-- figures:seeds end -->\n\n"
    "<!-- figures:b begin --><!-- figures:b end -->"
)


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "README.md"
    file.write_text(TEXT)
    return file


def test_replaces_what_is_between_the_markers_and_nothing_else(path):
    readme.update(path, "seeds", "| new |\n")
    text = path.read_text()
    assert text == TEXT.replace("\nold\n", "\n\n| new |\n\n")


def test_twice_is_once(path):
    assert not readme.is_current(path, "seeds", "| é |\n")
    readme.update(path, "seeds", "| é |\n")
    once = path.read_bytes()
    assert readme.is_current(path, "seeds", "| é |\n")
    readme.update(path, "seeds", "| é |\n")
    assert path.read_bytes() == once
    assert not readme.is_current(path, "seeds", "| e |\n")


def test_several_at_once_or_none(path, refused):
    readme.update_all(path, {"seeds": "S", "b": "B"})
    assert readme.is_current(path, "seeds", "S")
    assert readme.is_current(path, "b", "B")
    before = path.read_bytes()
    with refused("figures:absent"):
        readme.update_all(path, {"seeds": "changed", "absent": "A"})
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "<!-- figures:seeds begin -->",
        "<!-- figures:seeds end -->\n<!-- figures:seeds begin -->",
        TEXT + TEXT,
    ],
)
def test_markers_that_are_missing_twice_or_in_disorder_are_refused(path, refused, text):
    path.write_text(text)
    with refused("figures:seeds begin"):
        readme.update(path, "seeds", "new")
    assert path.read_text() == text


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_a_readme_that_cannot_be_read_is_refused(tmp_path, refused, content):
    path = tmp_path / "R.md"
    if content is not None:
        path.write_bytes(content)
    with refused("a README"):
        readme.update(path, "seeds", "new")
