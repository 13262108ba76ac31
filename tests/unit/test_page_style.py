"""The style sheets of the page use the scale in frame/tokens.css and no values of their own."""

import re

import pytest

from tests.unit.test_house import PAGE

TOKENS = "frame/tokens.css"
SHEETS = sorted(path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*.css"))
SCALED = r"border(?:-[a-z]+)*-radius|(?:row-|column-)?gap|font-size|font-weight|font"
DECLARATION = re.compile(rf"(?<![\w-])({SCALED})\s*:\s*([^;}}]+)")
ALLOWED = re.compile(r"(?:var\(--[\w-]+\)|0|inherit|normal)")


def raw_values(css: str) -> list[str]:
    """Return the declarations with a value that is not a token; calc() can combine tokens."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    return [
        f"{name}: {value.strip()}"
        for name, value in DECLARATION.findall(css)
        for rest in [re.sub(r"var\(--[\w-]+\)", "", value)]
        if not all(ALLOWED.fullmatch(part) for part in value.split())
        and not (value.strip().startswith("calc(") and not re.search(r"\d(?:px|r?em|%)", rest))
    ]


@pytest.mark.parametrize("sheet", [name for name in SHEETS if name != TOKENS])
def test_a_style_sheet_takes_radius_gap_and_type_from_the_scale(sheet):
    assert raw_values((PAGE / sheet).read_text()) == []


def test_raw_values_are_found_and_tokens_are_not():
    css = """a { gap: 8px 16px; border-end-end-radius: 3px; font-weight: 650; font-size: 1rem;
             font: 400 16px Inter; /* gap: 2px */ }
             b { gap: var(--space-1) 0; border-radius: calc(var(--radius-m) - 2 * var(--space-1));
             font: inherit; --gap: 3px; grid-gap-x: 1px }"""

    assert raw_values(css) == [
        "gap: 8px 16px",
        "border-end-end-radius: 3px",
        "font-weight: 650",
        "font-size: 1rem",
        "font: 400 16px Inter",
    ]


def test_every_token_that_is_used_is_defined():
    css = {name: (PAGE / name).read_text() for name in SHEETS}
    scripts = "".join(path.read_text() for path in PAGE.rglob("*.js"))
    defined = set(re.findall(r"(--[\w-]+):", "".join(css.values())))
    defined |= set(re.findall(r"'(--[\w-]+)'", scripts))

    used = {token for text in css.values() for token in re.findall(r"var\((--[\w-]+)\)", text)}
    assert used <= defined
    assert used
