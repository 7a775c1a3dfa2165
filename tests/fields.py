"""Fields of a smear as `edge_runtime.locate` sees them: discs of dye in plasma."""

import numpy as np

PLASMA, NUCLEUS = (230, 210, 215), (90, 40, 140)


def field(*nuclei, height=120, width=160):
    """A field with discs (row, column, radius) of dye; uint8 [height, width, 3]."""
    pixels = np.full((height, width, 3), PLASMA, np.uint8)
    rows, columns = np.mgrid[:height, :width]
    for row, column, radius in nuclei:
        pixels[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = NUCLEUS
    return pixels
