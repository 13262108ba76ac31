"""Which room can import which, and where each third-party library is used."""

import ast
import posixpath
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from functions.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]

# A room (a module or a package) imports only itself and the rooms above it in this list; no imports
# are circular.
ROOMS = [
    "functions.runtime",
    "functions.gallery.errors",
    "functions.gallery.deadline",
    "functions.gallery.stopwatch",
    "functions.gallery.threads",
    "functions.gallery.pictures",
    "functions.gallery.embedding",
    "functions.gallery.names",
    "functions.gallery.records",
    "functions.gallery.filters",
    "functions.gallery.settings",
    "functions.gallery.ports",
    "functions.gallery.originals",
    "functions.gallery.stores",
    "functions.gallery.search",
    "functions.gallery.intake",
    "functions.gallery.duplicates",
    "functions.gallery.sync",
    "functions.gallery.reindex",
    "functions.gallery.gallery",
    "functions.gallery.bootstrap",
    "functions.gallery.library",
    "functions.ingest",
    "functions.api.errors",
    "functions.api.requests",
    "functions.api.responses",
    "functions.api.openapi",
    "functions.api.routes",
    "functions.api.app",
    "functions.api.handler",
    "functions.api.monitoring",
    "model",
    "functions.cli",
    "scripts",
]
# Rooms above it that a room must still not import.
FORBIDDEN = {
    "functions.gallery.stores.embedded": ["functions.gallery.stores.server"],
    "functions.gallery.stores.server": ["functions.gallery.stores.embedded"],
    "functions.api": [
        "functions.ingest",
        "functions.gallery.originals",
        "functions.gallery.stores",
    ],
    "model": ["functions.api", "functions.ingest"],
}
LIBRARY_ROOMS = {
    "PIL": "functions.gallery.pictures",
    "pi_heif": "functions.gallery.pictures",
    "onnxruntime": "functions.gallery.embedding",
    "boto3": "nowhere",  # botocore is enough, and starts faster
    "botocore": "functions.gallery.originals.aws",
    "qdrant_edge": "functions.gallery.stores.embedded",
    "qdrant_client": "functions.gallery.stores.server",
    "fastapi": "functions.api",
    "starlette": "functions.api",
    "mangum": "functions.api.handler",
    "aws_lambda_powertools": "functions.ingest",
    "prometheus_client": "functions.api.monitoring",
    "uvicorn": "functions.cli.connections",
    "pyarrow": "functions.cli.exporting",
    "typer": "functions.cli",
    "rich": "functions.cli",
}
DRAWS = "functions.cli.demo"  # not decoded: the pictures of the demonstration
# What Windows does not have.
POSIX_ONLY = {"fcntl", "grp", "pty", "pwd", "resource", "termios"}
# The commands, besides benchmarks, that can import the API application.
API_COMMANDS = {"functions.cli.serve", "scripts.openapi", "scripts.api_examples"}


