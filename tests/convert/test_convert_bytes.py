"""Bytes outside an edit stay what they are, whatever they are."""

from __future__ import annotations

import pytest
from convert_checks import check_noop, check_transformed, convert

BOM = b"\xef\xbb\xbf"

CASES = {
    "crlf": (b"import torch\r\nx = 1\r\n", b"import mindtorch as torch\r\nx = 1\r\n"),
    "lone cr": (b"x = 1\rimport torch\ry = 2\r", b"x = 1\rimport mindtorch as torch\ry = 2\r"),
    "mixed": (b"a = 1\r\nb = 2\rimport torch\nc = 3", b"a = 1\r\nb = 2\rimport mindtorch as torch\nc = 3"),
    "crlf in parentheses": (
        b"from torch import (\r\n    nn,  # x\r\n\r\n    cuda,\r\n)\r\n",
        b"from mindtorch import (\r\n    nn,  # x\r\n\r\n    cuda,\r\n)\r\n",
    ),
    "mixed in parentheses": (
        b"from torch import (\r\n nn,\n cuda,\r optim\r\n)",
        b"from mindtorch import (\r\n nn,\n cuda,\r optim\r\n)",
    ),
    "crlf after backslash": (b"import os, \\\r\n  torch\r\n", b"import os, \\\r\n  mindtorch as torch\r\n"),
    "cr after backslash": (b"import os, \\\r  torch\r", b"import os, \\\r  mindtorch as torch\r"),
    "bom": (BOM + b"import torch\n", BOM + b"import mindtorch as torch\n"),
    "bom and cookie": (
        BOM + b"# coding: utf-8\nx = '\xc3\xa9'; import torch\n",
        BOM + b"# coding: utf-8\nx = '\xc3\xa9'; import mindtorch as torch\n",
    ),
    "latin-1": (
        b"# -*- coding: latin-1 -*-\nx = '\xe9\xe8'; import torch # \xff\n",
        b"# -*- coding: latin-1 -*-\nx = '\xe9\xe8'; import mindtorch as torch # \xff\n",
    ),
    "latin-1 on the second line, crlf": (
        b"#!/usr/bin/env python\r\n# vim: set fileencoding=iso-8859-15 :\r\nx = '\xa4'; import torch\r\n",
        b"#!/usr/bin/env python\r\n# vim: set fileencoding=iso-8859-15 :\r\nx = '\xa4'; import mindtorch as torch\r\n",
    ),
    "latin-1 on the second line, cr": (
        b"#!/usr/bin/env python\r# coding: latin-1\rx = '\xe9'; import torch\r",
        b"#!/usr/bin/env python\r# coding: latin-1\rx = '\xe9'; import mindtorch as torch\r",
    ),
    "cp1252": (b"# coding=cp1252\nx = '\x80'; import torch", b"# coding=cp1252\nx = '\x80'; import mindtorch as torch"),
    "gbk": (
        "# coding: gbk\n# 中文\nx = '张量'; import torch\n".encode("gbk"),
        "# coding: gbk\n# 中文\nx = '张量'; import mindtorch as torch\n".encode("gbk"),
    ),
    "shift-jis with a backslash as second byte": (
        "# coding: shift_jis\nx = 'ソ表'; import torch\n".encode("shift_jis"),
        "# coding: shift_jis\nx = 'ソ表'; import mindtorch as torch\n".encode("shift_jis"),
    ),
    "tabs and trailing blanks": (b"if 1:\n\timport torch \t \n\t\n", b"if 1:\n\timport mindtorch as torch \t \n\t\n"),
    "form feed": (b"\x0cimport torch\n\x0c\nx=1\x0c\n", b"\x0cimport mindtorch as torch\n\x0c\nx=1\x0c\n"),
    "no final newline": (b"x = 1\nimport torch", b"x = 1\nimport mindtorch as torch"),
    "blank lines at the end": (b"import torch\n\n \n\n", b"import mindtorch as torch\n\n \n\n"),
    "line separators that are none": (
        "x = '\x0b\x1c\x85\u2028'; import torch\n".encode(),
        "x = '\x0b\x1c\x85\u2028'; import mindtorch as torch\n".encode(),
    ),
    "end of file mark": (b"import torch\nx = 1\n# \x1a", b"import mindtorch as torch\nx = 1\n# \x1a"),
    "name in another script": (
        "张量 = '火炬'; import torch as 火\n".encode(),
        "张量 = '火炬'; import mindtorch as 火\n".encode(),
    ),
    "string with escapes": (b"'\\d \\N{BULLET}'\nimport torch\n", b"'\\d \\N{BULLET}'\nimport mindtorch as torch\n"),
}


@pytest.mark.parametrize("name", CASES)
def test_bytes_around_the_edit(name: str) -> None:
    check_transformed(*CASES[name])


@pytest.mark.parametrize(
    ("raw", "reason", "line"),
    [
        (b"import torch\nx = '\xe9'\n", "not valid utf-8: byte 0xe9", 2),
        (b"# coding: klingon\nimport torch\n", "unknown encoding", None),
        (BOM + b"# coding: latin-1\nimport torch\n", "encoding problem", None),
        (b"\xe9\nimport torch\n", "invalid or missing encoding declaration", None),
        (b"import torch\nx = '\x00'\n", "null bytes", None),
        # "~" of this encoding has two spellings: decoding and encoding again would change the bytes.
        (b"# coding: hz\nx = '~~~{~}'\nimport torch\n", "does not give the same bytes back", None),
        (b"import torch\nx = " + b"(" * 500 + b")" * 500, "", None),
    ],
)
def test_file_that_cannot_be_read_as_python_is_left(raw: bytes, reason: str, line: int | None) -> None:
    outcome = convert(raw)
    assert outcome.after is None
    assert outcome.skipped is not None
    assert reason in outcome.skipped.reason
    assert line is None or outcome.skipped.line == line


def test_huge_file_is_left() -> None:
    outcome = convert(b"import torch\n" + b"x = 1\n" * 3_000_000)
    assert outcome.skipped is not None
    assert "are not parsed" in outcome.skipped.reason


def test_file_without_a_candidate_is_not_even_decoded() -> None:
    check_noop(b"\xff\xfe\x00 this is not Python; pytorch")
