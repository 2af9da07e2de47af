"""The picture of a cloud: every point drawn once, at the printed resolution, on a transparent ground."""

import base64
import io

import numpy as np
from numpy.typing import NDArray

LARGEST_SIDE = 4000
"""Dots along the longer side of the picture at most; beyond it nobody sees more, and memory grows with the square."""


def points_picture(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    color: NDArray[np.str_],
    diameter: NDArray[np.float64],
    size: tuple[float, float],
    dpi: float,
) -> str:
    """Points as a PNG in a data URL, full bleed.

    Parameters
    ----------
    x, y
        Positions in points of the printed page, y down; the first are drawn first.
    color, diameter
        Color (hex) and diameter in points of each.
    size
        Width and height of the picture in points.
    dpi
        Dots per inch.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # 0.5 s, and only an export needs it
    from matplotlib.figure import Figure

    width, height = size
    dpi = min(dpi, LARGEST_SIDE / (max(size) / 72))
    figure = Figure(figsize=(width / 72, height / 72), dpi=dpi)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    inside = (x >= -2) & (x <= width + 2) & (y >= -2) & (y <= height + 2)
    axes.scatter(x[inside], y[inside], s=diameter[inside] ** 2, c=list(color[inside]), linewidths=0, clip_on=False)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, transparent=True)
    return "data:image/png;base64," + base64.b64encode(_fewer_colors(file.getvalue())).decode("ascii")


def _fewer_colors(png: bytes) -> bytes:
    """The picture with a palette of 256 colors: a quarter of the size, and no eye can tell."""
    from PIL import Image  # comes with matplotlib

    image = Image.open(io.BytesIO(png)).convert("RGBA").quantize(256, method=Image.Quantize.FASTOCTREE)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