def python_files() -> Iterator[Path]:
    for folder in ("functions", "model", "scripts"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix == ".py" or (path.is_file() and is_command(path)):
                yield path


def is_command(path: Path) -> bool:
    if path.suffix or "__pycache__" in path.parts:
        return False
    return b"python" in path.read_bytes().partition(b"\n")[0]


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {module_of(path): ast.parse(path.read_text()) for path in python_files()}


def names_imported_by(module: str) -> set[str]:
    names = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported_by(module: str) -> set[str]:
    """Return which of our modules this one imports; scripts import others by their bare names."""
    names = names_imported_by(module)
    if module.startswith("scripts"):
        names |= {f"scripts.{name}" for name in names}
    return (names & TREES.keys()) - {module}


def is_in(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


def room_of(module: str) -> str | None:
    return max((room for room in ROOMS if is_in(module, room)), key=len, default=None)


def assert_not_circular(imports: dict[str, set[str]]) -> None:
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(f"circular imports: {' -> '.join(error.args[1])}")


def test_every_module_is_in_a_room():
    packages = {"functions", "functions.gallery", "functions.api"}

    assert [m for m in TREES if room_of(m) is None and m not in packages] == []


def test_a_room_imports_only_the_rooms_above_it():
    wrong = [
        f"{module} imports {other}"
        for module in TREES
        for other in imported_by(module)
        if room_of(module) and room_of(other)
        if ROOMS.index(room_of(other)) > ROOMS.index(room_of(module))
    ]

    assert wrong == []


def test_no_imports_are_circular():
    assert_not_circular({module: imported_by(module) for module in TREES})


@pytest.mark.parametrize("room", FORBIDDEN)
def test_a_room_does_not_import_what_it_must_not_depend_on(room):
    wrong = [
        f"{module} imports {other}"
        for module in TREES
        if is_in(module, room)
        for other in imported_by(module)
        if any(is_in(other, forbidden) for forbidden in FORBIDDEN[room])
    ]

    assert wrong == []


def test_only_commands_that_serve_or_describe_the_application_import_it():
    users = {
        module
        for module in TREES
        if is_in(module, "scripts") or is_in(module, "functions.cli")
        if any(is_in(n, "functions.api") for n in imported_by(module))
    }

    assert {user for user in users if not is_in(user, "scripts.bench")} == API_COMMANDS


def test_only_tests_import_tests():
    wrong = [m for m in TREES if any(n.partition(".")[0] == "tests" for n in names_imported_by(m))]

    assert wrong == []


@pytest.mark.parametrize("library", LIBRARY_ROOMS)
def test_a_library_is_imported_only_in_its_room(library):
    users = [
        module
        for module in TREES
        if is_in(module, "functions") and (module, library) != (DRAWS, "PIL")
        if any(name.partition(".")[0] == library for name in names_imported_by(module))
    ]

    assert [user for user in users if not is_in(user, LIBRARY_ROOMS[library])] == []
    assert users or LIBRARY_ROOMS[library] == "nowhere"


def test_nothing_that_windows_lacks_is_needed_to_load_a_module():
    wrong = [
        f"{module} imports {name}"
        for module, tree in TREES.items()
        if is_in(module, "functions")
        for node in tree.body
        if isinstance(node, ast.Import)
        for name in {alias.name for alias in node.names} & POSIX_ONLY
    ]

    assert wrong == []


def test_messages_name_a_command_as_it_is_started_here():
    command = re.compile(rf"scripts/({'|'.join(COMMANDS)})\b")
    wrong = [
        f"{module}: {node.value}"
        for module, tree in TREES.items()
        if is_in(module, "functions")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if command.search(node.value) and node not in docstrings(tree)
    ]

    assert wrong == []


def docstrings(tree: ast.Module) -> list[ast.expr]:
    """Return the docstrings of a module and of what is in it."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, kinds)]
    return [body[0].value for body in bodies if isinstance(body[0], ast.Expr)]


PAGE = ROOT / "functions/api/page"
PAGE_ROOMS = {  # room -> the rooms it imports
    "words": set(),
    "frame": {"words"},
    "gallery": {"words", "frame"},
    "pictures": {"words", "frame", "gallery"},
    "search": {"words", "frame", "gallery", "pictures"},
    "browse": {"words", "frame", "gallery", "pictures"},
    "add": {"words", "frame", "gallery", "pictures"},
    "duplicates": {"words", "frame", "gallery", "pictures"},
    "": {"words", "frame", "gallery", "search", "browse", "add", "duplicates"},  # main.js
}


def imports_of_the_page() -> dict[str, set[str]]:
    """Return what each script of the page imports, at once or later, as paths below its folder."""
    comment = re.compile(r"/\*.*?\*/", re.DOTALL)  # JSDoc also names types by import()
    imports = re.compile(r"""(?:from|import|import\()\s*['"](\.[^'"]+\.js)['"]""")
    return {
        path.relative_to(PAGE).as_posix(): {
            (path.parent / other).resolve().relative_to(PAGE).as_posix()
            for other in imports.findall(comment.sub("", path.read_text()))
        }
        for path in PAGE.rglob("*.js")
    }


def test_no_imports_of_the_pages_scripts_are_circular():
    graph = imports_of_the_page()

    assert set().union(*graph.values()) <= graph.keys()
    assert any(graph.values())
    assert_not_circular(graph)


@pytest.mark.parametrize("room", PAGE_ROOMS)
def test_a_room_of_the_page_imports_only_rooms_below_it(room):
    imported = {
        posixpath.dirname(other)
        for name, others in imports_of_the_page().items()
        if posixpath.dirname(name) == room
        for other in others
    }

    assert imported - {room} <= PAGE_ROOMS[room]
    assert imported or room == "words"


def packages_loaded_by(statement: str) -> set[str]:
    """Run a statement in a fresh interpreter and return the top-level packages that it loaded."""
    script = f"{statement}; import sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    command = [sys.executable, "-c", script]
    return set(
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    )


def test_opening_the_embedded_store_loads_no_server_client():
    loaded = packages_loaded_by(
        "import functions.gallery.bootstrap, functions.gallery.stores.embedded.store"
    )

    assert loaded.isdisjoint({"qdrant_client", "grpc", "httpx", "boto3"})


def test_importing_the_api_loads_no_model_and_no_store():
    loaded = packages_loaded_by("import functions.api.app")

    assert loaded.isdisjoint({"onnxruntime", "qdrant_edge", "qdrant_client", "boto3", "uvicorn"})


def test_ingest_starts_without_the_web_framework():
    loaded = packages_loaded_by("import functions.ingest.handler")

    assert loaded.isdisjoint({"fastapi", "starlette", "mangum", "boto3", "qdrant_client"})
