"""docs/library.md: every Python block runs, in order, on drawn pictures."""

import re

import numpy as np
import pytest

from functions.cli.demo import draw_demo
from tests.conftest import ROOT
from tests.end_to_end.server import run

PAGE = (ROOT / "docs" / "library.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
def test_the_page_works_as_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    draw_demo(tmp_path / "pictures")
    for path in (tmp_path / "pictures").iterdir():
        if not path.name.startswith(("mug", "fish")):
            path.unlink()
    opened, vectors, exported = BLOCKS
    names = {}

    exec(opened, names)
    printed = capsys.readouterr().out
    exec(vectors, names)
    result = run("export", tmp_path / "export", data=tmp_path / "data", **FIELDS)
    exec(exported, names)

    assert re.search(r"^added \S{36} mug-1.jpg$", printed, re.MULTILINE)
    assert "1.000 same picture same-bytes mug-1.jpg" in printed
    assert "fish" not in printed.split("same-bytes")[1]
    assert result.returncode == 0, result.stderr
    assert 0 < len(names["mugs"]) < len(names["vectors"])
    np.testing.assert_allclose(np.linalg.norm(names["mugs"], axis=1), 1, atol=1e-6)


FIELDS = {"LOOKALIKE_FILTER_FIELDS": "category:keyword"}
