import base64
import io
import re

import pytest
from PIL import Image

from edge_runtime.dataset import open_all
from tests.train.audit.conftest import draw_field
from train.audit.originals import Original
from train.audit.page import render
from train.audit.report import Audit
from train.audit.survey import survey


@pytest.fixture
def audit(write_copy, tmp_path) -> Audit:
    """A group that is cut and has two labels, a duplicate, an image of unknown source, and one without a cell."""
    for split, copy in (("TRAIN/A", 0), ("TRAIN/A", 1), ("TEST/<B>", 2)):
        write_copy(f"data/{split}/{copy}.png", 0, copy=copy)
    write_copy("data/TRAIN/A/9.png", 0)
    Image.new("RGB", (320, 240), (220, 210, 200)).save(tmp_path / "data/TRAIN/A/blank.png")
    (tmp_path / "data/TRAIN/A/broken.png").write_bytes(b"nothing")
    draw_field(0).save(tmp_path / "photo.png")
    return Audit(survey(open_all(tmp_path / "data"), [Original(str(tmp_path / "photo.png"), "photo.png", ("A",))]))


def test_the_page_shows_what_was_found(audit):
    page = render(audit, title="Audit of <data>").decode()
    for heading, count in {
        "Groups that splits cut": 1,
        "Groups with several labels": 1,
        "Photographs that overlap": 0,
        "Labelled unlike their source": 1,
        "Same content, several labels": 0,
        "Near duplicates": 1,
        "No stained cell in sight": 1,
        "Of unknown source": 1,
        "Unreadable images": 1,
    }.items():
        assert f"<h2>{heading}: {count}</h2>" in page
    assert "Originals without images" not in page
    assert "not a medical device" in page


def test_names_are_escaped(audit):
    page = render(audit, title="Audit of <data>").decode()
    assert "<data>" not in page
    assert "<B>" not in page
    assert "TEST/&lt;B&gt;" in page


def test_pictures_are_in_the_page_and_nothing_is_loaded_from_elsewhere(audit):
    page = render(audit, title="t").decode()
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    assert len(pictures) == page.count("src=") > 6
    for picture in pictures:
        assert Image.open(io.BytesIO(base64.b64decode(picture))).size == (160, 120)


def test_an_image_that_has_gone_does_not_stop_it(audit, tmp_path):
    (tmp_path / "data/TRAIN/A/0.png").unlink()
    assert b"</html>" in render(audit, title="t")
