"""A target's report: all that its page shows as one HTML file that opens offline, runs nothing and prints well."""

import base64
import html
import importlib.metadata
import platform
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from core import __version__
from core.figures import colors, figure_named
from core.figures.export import file_name, paper_svg, without_formulas
from core.figures.panel import own_ids
from core.figures.sheet import Paper
from core.views.markup import markdown_as_html, vitals_as_html
from core.views.parts import Check, Note
from core.views.perturbation import PerturbationView
from core.views.text import correlation, escape_html, number, p_value, percent, percent_range, plain, plural, signed

TOP = 50
WIDTH_MM = 90.0
"""Drawn for this width; on the screen a column is wider, so that the letters are as large as the text around."""
CELL_MARKS = {True: ("passed", "✓"), False: ("failed", "▲"), None: ("untold", "–")}


@dataclass(frozen=True, eq=False)
class Section:
    """A part of a report beyond what the target's own view says.

    Parameters
    ----------
    title
        Its heading, plain.
    sentences
        Markdown with names escaped.
    figures
        Figures as (name, view, options).
    table
        Shown whole: keep it short; every cell as it should read.
    """

    title: str
    sentences: tuple[str, ...] = ()
    figures: tuple[tuple[str, Any, Mapping[str, Any]], ...] = ()
    table: pd.DataFrame | None = None


@dataclass(frozen=True)
class Origin:
    """Where a report comes from: what its last section says.

    Parameters
    ----------
    file, roles
        The source file, and the roles as it was read, name by name.
    made_at
        Date and time in words; empty to leave it out.
    address
        The address that reopens the page.
    note
        What the user noted about the target.
    """

    file: str = ""
    roles: Mapping[str, Any] = field(default_factory=dict)
    made_at: str = ""
    address: str = ""
    note: str = ""


def report_html(view: PerturbationView, origin: Origin | None = None, sections: Sequence[Section] = ()) -> str:
    """The report of one target.

    Nothing in it is loaded from elsewhere and nothing runs: its own policy forbids both. Names are escaped.

    Parameters
    ----------
    view
        What the page shows.
    origin
        Where it comes from.
    sections
        Further parts, such as pathways, that stand before the table.

    Returns
    -------
    str
        An HTML document.
    """
    origin = origin or Origin()
    title = f"{plain(view.title, 60)} {view.modality} in {plain(view.study_name)}"
    body = [
        _head(view),
        vitals_as_html(view.vitals),
        _user_note(origin.note),
        _checks(view.checks, view.calibration),
        _figures(_page_figures(view)),
        *[_section(section) for section in sections],
        _guides(view),
        _top_table(view),
        _methods(view, origin, sections),
    ]
    return _PAGE.format(title=escape_html(title, 120), style=_STYLE, body="\n".join(part for part in body if part))


def _page_figures(view: PerturbationView) -> tuple[tuple[str, Any, Mapping[str, Any]], ...]:
    options: dict[str, dict[str, Any]] = {"scatter": {}, "top_deltas": {"n": TOP}, "volcano": {}, "ma": {}}
    options |= {"guides": {}} if view.has_guides else {}
    return tuple((name, view, chosen) for name, chosen in (options | {"delta_distribution": {}}).items())


def _head(view: PerturbationView) -> str:
    simulated = (
        '<p class="simulated"><strong>Simulated data.</strong> This screen was made by a program; its genes have real '
        "names and invented effects.</p>"
        if view.simulated
        else ""
    )
    return (
        f'<header><p class="quiet">{markdown_as_html(view.crumb)}</p><h1>{escape_html(view.title, 60)}</h1>'
        f'<p class="headline">{markdown_as_html(view.headline)}</p></header>{simulated}'
        f"{''.join(map(_note, view.notes))}"
    )


def _note(note: Note) -> str:
    return f'<p class="note {html.escape(note.kind)}">{markdown_as_html(note.text)}</p>'


def _user_note(note: str) -> str:
    if not note.strip():
        return ""
    words = "<br>".join(html.escape(line) for line in note.strip().splitlines())
    return f"<section><h2>Note</h2><p>{words}</p></section>"


def _checks(checks: Sequence[Check], calibration: str) -> str:
    items = "".join(
        f'<li class="{CELL_MARKS[check.passed][0]}"><span>{CELL_MARKS[check.passed][1]}</span>'
        f"<strong>{markdown_as_html(check.title)}</strong> {markdown_as_html(check.sentence)}</li>"
        for check in checks
    )
    words = f'<p class="quiet">{markdown_as_html(calibration)}</p>' if calibration else ""
    return f'<section><h2>Can I trust it?</h2><ul class="checks">{items}</ul>{words}</section>'


