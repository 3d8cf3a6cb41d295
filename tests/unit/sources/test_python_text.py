from mixwright.sources.python_text import prose, reference, sessions, take_apart, without_licence

SOURCE = '''# Copyright of somebody, under some licence that fills a whole line.
"""The module speaks about itself in one sentence of prose.

Usage of it::

    code()
"""
import os  # a remark beside the code


class Thing(object):
    r"""A thing has a docstring that opens with a raw mark, says so, and ends here.

    Parameters
    ----------
    size : int
        How large it is.

    Examples
    --------
    >>> Thing(1)
    Thing(1)
    >>> for _ in ():
    ...     pass

    After the session.
    """

    text = "# not a comment"

    def call(self, other='"""'):
        # This block of comments is long enough
        # to be kept as one text.
        """Not indented here.

        Args:
            other: the other one,
                on two lines.

        Returns:
            Nothing at all.
        """
        # noqa: E501
        value = """a string, not a docstring"""
        return f"{value}#{other}"  # trailing
'''


def test_the_three_parts_share_nothing_and_code_is_kept():
    parts = take_apart(SOURCE)
    assert parts.code == (
        'import os\n\nclass Thing(object):\n\n    text = "# not a comment"\n\n'
        '    def call(self, other=\'"""\'):\n\n'
        '        value = """a string, not a docstring"""\n        return f"{value}#{other}"\n'
    )
    assert parts.comments == ("This block of comments is long enough\nto be kept as one text.",)
    assert [text.split("\n")[0][:12] for text in parts.docstrings] == [
        "The module s",
        "A thing has ",
        "Not indented",
    ]


def test_prose_is_whole_sentences_at_the_outer_indentation():
    assert prose(take_apart(SOURCE).docstrings) == (
        "The module speaks about itself in one sentence of prose.\n\n"
        "A thing has a docstring that opens with a raw mark, says so, and ends here."
    )


def test_reference_reads_both_styles():
    sections = reference(take_apart(SOURCE).docstrings)
    assert sections.startswith("Parameters\n----------\nsize : int\n    How large it is.")
    assert "Args:\n    other: the other one,\n        on two lines." in sections
    assert "Returns:\n    Nothing at all." in sections
    assert ">>>" not in sections
    assert (
        reference([":param a: the first\n    of two\n:returns: it\n\nText."])
        == ":param a: the first\n    of two\n:returns: it"
    )


def test_sessions_end_at_an_empty_line():
    assert (
        sessions(take_apart(SOURCE).docstrings)
        == ">>> Thing(1)\nThing(1)\n>>> for _ in ():\n...     pass"
    )


def test_only_leading_comments_on_licences_go():
    assert without_licence("/* Licensed to all. */\n// more\nint x;\n") == "int x;\n"
    assert without_licence("# SPDX-License-Identifier: MIT\n\nx = 1\n") == "x = 1\n"
    assert without_licence("# About x.\nx = 1\n") == "# About x.\nx = 1\n"


def test_source_that_does_not_parse_is_taken_apart_all_the_same():
    assert take_apart('print "x"\n"""open').code == 'print "x"\n"""open\n'
