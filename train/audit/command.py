"""`python -m train audit`: from folders to the files that it leaves."""

import time
from pathlib import Path

from edge_runtime.dataset import open_all
from edge_runtime.files import check_folder
from edge_runtime.provenance import collect
from train.audit.originals import find_originals, read_originals
from train.audit.page import render
from train.audit.report import Audit, save
from train.audit.survey import survey

_PACKAGES = ("leukolite", "opencv-python-headless", "numpy", "pillow")


def audit_data(data: str, out: Path, *, originals: str | None) -> Audit:
    """Audit a data set and write groups.csv, audit.json and audit.html into `out`.

    Args:
        data: any data root, all of its splits, or a folder of images.
        out: the folder to write.
        originals: the folder of the photographs; by default Kaggle's beside the data, if there.

    Raises LeukoliteError when there is nothing to audit, or `out` cannot be written.
    """
    started = time.time()
    check_folder(out)
    folder = originals or find_originals(data)
    found = Audit(survey(open_all(data), read_originals(folder) if folder else ()))
    page = render(found, title=f"Audit of {Path(data).name}")
    save(found, out, provenance=collect(packages=_PACKAGES, started=started), page=page)
    return found