def _section(section: Section) -> str:
    said = "".join(f"<p>{markdown_as_html(sentence)}</p>" for sentence in section.sentences)
    table = _table(section.table) if section.table is not None else ""
    return f"<section><h2>{escape_html(section.title, 80)}</h2>{said}{_figures(section.figures)}{table}</section>"


# ----------------------------------------------------------------------------------------------------- figures


def _figures(figures: Sequence[tuple[str, Any, Mapping[str, Any]]]) -> str:
    return f'<div class="figures">{"".join(_figure(*figure) for figure in figures)}</div>' if figures else ""


def _figure(name: str, view: Any, options: Mapping[str, Any]) -> str:
    figure = figure_named(name)
    drawing = inline_svg(name, view, options, WIDTH_MM)
    caption = f"<b>{escape_html(figure.title, 80)}.</b> {markdown_as_html(figure.caption(view, **options))}"
    return f'<figure id="{html.escape(name)}">{drawing}<figcaption>{caption}</figcaption></figure>'


def inline_svg(name: str, view: Any, options: Mapping[str, Any], width_mm: float) -> str:
    """A figure as it is printed, as SVG within HTML: named for screen readers, its ids its own."""
    figure = figure_named(name)
    svg, (width, height) = paper_svg(figure, view, Paper(width_mm), options)
    root = ET.fromstring(svg)
    own_ids(root, f"{name}-")
    for attribute in ("width", "height", "class"):
        root.attrib.pop(attribute, None)
    root.set("viewBox", f"0 0 {width:.3f} {height:.3f}")
    root.set("role", "img")
    root.set("aria-label", figure.alt(view, **options))
    return ET.tostring(root, encoding="unicode", short_empty_elements=False)


# ------------------------------------------------------------------------------------------------------ tables


def _guides(view: PerturbationView) -> str:
    if not view.has_guides:
        return ""
    rows = view.guides
    table = pd.DataFrame(
        {
            "Guide": rows["guide"].map(lambda name: plain(name, 60)),
            "Cells": rows["n_cells"].map(number),
            "Transcript left": rows["percent_left"].map(percent),
            "95 % interval": [percent_range(low, high) for low, high in zip(rows["low"], rows["high"], strict=True)],
            "r with the other guides": rows["r_with_rest"].map(correlation),
        }
    )
    return f"<section><h2>Guides</h2>{_table(table)}</section>"


def _top_table(view: PerturbationView) -> str:
    top = view.top(TOP)
    perturbed = view.modality.capitalize()
    columns: dict[str, Callable[[Any], str]] = {"ctrl_mean": _mean, "pert_mean": _mean, "delta": signed}
    shown = {name: top[name].map(words) for name, words in columns.items()}
    table = pd.DataFrame(
        {
            "Gene": top["gene"].map(lambda name: plain(name, 60)),
            "Control": shown["ctrl_mean"],
            perturbed: shown["pert_mean"],
            "delta": shown["delta"],
            "log2 FC": top["log2_fold_change"].map(signed),
            "FDR": top["fdr"].map(p_value),
        }
    )
    name = file_name("genes", view, None, "csv")
    n_genes = plural(len(view.genes), "gene")
    link = f'<a download="{html.escape(name)}" href="{_data_address(view.genes)}">All {n_genes} (CSV)</a>'
    words = (
        f"The {len(top)} largest by |delta|; means and deltas are {escape_html(view.scale_name)}, "
        f"{number(view.n_target)} cells against {number(view.n_control)} controls, {escape_html(view.test_name, 80)}, "
        f"Benjamini-Hochberg over {n_genes}. {link}"
    )
    return f"<section><h2>Largest changes</h2><p>{words}</p>{_table(table)}</section>"


def _mean(x: float) -> str:
    return f"{x:.2f}"


