"""How numbers and names become words: the formats every page, figure and export shares."""

import html
import importlib.metadata
import math
import re
from collections.abc import Sequence

from core import __version__

NBSP = "\u00a0"
MINUS = "\u2212"
NOTHING = "–"
"""Stands where a number cannot be given; the words beside it say why."""

LONGEST_NAME = 40
"""Names from files are cut to this many characters in a sentence; a file may hold one of 10 kB."""

WORD_JOINER = "\u2060"


# ---------------------------------------------------------------------------------------------------- numbers


def number(n: float) -> str:
    """A whole number with thousands set off by a comma.

    Examples
    --------
    >>> number(18080)
    '18,080'
    """
    return f"{round(n):,}"


def short_number(n: float) -> str:
    r"""A whole number in at most nine characters, as a vital needs it.

    Examples
    --------
    >>> short_number(221273), short_number(123_456_789)
    ('221,273', '123.5\xa0M')
    """
    full = number(n)
    if len(full) <= 9:
        return full
    size, unit = next((size, unit) for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")) if n >= size)
    return f"{n / size:.1f}{NBSP}{unit}"


def ordinal(n: int) -> str:
    """The place in a ranking.

    Examples
    --------
    >>> ordinal(39), ordinal(1), ordinal(11), ordinal(1022)
    ('39th', '1st', '11th', '1,022nd')
    """
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n:,}{ending}"


def percent(fraction: float) -> str:
    r"""A fraction of one as a percentage, with a no-break space.

    Examples
    --------
    >>> percent(0.031), percent(0.004), percent(1.07), percent(12.5)
    ('3\xa0%', '<\xa01\xa0%', '107\xa0%', '1,250\xa0%')
    """
    if not math.isfinite(fraction):
        return NOTHING
    if fraction < 0.01:
        return f"<{NBSP}1{NBSP}%"
    return f"{round(100 * fraction):,}{NBSP}%"


