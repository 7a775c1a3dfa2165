from edge_runtime.markdown import table


def test_columns_are_padded_and_aligned():
    assert table(("a", "number"), [("long name", 1), ("b", 22)], align="lr") == (
        "| a         | number |\n|:----------|-------:|\n| long name |      1 |\n| b         |     22 |\n"
    )


def test_a_cell_cannot_break_the_table():
    assert table(("x",), [("a|b\nc",)], align="l").splitlines()[2] == "| a\\|b c |"


def test_no_rows():
    assert len(table(("x",), [], align="l").splitlines()) == 2
