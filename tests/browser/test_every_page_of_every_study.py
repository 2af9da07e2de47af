"""Every page of every shared study, in a real browser: it stands, its figures are whole, and they are what leaves."""

import re
from urllib.parse import quote

import pytest

from tests.browser.conftest import REAL_SCREENS
from tests.browser.shown import FAULTS, ROUNDED, Chart, charts, exported_table, rows_of, settled

pytestmark = pytest.mark.browser

STUDIES = [
    pytest.param("server", "demo", id="demo"),
    *(
        pytest.param("real_server", name, id=name.partition("_")[0], marks=pytest.mark.real_data)
        for name in REAL_SCREENS
    ),
]
PAGES = {
    "study": "/?study={}",
    "genes": "/genes?study={}",
    "gene": "/gene?study={}",
    "perturbation": "/perturbation?study={}",
    "volcano": "/perturbation?study={}&figure=Volcano",
    "MA plot": "/perturbation?study={}&figure=MA+plot",
    "responders": "/perturbation?study={}&cells=Responders",
    "map": "/compare?study={}",
    "correlation": "/compare?study={}&view=Correlation",
    "two targets": "/compare?study={}&view=Two+targets",
    "my figures": "/my_figures?study={}",
}
WITHOUT_CHARTS = ("my figures",)
EXPORTED = {
    "study": "effect", "genes": "effect", "gene": "movers", "perturbation": "top", "volcano": "effect",
    "two targets": "effect", "map": "effect",
}  # fmt: skip
"""The card whose figure is exported, by page."""
ALL_GENES = ("volcano", "two targets")
"""Pages whose exported figure is a cloud of all genes: tiles and dots."""

NUMBER = re.compile(r"[+−-]?[\d,.]+([eE][+−-]?\d+)?(\s?%)?")
SCALE = re.compile(
    r"normalized|log-norm\.|counts?\b|FDR|log2|log10|%|[Cc]ells|dispersion|\br\b|sd of controls|[Ss]hare|Chance"
)
N = re.compile(r"\d (cells|genes?|targets?|deltas|groups?|guides?|quantities)\b")


@pytest.mark.parametrize(("of", "study"), STUDIES)
def test_each_page_stands_its_figures_are_whole_and_what_is_exported_is_what_is_shown(page, request, of, study):
    server = request.getfixturevalue(of)
    for name, address in PAGES.items():
        where = f"{study}, {name}"
        page.goto(server.url + address.format(quote(study)))
        page.locator("[data-testid=stMain] h1").first.wait_for()
        settled(page)

        assert page.locator(FAULTS).all_inner_texts() == [], where
        shown = charts(page)
        assert bool(shown) != (name in WITHOUT_CHARTS), where
        for chart in shown:
            assert_whole(chart, f"{where}: {chart.alt}")
        if name in EXPORTED:
            chart = next(chart for chart in shown if chart.card == EXPORTED[name])
            assert_exported_as_shown(chart, exported_table(page, chart.card), where, is_cloud=name in ALL_GENES)


def assert_whole(chart: Chart, where: str) -> None:
    """Its marks are painted, no label is cut, each axis of a quantity names its scale, and its words tell n."""
    assert chart.marks > 0, where
    assert chart.cut == [], where
    assert not chart.spills, where
    for axis in chart.axes:
        is_quantity = all(NUMBER.fullmatch(label) for label in axis["labels"])
        if axis["labels"] and is_quantity:
            assert SCALE.search(axis["title"]), f"{where}: {axis}"
    assert N.search(chart.alt), where


def assert_exported_as_shown(chart: Chart, table, where: str, *, is_cloud: bool) -> None:
    """Every row that the chart draws stands in the table with the same numbers; a cloud leaves out no gene."""
    rows = rows_of(chart, table)
    twice = [column for column in rows if f"{column}_table" in rows]
    assert len(rows) and twice, where
    assert (rows["_merge"] == "both").all(), where
    for column in twice:
        far = (rows[column] - rows[f"{column}_table"]).abs() > ROUNDED * rows[f"{column}_table"].abs() + 1e-12
        if column in "xy":  # perturbed genes beyond the axes stand at their edge
            far &= ~rows[column].isin([rows[column].min(), rows[column].max()])
        assert not far.any(), f"{where}, {column}:\n{rows[far]}"
    if is_cloud:
        assert chart.tiles + rows["gene"].nunique() == len(table), where