def _table(table: pd.DataFrame) -> str:
    head = "".join(f'<th scope="col">{html.escape(str(name))}</th>' for name in table.columns)
    rows = "".join(
        f"<tr>{''.join(f'<td>{html.escape(str(value))}</td>' for value in row)}</tr>"
        for row in table.itertuples(index=False)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _data_address(table: pd.DataFrame) -> str:
    """The table as CSV within its link, numbers with six digits."""
    text: str = without_formulas(table).to_csv(index=False, lineterminator="\n", float_format="%.6g")
    return f"data:text/csv;base64,{base64.b64encode(text.encode('utf-8')).decode('ascii')}"


# ----------------------------------------------------------------------------------------------------- methods


def _methods(view: PerturbationView, origin: Origin, more: Sequence[Section]) -> str:
    shown = [*_page_figures(view), *(figure for section in more for figure in section.figures)]
    figures = [(figure_named(name), of, options) for name, of, options in shown]
    sentences = "".join(
        f"<dt>{escape_html(figure.title, 80)}</dt><dd>{html.escape(figure.methods(of, **options))}</dd>"
        for figure, of, options in figures
    )
    facts = {
        "Study": view.study_name,
        "File": origin.file,
        "Fingerprint": view.fingerprint,
        "Thresholds": f"FDR < {view.fdr:g}, at least {view.fold:g}-fold",
        "Roles": "; ".join(f"{name.replace('_', ' ')}: {_words(role)}" for name, role in origin.roles.items() if role),
        "Versions": _versions(),
        "Address": origin.address,
        "Made": origin.made_at,
    }
    rows = "".join(f"<dt>{k}</dt><dd>{escape_html(v, 600)}</dd>" for k, v in facts.items() if v)
    return f"<section><h2>Methods</h2><dl>{sentences}</dl></section><section><h2>Origin</h2><dl>{rows}</dl></section>"


def _words(role: object) -> str:
    return ", ".join(map(str, role)) if isinstance(role, list) else str(role)


def _versions() -> str:
    packages = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "scipy", "pandas", "anndata")
    )
    return f"Perturbscope {__version__}, {packages}, Python {platform.python_version()}"


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""

_STYLE = f"""
@page {{ size: A4; margin: 16mm 15mm; }}
body {{ margin: 0; color: #17212B; background: #FFFFFF; font: 15px/1.5 Inter, "Helvetica Neue", Arial, sans-serif; }}
main {{ max-width: 1080px; margin: 0 auto; padding: 24px 24px 64px; }}
h1 {{ font-size: 1.75rem; font-weight: 650; margin: 0 0 6px; }}
h2 {{ font-size: 1rem; font-weight: 600; margin: 28px 0 8px; break-after: avoid; }}
p {{ margin: 0 0 10px; overflow-wrap: anywhere; }}
.headline {{ font-size: 1.2rem; }}
.quiet, figcaption {{ color: #55626E; font-size: 0.875rem; }}
.simulated {{ border: 1px dashed #A87900; border-radius: 6px; padding: 6px 12px;
  background: repeating-linear-gradient(135deg, #F3EEDF 0 8px, #FFFFFF 8px 16px); }}
.note {{ border-left: 3px solid #2A4A63; padding: 4px 12px; }}
.note.warning {{ border-color: #8A6300; }}
.ps-vitals {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 14px 0;
  border: 1px solid #D6DEE4; border-radius: 6px; padding: 12px 16px; font-size: 0.875rem; }}
.ps-vitals dd {{ margin: 0; }} .ps-vitals .ps-value {{ font-size: 1.6rem; font-weight: 600; line-height: 1.3;
  font-variant-numeric: tabular-nums; }}
.ps-quiet {{ color: #55626E; }} .ps-warn, .failed > span {{ color: #8A6300; }} .ps-warn::before {{ content: "▲ "; }}
.figures {{ columns: 2 70mm; column-gap: 32px; margin-top: 28px; }}
figure {{ margin: 0 0 20px; break-inside: avoid; }}
figure svg {{ width: 100%; height: auto; display: block; }}
.checks {{ list-style: none; margin: 0 0 10px; padding: 0; }}
.checks li {{ padding-left: 22px; position: relative; margin-bottom: 6px; break-inside: avoid; }}
.checks li > span {{ position: absolute; left: 0; }} .passed > span {{ color: {colors.LIGHT["accent"]}; }}
table {{ border-collapse: collapse; width: 100%; font-size: 0.875rem; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: right; padding: 3px 8px; border-bottom: 1px solid #D6DEE4; }}
th:first-child, td:first-child {{ text-align: left; }}
thead {{ display: table-header-group; background: #F3F6F7; }} tr {{ break-inside: avoid; }}
section dl dt {{ font-weight: 600; font-size: 0.875rem; }}
section dl dd {{ margin: 0 0 8px; font-size: 0.875rem; overflow-wrap: anywhere; }}
a {{ color: {colors.LIGHT["accent"]}; }}
@media print {{
  body {{ font-size: 10pt; }} main {{ max-width: none; padding: 0; }} a[download] {{ display: none; }}
  .ps-vitals {{ grid-template-columns: repeat(5, 1fr); padding: 8px 10px; font-size: 0.75rem; }}
  .ps-vitals .ps-value {{ font-size: 1.3rem; }}
}}
"""
