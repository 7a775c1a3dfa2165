import pytest
from PIL import Image

from benchmarks.growth import draw, shortfalls, to_markdown


@pytest.mark.parametrize(
    "peaks", [{}, {3000: 1499.0}, {12_000: 1000.0, 120_000: 1049.0}, {3000: 800.0, 12_000: 1000.0, 120_000: 1001.0}]
)
def test_what_keeps_to_the_bounds_is_not_told(made_up, peaks):
    assert list(shortfalls(made_up(peaks))) == []


def test_every_bound_that_is_not_kept_is_told(made_up):
    assert list(shortfalls(made_up({3000: 1501.0, 12_000: 1400.0, 120_000: 1600.0}))) == [
        "an epoch of 3,000 images takes 1,501 MB, above 1,500",
        "an epoch of 120,000 images takes 1,600 MB, above 1,500",
        "the peaks of epochs differ by 14.3%, by more than 5%",
    ]


def test_table_holds_the_figures_and_says_what_was_computed(made_up):
    text = to_markdown(made_up({12_000: 1000.0, 120_000: 1012.0}, computed=[120_000]))
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in text.splitlines() if "|" in line]
    assert rows[2:] == [
        ["12,000", "1,000", "1,050", "1,291", "3,365"],
        ["120,000", "1,012", "1,062", "7,512", "28,248 (computed)"],
    ]
    assert "differ by 1.2%" in text
    assert "Computed: " in text
    assert "--epochs 1 --towers 2" in text
    assert "commit 0012000, 0120000" in text


def test_table_does_not_say_computed_or_compare_where_nothing_was(made_up):
    text = to_markdown(made_up({3000: 900.0, 12_000: 1000.0}))
    assert "omputed" not in text
    assert "differ" not in text


@pytest.mark.parametrize("peaks", [{8: 700.0}, {12_000: 1000.0, 120_000: 1012.0}])
def test_curve_is_a_picture_and_the_same_for_the_same_report(made_up, tmp_path, peaks):
    for name in ("a.png", "b.png"):
        draw(made_up(peaks, computed=[120_000]), tmp_path / name)
    draw(made_up(peaks), tmp_path / "measured.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width > picture.height > 200
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    # Hollow points where something was computed.
    assert ((tmp_path / "a.png").read_bytes() == (tmp_path / "measured.png").read_bytes()) == (120_000 not in peaks)
