"""Put the page into one file: index.html with its style sheets and modules in it.

A page of 30 files needs 30 functions at once, and a new AWS account has ten. Each module becomes a
function that runs when the first other module needs it, in the order of a browser. Only the forms
of import and export that the page uses are known; any other raises ValueError and ends the build
of the image. Comments, types and indentation, a fifth of what is sent, are left out. Depends on
nothing.
"""

import posixpath
import re
import sys
from pathlib import Path

PLACEHOLDERS = ("{version}", "{file-types}")  # of the HTML, filled in by page.py

_STYLE = re.compile(r'<link rel="stylesheet" href="([\w/-]+\.css)">')
_SCRIPT = re.compile(r'<script type="module" src="([\w/-]+\.js)"></script>')
_IMPORT = re.compile(
    r"^import (?:(?P<names>\{[\w$,\s]+\})|\* as (?P<all>\w+)) from '(?P<module>\.[\w./-]+\.js)';\n",
    re.MULTILINE,
)
_LAZY_IMPORT = re.compile(r"\bimport\('(\.[\w./-]+\.js)'\)")
_EXPORT = re.compile(r"^export (?=(?:async function|function|class|const) ([\w$]+))", re.MULTILINE)
_VARIABLE = re.compile(r"^export let (\w+) (?==)", re.MULTILINE)  # others see every change of it
# Lines of //, what comes after code in a line, and blocks with a space after their start, which
# 'image/*' has not.
_COMMENT = re.compile(
    r"^[ \t]*//[^\n]*\n|(?<=[;{}(),\]])[ \t]+// [^\n]*|/\*\*?\s.*?\*/[ \t]*",
    re.MULTILINE | re.DOTALL,
)
_INDENT = re.compile(r"^\s+", re.MULTILINE)  # no text of the page goes over several lines
_CSS_LINE = re.compile(r"(?<=[{};,])\n")
# What would still mean something to the browser, or to the HTML around it.
_UNKNOWN = re.compile(
    r"^(?:import|export)\b.*|\bimport\s*[(.].*|</script|</style|<!--", re.MULTILINE
)

_LOADER = """\
const $loaded = new Map();
const $load = (name) => {
	if (!$loaded.has(name)) $loaded.set(name, $modules[name]());
	return $loaded.get(name);
};
const $loadLater = async (name) => $load(name);
"""


def single_page(folder: Path) -> str:
    """Return the page in this folder as one HTML file, its placeholders not filled in yet.

    Raises ValueError for a form of import or export that is not known.
    """
    html = _INDENT.sub("", (folder / "index.html").read_text())
    html = _STYLE.sub(lambda found: f"<style>\n{_read(folder, found[1])}</style>", html)
    return _SCRIPT.sub(
        lambda found: f'<script type="module">\n{_link(folder, found[1])}</script>', html
    )


def _link(folder: Path, entry: str) -> str:
    """Return one script of a module and all that it needs."""
    texts: dict[str, str] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name not in texts:
            texts[name] = _read(folder, name)
            needed = [found["module"] for found in _IMPORT.finditer(texts[name])]
            needed += _LAZY_IMPORT.findall(texts[name])
            waiting += [_path(other, name) for other in needed]
    variables = [name for text in texts.values() for name in _VARIABLE.findall(text)]
    if len(set(variables)) < len(variables):
        raise ValueError(f"Two modules export a variable of one name, of {variables}; rename one")
    functions = "".join(_function(name, texts[name], set(variables)) for name in sorted(texts))
    shared = f"let {', '.join(variables)};\n" if variables else ""
    return f"{shared}{_LOADER}const $modules = {{\n{functions}}};\n$load('{entry}');\n"


def _function(name: str, text: str, variables: set[str]) -> str:
    """Return a module as a function that returns what it exports.

    Exported variables are declared around all modules, where everybody sees their changes.
    """
    imports = ""
    for found in _IMPORT.finditer(text):
        module = _path(found["module"], name)
        if found["all"]:
            imports += f"const {found['all']} = $load('{module}');\n"
            continue
        names = [part.strip() for part in found["names"][1:-1].split(",")]
        if any(" " in part for part in names):
            raise ValueError(f"{name}: import without 'as', which cannot be put into one file")
        kept = ", ".join(part for part in names if part and part not in variables)
        imports += f"const {{ {kept} }} = $load('{module}');\n"
    body = _LAZY_IMPORT.sub(
        lambda found: f"$loadLater('{_path(found[1], name)}')", _IMPORT.sub("", text)
    )
    exports = ", ".join(_EXPORT.findall(body))
    body = _VARIABLE.sub(r"\1 ", _EXPORT.sub("", body))
    if unknown := _UNKNOWN.search(body):
        raise ValueError(f"{name}: {unknown[0]!r} cannot be put into one file; write it otherwise")
    return f"'{name}': () => {{\n{imports}{body}return {{ {exports} }};\n}},\n"


def _path(module: str, importer: str) -> str:
    """Return the path below the folder of what this module imports under a relative path."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), module))


def _read(folder: Path, name: str) -> str:
    text = _INDENT.sub("", _COMMENT.sub("", (folder / name).read_text()))
    if name.endswith(".css"):
        text = _CSS_LINE.sub("", text)
    if wrong := [each for each in (*PLACEHOLDERS, "$load", "$modules") if each in text]:
        raise ValueError(f"{name}: {wrong[0]} cannot be used in a script or style sheet; rename it")
    return text


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.parent.mkdir(exist_ok=True)
    target.write_text(single_page(source))
