"""How errors look."""

import pytest
from streamlit.testing.v1 import AppTest

from core.errors import UnknownTargetError


def shown(error: Exception) -> AppTest:
    def script(error):
        import streamlit as st

        from core.ui.errors import shown_errors

        with shown_errors():
            raise error
        st.markdown("the rest")

    return AppTest.from_function(script, kwargs={"error": error}).run()


def test_an_error_of_the_user_is_its_sentence_with_the_first_one_bold():
    page = shown(UnknownTargetError("ACAT3", ["ACAT2", "SP1"]))

    assert page.error[0].value.startswith("**No cells carry a guide against 'ACAT3'.** The study names 2 targets")
    assert page.markdown[0].value == "the rest"


def test_a_bug_is_said_to_be_ours_with_an_id_that_stands_in_the_log(data_root):
    page = shown(ZeroDivisionError("secret detail"))

    said = page.error[0].value
    assert "a fault of Perturbscope" in said and "secret detail" not in said
    assert said.split("(id ")[1][:8] in (data_root / "logs" / "errors.log").read_text()
    assert page.markdown[0].value == "the rest"


def test_a_bug_is_shown_where_the_log_cannot_be_written(data_root):
    data_root.parent.joinpath("data-root").write_text("a file where the folder should be")

    page = shown(ZeroDivisionError("x"))

    assert "could not be logged" in page.error[0].value


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "**bold**", "[x](http://y)", "x" * 20_000])
def test_a_name_in_a_message_is_neither_markup_nor_endless(name):
    page = shown(UnknownTargetError(name, ["A"]))

    said = page.error[0].value
    assert "<script>" not in said.replace("\\<", "")
    assert len(said) < 1500
