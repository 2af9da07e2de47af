"""The views' markdown as HTML and as plain text, for what leaves the page: reports and files."""

import html
import re

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
