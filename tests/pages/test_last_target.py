"""The target that was looked at last goes along: from its page to those that compare it and show its gene."""


def turn_to(app, page):
    return app.switch_page(f"../../pages/{page}.py").run()


def test_the_target_of_one_page_is_what_the_others_begin_with(study_root, open_page):
    page = open_page("perturbation", target="GENE7")

    turn_to(page, "compare")
    assert page.selectbox(key="a").value == "GENE7"
    turn_to(page, "gene")
    assert page.selectbox(key="gene").value == "GENE7"
    turn_to(page, "my_figures")
    turn_to(page, "perturbation")
    assert page.selectbox(key="target").value == "GENE7" and page.title[0].value == "GENE7"


def test_the_first_of_two_compared_targets_is_the_last_one_looked_at(study_root, open_page):
    page = open_page("compare", a="GENE7", b="GENE3")

    turn_to(page, "perturbation")

    assert page.title[0].value == "GENE7"


def test_a_gene_that_was_picked_stays_whatever_target_is_looked_at(study_root, open_page):
    page = open_page("gene", gene="GENE5")

    turn_to(page, "perturbation")
    page.selectbox(key="target").set_value("GENE7").run()
    turn_to(page, "gene")

    assert page.selectbox(key="gene").value == "GENE5"