def percent_range(low: float, high: float) -> str:
    r"""An interval of two fractions.

    Examples
    --------
    >>> percent_range(0.02, 0.04), percent_range(0.001, 0.004)
    ('2 to 4\xa0%', '<\xa01\xa0%')
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return NOTHING
    if high < 0.01:
        return percent(high)
    return f"{round(100 * max(low, 0.0)):,} to {round(100 * high):,}{NBSP}%"


def signed(x: float, decimals: int = 2) -> str:
    """A delta or a log2 fold change: signed, two decimals, a true minus.

    Examples
    --------
    >>> signed(0.719), signed(-1.633), signed(-0.001)
    ('+0.72', '−1.63', '0.00')
    """
    if not math.isfinite(x):
        return NOTHING
    if round(abs(x), decimals) == 0:
        return f"{0:.{decimals}f}"
    return f"{'+' if x > 0 else MINUS}{abs(x):.{decimals}f}"


def correlation(r: float) -> str:
    """A correlation with two decimals.

    Examples
    --------
    >>> correlation(0.9), correlation(-0.123)
    ('0.90', '−0.12')
    """
    return NOTHING if not math.isfinite(r) else signed(r).removeprefix("+")


def fold(ratio: float) -> str:
    """A ratio of at least one as words.

    Examples
    --------
    >>> fold(1.4), fold(5.23), fold(2.0), fold(1.04), fold(41.7), fold(2500)
    ('1.4-fold', '5.2-fold', '2-fold', '1.04-fold', '42-fold', '>999-fold')
    """
    if not math.isfinite(ratio):
        return NOTHING
    if ratio >= 999.5:
        return ">999-fold"
    if ratio >= 9.95:
        return f"{ratio:.0f}-fold"
    if ratio < 1.095:  # a small change must not become "1-fold"
        return f"{ratio:.2f}-fold"
    return f"{ratio:.1f}".removesuffix(".0") + "-fold"


def counts(mean: float) -> str:
    """A mean count with about three digits.

    Examples
    --------
    >>> counts(4.8312), counts(0.1449), counts(422.81), counts(0.004), counts(0), counts(0.0523)
    ('4.83', '0.14', '423', '0.004', '0', '0.05')
    """
    if not math.isfinite(mean):
        return NOTHING
    if mean == 0:
        return "0"
    if mean < 0.001:
        return "< 0.001".replace(" ", NBSP)
    if mean < 0.01:
        return f"{mean:.3f}"
    if mean < 10:
        return f"{mean:.2f}"
    return f"{mean:.1f}" if mean < 100 else number(mean)


def p_value(p: float) -> str:
    r"""A p value or an FDR: two digits, then e-notation with a true minus; never zero.

    Examples
    --------
    >>> p_value(0.034), p_value(0.5), p_value(3.2e-8), p_value(0.0), p_value(1.0), p_value(0.0097)
    ('0.034', '0.50', '3e−8', '<\xa01e−300', '1', '0.0097')
    """
    if not math.isfinite(p):
        return NOTHING
    if p < 1e-300:
        return f"<{NBSP}1e{MINUS}300"
    if p >= 0.995:
        return "1"
    if p >= 0.1:
        return f"{p:.2f}"
    if p >= 0.00095:
        digits = 1 - math.floor(math.log10(p))
        return f"{p:.{digits}f}"
    mantissa, exponent = f"{p:.0e}".split("e")
    return f"{mantissa}e{MINUS}{abs(int(exponent))}"


def p_phrase(p: float) -> str:
    r"""The p value with its sign: ``p = 0.034`` or ``p < 1e−300``.

    Examples
    --------
    >>> p_phrase(0.034), p_phrase(0.0)
    ('p = 0.034', 'p <\xa01e−300')
    """
    text = p_value(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def threshold(x: float) -> str:
    """A threshold as the user set it, without trailing zeros.

    Examples
    --------
    >>> threshold(0.05), threshold(0.1), threshold(1.4)
    ('0.05', '0.1', '1.4')
    """
    return f"{x:g}"


# ------------------------------------------------------------------------------------------------------ words


def plural(n: float, one: str, many: str | None = None) -> str:
    """A number with its noun; nought is ``no``.

    Examples
    --------
    >>> plural(1, "gene"), plural(714, "gene"), plural(0, "gene"), plural(2, "library", "libraries")
    ('1 gene', '714 genes', 'no gene', '2 libraries')
    """
    if n == 0:
        return f"no {one}"
    return f"{number(n)} {one if n == 1 else many or one + 's'}"


def enumerate_words(words: Sequence[str], at_most: int | None = None) -> str:
    """Words joined with commas and a final "and".

    Examples
    --------
    >>> enumerate_words(["SP1"]), enumerate_words(["SP1", "HVCN1"]), enumerate_words(["a", "b", "c", "d"], at_most=2)
    ('SP1', 'SP1 and HVCN1', 'a, b and 2 more')
    """
    shown = list(words)
    if at_most is not None and len(shown) > at_most:
        shown = [*shown[:at_most], f"{len(shown) - at_most} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


def capitalized(sentence: str) -> str:
    """The sentence with its first letter raised; the rest is left alone (symbols keep their case).

    Examples
    --------
    >>> capitalized("no gene changes in HBE1 cells")
    'No gene changes in HBE1 cells'
    """
    return sentence[:1].upper() + sentence[1:]


def column_word(column: str) -> str:
    """The name of an obs column as a word in a sentence.

    Examples
    --------
    >>> column_word("cell_type"), column_word("condition")
    ('cell type', 'condition')
    """
    return column.replace("_", " ").strip() or column


# ------------------------------------------------------------------------------------------- names from files

_INVISIBLE = re.compile(r"[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_ACTIVE = re.compile(r"([\\`*{}\[\]<>$|~]|:(?=[\w\[\u2060])|&(?=[#\w]))")
_OUTER_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_LEADING_MARK = re.compile(r"^([-+=#])|^(\d{1,9})([.)])(?=\s|$)")
# What Streamlit replaces in text after the markdown was parsed, where a backslash is gone already: :material/x:,
# :emoji:, :red[x], links without brackets, arrows between spaces. An invisible word joiner breaks the pattern.
_SHORTCODE = re.compile(r":(?=[\w+-]+[:\[/{])")
_BARE_LINK = re.compile(r"(?i)(?<=http:/)(?=/)|(?<=https:/)(?=/)|(?<=www)(?=\.)|(?<=@)(?=[\w-]+\.)")
_ARROW = re.compile(r"(?<=[-<>~])(?=[->=])")


def plain(name: object, longest: int = LONGEST_NAME) -> str:
    r"""A name from a file on one line, without invisible characters, cut with … where it is too long.

    For places that show text as it is: file names' stems, chart labels, the copy box of a methods sentence.

    Examples
    --------
    >>> plain("ACAT2"), plain("a\n b"), plain("x" * 10_000, 5)
    ('ACAT2', 'a b', 'xxxx…')
    """
    line = " ".join(_INVISIBLE.sub(" ", str(name)[: 4 * longest + 64]).split())
    line = line or "(no name)"
    cut = len(line) > longest or len(str(name)) > 4 * longest + 64
    return line[: longest - 1] + "…" if cut else line


def escape_markdown(name: object, longest: int = LONGEST_NAME) -> str:
    r"""A name from a file that Streamlit's markdown shows letter by letter, cut where it is too long.

    Ordinary symbols stay as they are, so that they can be found and copied.

    Examples
    --------
    >>> escape_markdown("HLA-A"), escape_markdown("KLF1+MAP2K6"), escape_markdown("CHMP3_P1P2_A")
    ('HLA-A', 'KLF1+MAP2K6', 'CHMP3_P1P2_A')
    >>> print(escape_markdown("[x](y) <b>|$a$"))
    \[x\](y) \<b\>\|\$a\$
    """
    text = _ARROW.sub(WORD_JOINER, _BARE_LINK.sub(WORD_JOINER, plain(name, longest)))
    text = _SHORTCODE.sub(":" + WORD_JOINER, text)
    text = _OUTER_UNDERSCORE.sub(r"\\_", _ACTIVE.sub(r"\\\1", text))
    return _LEADING_MARK.sub(lambda m: f"\\{m[1]}" if m[1] else f"{m[2]}\\{m[3]}", text)


def escape_html(name: object, longest: int = LONGEST_NAME) -> str:
    """A name from a file as text inside HTML, cut where it is too long.

    Examples
    --------
    >>> escape_html("<b>ACAT2</b>")
    '&lt;b&gt;ACAT2&lt;/b&gt;'
    """
    return html.escape(plain(name, longest))


def version(package: str = "") -> str:
    """Which version of Perturbscope, or of a package that it computes with, made a number."""
    return importlib.metadata.version(package) if package else __version__
