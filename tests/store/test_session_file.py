"""Session files: what is saved reopens, what is missing is named, bad files are refused, nothing runs."""

import json

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.errors import UploadError
from core.store import build_study, list_studies, save_roles
from core.store.notebook import GeneList
from core.store.session import SessionView, read_session
from core.store.study_ref import Standing
from core.views.take_home import reopenings, session_of, version_words, view_choices
from tests.small_screens import small_screen

VIEW = SessionView(page="perturbation", query=[("study", "screen"), ("highlight", "A"), ("highlight", "B")])


@pytest.fixture
def study(tmp_path):
    return build_study(small_screen().write(tmp_path / "screen.h5ad"))


def saved(study, **changes):
    view = VIEW.model_copy(update={"study_id": study.id, "choices": view_choices({"fdr": "0.01"})})
    session = session_of([view], [study], [GeneList(name="mine", genes=["GENE1"])])
    return session.model_copy(update=changes).to_bytes()


def test_a_session_comes_back_with_views_studies_thresholds_lists_and_versions(study):
    session = read_session("s.json", saved(study))

    assert session.views[0].query == VIEW.query
    assert session.views[0].choices == {"fdr": 0.01, "fold": 1.4}
    assert (session.studies[0].id, session.studies[0].file) == (study.id, "screen.h5ad")
    assert session.studies[0].roles["target_col"] == "target_gene"
    assert session.gene_lists[0].genes == ["GENE1"]
    assert {"numpy", "scipy"} <= set(session.versions)
    assert version_words(session) == ""


def test_a_study_that_is_here_is_known_by_its_fingerprint_whatever_its_file_is_called(study, tmp_path):
    session = read_session("s.json", saved(study))
    moved = (tmp_path / "screen.h5ad").rename(tmp_path / "renamed.h5ad")
    build_study(moved)

    (found,) = reopenings(session, list_studies())

    assert (found.standing, found.warn) == (Standing.SAME, False)


def test_a_study_that_is_not_here_is_named_with_its_file_size_and_fingerprint(study):
    session = read_session("s.json", saved(study))

    (found,) = reopenings(session, [])

    assert found.standing is Standing.GONE and found.warn
    assert "Open `screen.h5ad` (900 cells, 45 genes, fingerprint" in found.sentence
    assert study.id in found.sentence


def test_a_file_of_the_same_name_with_other_content_is_not_taken_for_it(study, tmp_path):
    session = read_session("s.json", saved(study))
    here = [record for record in list_studies() if record.id != study.id]
    (tmp_path / "b").mkdir()
    build_study(small_screen(seed=5).write(tmp_path / "b" / "screen.h5ad"))
    here = [record for record in list_studies() if record.id != study.id]

    (found,) = reopenings(session, here)

    assert found.standing is Standing.OTHER_FILE
    assert "is here with other content" in found.sentence


def test_other_roles_are_said(study):
    session = read_session("s.json", saved(study))
    save_roles(study.id, {"batch_col": None})
    build_study(study.path)

    (found,) = reopenings(session, list_studies())

    assert found.standing is Standing.OTHER_TABLES
    assert "batch col batch" in found.sentence


def test_other_versions_are_said(study):
    session = read_session("s.json", saved(study, perturbscope="9.9.9", versions={"numpy": "1.0"}))

    assert "Perturbscope 9.9.9 (here" in version_words(session) and "numpy 1.0 (here" in version_words(session)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no session file"),
        (b"not json", "no session file"),
        (b"[]", "no session file"),
        (b'{"format": "other", "schema_version": 1}', "no session file"),
        (b"[" * 200_000, "no session file"),
        (b"\x80\x04\x95", "no session file"),
        (b'{"format": "perturbscope session", "schema_version": 2, "perturbscope": "7.0"}', "7.0, in a later form"),
        (b'{"format": "perturbscope session", "schema_version": 1, "views": [{"page": 3}]}', "damaged at views 0 page"),
        (b'{"format": "perturbscope session", "schema_version": 1, "studies": {}}', "damaged at studies"),
        (b" " * (20 * 2**20 + 1), "may have 20 MB"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_in_words(content, said):
    with pytest.raises(UploadError, match=said):
        read_session("s.json", content)


@given(content=st.binary(max_size=300))
@hypothesis_settings(max_examples=100, deadline=None)
def test_no_file_however_odd_gives_anything_but_a_session_or_a_sentence(content):
    with pytest.raises(UploadError):
        read_session("s.json", content)


@given(
    change=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ),
    field=st.sampled_from(["views", "studies", "gene_lists", "notes", "versions", "saved_at", "perturbscope"]),
)
@hypothesis_settings(max_examples=150, deadline=None)
def test_a_session_whose_fields_were_changed_is_read_or_refused(change, field):
    content = json.dumps({"format": "perturbscope session", "schema_version": 1, field: change}).encode()
    try:
        read_session("s.json", content)
    except UploadError as error:
        assert "s.json" in str(error)
