"""What a page shows in the browser: its charts with their specifications, axes, labels and marks."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
from playwright.sync_api import Page, expect

CHARTS = "[data-testid=stVegaLiteChart]"
FAULTS = "[data-testid=stException], [data-testid=stAlertContentError]"
IDS = ("target", "gene", "guide", "set", "name")
ROUNDED = 2e-4
"""Charts hold five digits, tables all."""

LOOK = """
() => [...document.querySelectorAll('[data-testid=stVegaLiteChart]')].map(chart => {
  let node = chart[Object.keys(chart).find(key => key.startsWith('__reactFiber'))];
  while (node && !node.memoizedProps?.element?.spec) node = node.return;
  const svg = chart.querySelector('svg.marks'), frame = svg.getBoundingClientRect();
  const pixels = chart.querySelector('canvas.marks');
  const colors = pixels && new Set(new Uint32Array(
    pixels.getContext('2d').getImageData(0, 0, pixels.width, pixels.height).data.buffer)).size;
  const inside = box => box.left > frame.left - 1 && box.right < frame.right + 1
    && box.top > frame.top - 1 && box.bottom < frame.bottom + 1;
  const seen = text => text.textContent.trim() && getComputedStyle(text).opacity !== '0'
    && text.getBoundingClientRect().width > 0;
  return {
    card: chart.closest('[class*="st-key-card-"]')?.className.match(/st-key-card-([\\w-]+)/)?.[1] ?? '',
    alt: chart.getAttribute('aria-label') ?? '',
    spec: JSON.parse(node.memoizedProps.element.spec),
    axes: [...svg.querySelectorAll('[aria-roledescription=axis]')].map(axis => ({
      title: axis.querySelector('.role-axis-title text')?.textContent ?? '',
      labels: [...axis.querySelectorAll('.role-axis-label text')].map(label => label.textContent),
    })),
    marks: pixels ? colors - 1 : [...svg.querySelectorAll('.role-mark path, .role-mark image, .role-mark text')].filter(
      mark => !(mark.getAttribute('aria-label') ?? '').startsWith('role: ') && mark.getBoundingClientRect().width > 0
    ).length,
    cut: [...svg.querySelectorAll('text')].filter(seen).filter(text => !inside(text.getBoundingClientRect()))
      .map(text => text.textContent),
    spills: chart.scrollWidth > chart.clientWidth + 1,
  };
})
"""


@dataclass(frozen=True)
class Chart:
    """A chart as the browser shows it.

    Parameters
    ----------
    card
        Key of the card it stands in.
    alt
        Its words for those who do not see it.
    spec
        The Vega-Lite specification that the browser was given.
    axes
        Title and tick labels of each axis.
    marks
        How many marks are painted, the hidden ones of the color scale left out; of pixels, how many colors.
    cut
        Texts that are not wholly inside the chart's picture.
    spills
        Whether it is wider than its place.
    """

    card: str
    alt: str
    spec: dict[str, Any]
    axes: list[dict[str, Any]]
    marks: int
    cut: list[str]
    spills: bool

    def rows(self) -> Iterator[dict[str, Any]]:
        """The data of all layers."""
        layers = [self.spec]
        while layers:
            layer = layers.pop()
            yield from (layer.get("data") or {}).get("values", [])
            layers += layer.get("layer", [])

    @property
    def tiles(self) -> int:
        """Genes in the tiles of a cloud: those that are no dots of their own."""
        return sum(int(row["n"]) for row in self.rows() if "n" in row and "x2" in row)


def settled(page: Page) -> None:
    """Wait until nothing runs and every chart is painted."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    expect(page.locator("[data-testid=stStatusWidget]")).to_have_count(0)
    expect(page.locator(".stElementContainer [data-testid=stSkeleton]")).to_have_count(0)
    page.wait_for_function(
        f"() => [...document.querySelectorAll('{CHARTS}')].every(chart => chart.querySelector('svg.marks'))"
    )


def charts(page: Page) -> list[Chart]:
    """All charts of a page that is settled."""
    return [Chart(**chart) for chart in page.evaluate(LOOK)]


def exported_table(page: Page, card: str) -> pd.DataFrame:
    """The table that the export menu of a card gives for its figure."""
    page.locator(f".st-key-card-{card}").get_by_role("button", name="Export").first.click()
    dialog = page.get_by_role("dialog")
    with page.expect_download() as download:
        dialog.get_by_role("button", name="CSV").click()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    return pd.read_csv(io.BytesIO(download.value.path().read_bytes()), keep_default_na=False, na_values=[""])


def rows_of(chart: Chart, table: pd.DataFrame) -> pd.DataFrame:
    """Each shown row that names what it is of, with the table's numbers beside its own: ``quantity``, ``*_table``."""
    ids = [name for name in IDS if name in table and any(name in row for row in chart.rows())]
    shown = pd.DataFrame([row for row in chart.rows() if all(name in row for name in ids)])
    if "v" in shown and "delta" in table:
        shown["delta"] = shown["v"]  # a heatmap's value
    deltas = [c for c in table if c.startswith("delta_")]
    if len(deltas) == 2 and "delta" not in table and {"x", "y"} <= set(shown):  # one target against another
        table = table.rename(columns=dict(zip(deltas, "xy", strict=True)))
    numbers = [c for c in shown if c in table and c not in ids and shown[c].dtype.kind in "iuf"]
    shown = shown[ids + numbers].drop_duplicates(ids)
    return shown.merge(table[ids + numbers], on=ids, how="left", suffixes=("", "_table"), indicator=True)
