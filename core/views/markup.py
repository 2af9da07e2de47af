"""The views' markdown as HTML and as plain text: for reports and files, and for strips of numbers on a page."""

import html
import re
from collections.abc import Sequence

from core.views.parts import Vital
from core.views.text import WORD_JOINER

_TOKEN = re.compile(r"\\(?P<escaped>[^\sA-Za-z0-9])|(?P<bold>\*\*)|(?P<text>[^\\*]+|.)", re.DOTALL)


def markdown_as_html(words: str) -> str:
    r"""The sentences of a view as HTML: bold stays bold, every other character stands for itself.

    Views write no other markdown, and names in them are escaped with backslashes.

    Examples
    --------
    >>> print(markdown_as_html(r"**ACAT2** beats \<b\>"))
    <strong>ACAT2</strong> beats &lt;b&gt;
    """
    out, is_bold = [], False
    for token in _TOKEN.finditer(words.replace(WORD_JOINER, "")):
        if token["bold"]:
            is_bold = not is_bold
            out.append("<strong>" if is_bold else "</strong>")
        else:
            out.append(html.escape(token["escaped"] or token["text"]))
    return "".join(out) + ("</strong>" if is_bold else "")


def markdown_as_text(words: str) -> str:
    r"""The sentences of a view without marks.

    Examples
    --------
    >>> print(markdown_as_text(r"**ACAT2** beats \<b\>"))
    ACAT2 beats <b>
    """
    tokens = _TOKEN.finditer(words.replace(WORD_JOINER, ""))
    return "".join(token["escaped"] or token["text"] or "" for token in tokens)


def vitals_as_html(vitals: Sequence[Vital], *, with_help: bool = False) -> str:
    """The strip of numbers under a headline as one list: label, value, context.

    One element of a page instead of thirty: a browser paints the page a tenth sooner.

    Parameters
    ----------
    vitals
        The numbers.
    with_help
        Whether each label carries its help, shown where the mark beside it is pointed at or has the focus.
    """
    return f'<dl class="ps-vitals">{"".join(_vital(vital, with_help) for vital in vitals)}</dl>'


def _vital(vital: Vital, with_help: bool) -> str:
    label = markdown_as_html(vital.label)
    if with_help and vital.help:
        said = html.escape(markdown_as_text(vital.help))
        tip = f'<span class="ps-tip" aria-hidden="true">{markdown_as_html(vital.help)}</span>'
        label += f' <span class="ps-help" tabindex="0" role="note" aria-label="{said}">{tip}</span>'
    lines = [("ps-value", vital.value), ("ps-warn" if vital.warn else "ps-quiet", vital.context)]
    if vital.beside:
        lines.append(("ps-quiet", vital.beside))
    rest = "".join(f'<dd class="{look}">{markdown_as_html(line)}</dd>' for look, line in lines)
    return f"<div><dt>{label}</dt>{rest}</div>"
