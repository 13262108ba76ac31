"""Every text of the page is in words/, in each language, and each error has words for people."""

import json
import re
import subprocess
from html.parser import HTMLParser

import pytest

from functions.api.errors import statuses
from tests.programs import find_program
from tests.unit.test_house import PAGE

# What the page itself never causes; its words are those of any unknown error.
NEVER_MET = {
    "idempotency-key-reused",
    "internal",
    "invalid-parameters",
    "invalid-request",
    "malformed-body",
    "method-not-allowed",
    "no-bucket",
    "not-found",
}
OF_THE_GATEWAY = {"http-413", "http-429", "http-503", "http-504"}
OF_THE_PAGE = {"offline", "picture-gone"}
SAME_IN_BOTH = {"Lookalike", "Link", "Raw", "K", "D", "U", "Enter", "←", "→", "↑", "↓"}
# Calls every function with lists, which also stand for strings.
PRINT = """
const flat = (value, path) =>
  typeof value === 'function' ? [[path, value(...Array(value.length).fill(['A', 'B']))]]
  : typeof value === 'object' ? Object.entries(value).flatMap(([k, v]) => flat(v, `${path}/${k}`))
  : [[path, value]];
const {LANGUAGE} = await import(process.argv[1]);
console.log(JSON.stringify(flat({LANGUAGE}, '')));
"""


def texts(language: str) -> dict[str, str]:
    """Return every text by the path of its keys."""
    script = PRINT.replace("{LANGUAGE}", f"{{{language}}}", 1).replace("{LANGUAGE}", language)
    path = (PAGE / "words" / f"{language}.js").as_uri()
    node = [find_program("node"), "--no-warnings", "--input-type=module", "-e", script, path]
    return dict(json.loads(subprocess.run(node, check=True, capture_output=True).stdout))


@pytest.fixture(scope="module")
def words() -> dict[str, dict[str, str]]:
    return {language: texts(language) for language in ("en", "de")}


def test_both_languages_have_the_same_texts(words):
    assert words["en"].keys() == words["de"].keys()
    assert [path for texts in words.values() for path, text in texts.items() if text is None] == []


def test_every_text_is_translated(words):
    same = {text for path, text in words["en"].items() if text and text == words["de"][path]}

    assert same - SAME_IN_BOTH == set()


def test_every_error_that_a_visitor_can_meet_has_words_of_its_own(words):
    for language, texts in words.items():
        codes = set(re.findall(r"^/errors/byCode/([^/]+)/title$", "\n".join(texts), re.MULTILINE))

        assert codes == (set(statuses()) - NEVER_MET) | OF_THE_GATEWAY | OF_THE_PAGE | {
            "request-timeout"  # of scripts/serve
        }, language


def test_no_text_speaks_to_developers(words):
    technical = re.compile(r"http|header|x-api-key|json|\bAPI\b|float|keyword|status code", re.I)

    found = [text for texts in words.values() for text in texts.values() if technical.search(text)]
    assert found == []


def english_in(script: str) -> list[str]:
    """Return the literals of a script that read like text: two words, or a word with a capital."""
    script = re.sub(r"/\*.*?\*/", "", script, flags=re.DOTALL)
    script = re.sub(r"(?<![:'\"])//.*", "", script)
    literals = re.findall(r"'([^'\n]*)'|`([^`]*)`", script)
    plain = (re.sub(r"\$\{[^}]*\}", "", one or other) for one, other in literals)
    return [
        text for text in plain if re.search(r"\b[A-Z][a-z]+[ .…:]|[a-z]{2,} [a-z]{2,} [a-z]", text)
    ]


SCRIPTS = sorted(
    name
    for path in PAGE.rglob("*.js")
    for name in [path.relative_to(PAGE).as_posix()]
    if not name.startswith("words/") and name != "docs.js"
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_has_no_text_of_its_own(script):
    assert english_in((PAGE / script).read_text()) == []


def test_english_in_a_script_is_found():
    script = "el('p', { class: 'row end' }, 'No results yet'); // it's\nbutton(`Hide ${text}.`)"

    assert english_in(script) == ["No results yet", "Hide ."]


class Texts(HTMLParser):
    """Collects the texts of a page that no data-words fills in."""

    def __init__(self) -> None:
        super().__init__()
        self.path: list[str] = []
        self.found: list[str] = []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "link", "input", "br", "path", "rect", "circle"):
            self.path.append(tag)
        self.found += [
            value for name, value in attributes if name in ("aria-label", "title", "alt")
        ]

    def handle_endtag(self, tag):
        if self.path and tag == self.path[-1]:
            self.path.pop()

    def handle_data(self, data):
        if data.strip() and not {"noscript", "script", "title"} & set(self.path):
            self.found.append(" ".join(data.split()))


def test_the_html_has_no_text_but_the_name():
    texts = Texts()
    texts.feed((PAGE / "index.html").read_text())

    assert texts.found == ["Lookalike"]
