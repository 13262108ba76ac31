"""The house keeps its order: who may import whom, and what is imported at all."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A module imports lower rungs only; modules beside each other on a rung do not know each other.
RUNGS = {
    "functions.gallery.bands": 0,
    "functions.gallery.perceptual_hash": 0,
    "functions.gallery.records": 1,
    "functions.gallery.errors": 1,
    "functions.gallery.formats": 1,
    "functions.gallery.picture_costs": 1,
    "functions.gallery.picture_limits": 1,
    "functions.gallery.stopwatch": 1,
    "functions.gallery.cores": 1,
    "functions.gallery.place": 1,
    "functions.gallery.names": 2,
    "functions.gallery.filters": 2,
    "functions.gallery.settings": 2,
    "functions.gallery.objects": 2,
    "functions.gallery.object_metadata": 2,
    "functions.gallery.pictures": 2,
    "functions.gallery.fetch": 2,
    "functions.gallery.ports": 3,
    "functions.gallery.grouping": 3,
    "functions.gallery.hash_table": 2,
    "functions.gallery.vector_table": 2,
    "functions.gallery.likeness": 4,
    "functions.gallery.duplicates": 5,
    "functions.gallery.indexing": 4,
    "functions.gallery.adding": 5,
    "functions.gallery.removing": 6,
    "functions.gallery.viewing": 4,
    "functions.gallery.syncing": 5,
    "functions.gallery.reconciling": 4,
    "functions.gallery.copying": 6,
    "functions.gallery.reindexing": 7,
    "functions.gallery.embedder": 4,
    "functions.gallery.width": 4,
    "functions.gallery.originals": 4,
    "functions.gallery.stores.payload": 3,
    "functions.gallery.stores.ranking": 3,
    "functions.gallery.stores.sorting": 4,
    "functions.gallery.stores.patience": 3,
    "functions.gallery.stores.edge_folder": 3,
    "functions.gallery.stores.qdrant_errors": 3,
    "functions.gallery.stores.qdrant_import": 3,
    "functions.gallery.stores.qdrant_connection": 4,
    "functions.gallery.stores.about": 3,
    "functions.gallery.stores.edge_collections": 4,
    "functions.gallery.stores.edge_store": 5,
    "functions.gallery.stores.qdrant_collections": 5,
    "functions.gallery.stores.qdrant_store": 6,
    "functions.gallery.searching": 4,
    "functions.gallery.comparing": 4,
    "functions.gallery.gallery": 7,
    "functions.gallery.aws": 3,
    "functions.gallery.s3_originals": 4,
    "functions.gallery.sqs_queue": 4,
    "functions.gallery.bootstrap": 8,
    "functions.ingest.events": 8,
    "functions.ingest.work": 9,
    "functions.ingest.handler": 10,
    "functions.api.errors": 8,
    "functions.api.auth": 9,
    "functions.api.bodies": 9,
    "functions.api.calls": 9,
    "functions.api.options": 8,
    "functions.api.schemas": 9,
    "functions.api.operations": 9,
    "functions.api.inputs": 9,
    "functions.api.openapi": 10,
    "functions.api.responses": 10,
    "functions.api.document": 11,
    "functions.api.idempotency": 10,
    "functions.api.images": 11,
    "functions.api.many": 11,
    "functions.api.search": 11,
    "functions.api.duplicates": 11,
    "functions.api.uploads": 11,
    "functions.api.service": 11,
    "functions.api.pages": 11,
    "functions.api.app": 12,
    "functions.api.handler": 13,
}
ONLY_IN = {
    "PIL": {"functions.gallery.pictures"},
    "pi_heif": {"functions.gallery.pictures"},
    "onnxruntime": {"functions.gallery.embedder"},
    "boto3": set(),  # botocore does; without it a function starts faster
    "botocore": {"functions.gallery.aws"},
    "qdrant_edge": {
        "functions.gallery.stores.edge_collections",
        "functions.gallery.stores.edge_store",
    },
    "qdrant_client": {"functions.gallery.stores.qdrant_import"},
}
NEVER_IN_THE_HEART = {"fastapi", "starlette", "mangum", "uvicorn", "typer", "rich"}


def modules() -> dict[str, ast.Module]:
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text())
        for path in (ROOT / "functions").rglob("*.py")
        if path.name != "__init__.py"
    }


def imported_by(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_every_module_has_its_rung():
    assert set(modules()) == set(RUNGS)


def test_every_module_imports_lower_rungs_only():
    wrong = [
        f"{module} imports {other}"
        for module, tree in modules().items()
        for other in imported_by(tree) & set(RUNGS)
        if RUNGS[other] >= RUNGS[module]
    ]

    assert wrong == []


def test_no_route_imports_an_adapter():
    named = ("embedder", "originals", "s3_originals", "sqs_queue")
    adapters = {f"functions.gallery.{name}" for name in named}
    adapters |= {module for module in RUNGS if ".stores." in module}
    allowed = adapters | {"functions.gallery.bootstrap"}

    wrong = [
        m for m, tree in modules().items() if m not in allowed and imported_by(tree) & adapters
    ]

    assert wrong == []


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_imported_in_its_place_only(library):
    users = {
        module
        for module, tree in modules().items()
        if any(name.partition(".")[0] == library for name in imported_by(tree))
    }

    assert users == ONLY_IN[library]


def test_the_heart_knows_no_web_framework():
    wrong = {
        module: names & NEVER_IN_THE_HEART
        for module, tree in modules().items()
        if module.startswith("functions.gallery")
        and (names := {name.partition(".")[0] for name in imported_by(tree)}) & NEVER_IN_THE_HEART
    }

    assert wrong == {}


def modules_loaded_by(statement: str) -> set[str]:
    """Run a statement in a fresh interpreter and give the top-level packages it has loaded then."""
    script = f"{statement}; import sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    command = [sys.executable, "-c", script]
    return set(
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    )


def test_opening_the_embedded_store_loads_no_client_of_a_server():
    loaded = modules_loaded_by(
        "import functions.gallery.bootstrap, functions.gallery.stores.edge_store"
    )

    assert loaded.isdisjoint({"qdrant_client", "grpc", "httpx", "boto3"})


def test_the_api_loads_no_model_and_no_store():
    loaded = modules_loaded_by("import functions.api.app")

    assert loaded.isdisjoint({"onnxruntime", "qdrant_edge", "qdrant_client", "boto3", "uvicorn"})


def test_ingest_starts_without_the_web_framework():
    loaded = modules_loaded_by("import functions.ingest.handler")

    assert loaded.isdisjoint({"fastapi", "starlette", "mangum", "boto3", "qdrant_client"})


def test_neither_door_of_lambda_knows_the_other():
    wrong = [
        f"{module} imports {other}"
        for module, tree in modules().items()
        for other in imported_by(tree)
        if (module.startswith("functions.ingest") and other.startswith("functions.api"))
        or (module.startswith("functions.api") and other.startswith("functions.ingest"))
    ]

    assert wrong == []
