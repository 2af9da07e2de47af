import doctest
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.views import care, power, strength, study, text, transcript


@pytest.mark.parametrize("module", [text, power, strength, transcript, study, care], ids=lambda m: m.__name__)
def test_the_examples_in_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


@given(st.floats(0, 1))
def test_a_p_value_is_never_written_as_zero(p):
    shown = text.p_value(p)

    assert shown.replace(".", "").strip("0") != ""
    assert "e-" not in shown


@given(st.floats(min_value=-50, max_value=50))
def test_a_signed_number_has_two_decimals_and_a_true_minus_and_no_signed_zero(x):
    shown = text.signed(x)

    assert "-" not in shown
    assert shown[-3] == "."
    assert shown == "0.00" or shown[0] in "+−"


@given(st.floats(0, 1e6))
def test_a_percentage_never_says_none_is_left_and_never_breaks_before_its_sign(x):
    shown = text.percent(x)

    assert shown.endswith(f"{text.NBSP}%")
    assert " " not in shown
    assert not shown.startswith("0")


@given(st.integers(0, 10**13))
def test_a_vital_number_has_at_most_nine_characters(n):
    assert len(text.short_number(n)) <= 9


@given(st.floats(1, 1e9) | st.just(math.inf))
def test_a_fold_has_at_most_nine_characters_and_is_never_onefold_unless_it_is(ratio):
    assert len(text.fold(ratio)) <= 9


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "$\\frac{1}{2}$",
    "a|b",
    "[click](http://evil.example)",
    "![x](http://evil.example/x.png)",
    ":red[danger]",
    ":material/delete:",
    ":smile:",
    "`code`",
    "**bold**",
    "_under_",
    "# title",
    "1. DNMT1",
    "- item",
    "+ item",
    "www.evil.example",
    "https://evil.example",
    "a@evil.example",
    "&lt;b&gt;",
    "~~gone~~",
    "a\nb\n\n# c",
    "\u202egpj.exe",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_shown_letter_by_letter_and_never_read_as_markup(name):
    markdown_it = pytest.importorskip("markdown_it")
    parser = markdown_it.MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

    tokens = parser.parseInline(text.escape_markdown(name))[0].children
    blocks = parser.parse(text.escape_markdown(name))

    assert {t.type for t in tokens} <= {"text", "text_special"}
    assert [b.type for b in blocks] == ["paragraph_open", "inline", "paragraph_close"]
    shown = "".join(t.content for t in tokens).replace(text.WORD_JOINER, "")
    assert shown == text.plain(name)


@pytest.mark.parametrize(
    "name", [":red[danger]", ":material/delete:", ":smile:", "www.evil.example", "https://evil.example"]
)
def test_what_streamlit_replaces_after_parsing_is_broken_by_an_invisible_character(name):
    # a backslash is gone by then: Streamlit's emoji, icons and bare links are found in the text itself
    assert text.WORD_JOINER in text.escape_markdown(name)


@pytest.mark.parametrize(
    "name", ["ACAT2", "HLA-A", "NKX2-5", "KLF1+MAP2K6", "CHMP3_P1P2_A", "ENSG00000172936.4", "7SK", "C1orf112"]
)
def test_an_ordinary_symbol_stays_as_it_is(name):
    assert text.escape_markdown(name) == name


@given(st.text(max_size=300))
def test_a_name_of_any_length_is_cut_to_one_line(name):
    shown = text.plain(name, 40)

    assert 1 <= len(shown) <= 40
    assert "\n" not in shown
    assert text.plain(shown, 40) == shown


def test_a_name_of_ten_kilobytes_ends_in_an_ellipsis():
    assert text.plain("A" * 10_000) == "A" * 39 + "…"
    assert len(text.escape_markdown("$" * 10_000)) < 100


def test_html_around_a_name_is_text():
    assert "<" not in text.escape_html("<script>alert(1)</script>")
