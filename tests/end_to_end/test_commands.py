"""The commands as a user runs them: real processes, real folders, real kills."""

import csv
import io
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from functions.cli.serve import _wants_demo
from functions.gallery.settings import Settings
from tests.drawing import jpeg
from tests.end_to_end.server import (
    answered,
    command,
    environment_of,
    free_port,
    output_until,
    run,
    started,
    wait_for,
)


def folder_of_pictures(folder: Path, count: int) -> Path:
    for number in range(count):
        path = folder / f"{number // 50}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(number))
    return folder


def files_below(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_a_folder_is_imported_and_bad_files_are_named(tmp_path):
    pictures = folder_of_pictures(tmp_path / "pictures", 6)
    (pictures / "notes.txt").write_text("not a picture")
    (pictures / "half.jpg").write_bytes(jpeg(1)[:900])
    (pictures / ".hidden").write_text("passed over")

    first = run("import", pictures, data=tmp_path / "data")
    again = run("import", pictures, data=tmp_path / "data")

    assert first.returncode == 1, first.stderr
    assert "refused notes.txt: unsupported-format" in first.stdout
    assert "refused half.jpg: damaged-picture" in first.stdout
    assert "6 added, 0 replaced, 0 duplicate, 2 refused" in first.stdout
    assert "0 added, 0 replaced, 6 duplicate, 2 refused" in again.stdout
    assert files_below(tmp_path / "data" / "originals") == {f"0/{n}.jpg" for n in range(6)}


def test_importing_a_folder_without_bad_files_exits_with_0(tmp_path):
    pictures = folder_of_pictures(tmp_path / "pictures", 2)

    assert run("import", pictures, data=tmp_path / "data").returncode == 0


def test_a_changed_file_is_replaced_only_with_overwrite(tmp_path):
    pictures = folder_of_pictures(tmp_path / "pictures", 1)
    run("import", pictures, data=tmp_path / "data")
    (pictures / "0" / "0.jpg").write_bytes(jpeg(99))

    refused = run("import", pictures, data=tmp_path / "data")
    replaced = run("import", pictures, "--overwrite", data=tmp_path / "data")

    assert "refused 0/0.jpg: name-taken" in refused.stdout
    assert "1 replaced" in replaced.stdout
    assert (tmp_path / "data" / "originals" / "0" / "0.jpg").read_bytes() == jpeg(99)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_table_sets_names_and_metadata_that_searches_can_filter_by(tmp_path, kind):
    folder_of_pictures(tmp_path, 3)
    rows = [
        {"path": "0/0.jpg", "name": "red hat", "category": "hat", "price": "5.50"},
        {"path": "0/1.jpg", "name": "", "category": "dress", "price": ""},
        {"path": "0/missing.jpg", "name": "gone", "category": "hat", "price": "1"},
    ]
    table = tmp_path / f"table.{kind}"
    if kind == "csv":
        with table.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    else:
        table.write_text("\n".join(map(json.dumps, rows)))
    fields = {"LOOKALIKE_FILTER_FIELDS": "category:keyword,price:float"}

    imported = run("import", table, data=tmp_path / "data", **fields)

    assert "2 added" in imported.stdout
    assert "refused gone: image-not-found" in imported.stdout
    port = free_port()
    with started("serve", "--port", port, data=tmp_path / "data", **fields):
        wait_for(f"http://127.0.0.1:{port}")
        found = httpx.post(
            f"http://127.0.0.1:{port}/v1/search",
            content=jpeg(1),
            params={"filter": '{"price": {"lt": 6}}'},
        ).json()["results"]
    assert [(r["name"], r["metadata"]) for r in found] == [
        ("red hat", {"category": "hat", "price": 5.5})
    ]


@pytest.mark.parametrize("content", ["", "name,colour\na,b\n", "path\n"])
def test_only_a_table_with_rows_but_no_path_column_is_refused(tmp_path, content):
    table = tmp_path / "table.csv"
    table.write_text(content)

    result = run("import", table, data=tmp_path / "data")

    assert result.returncode == (2 if "colour" in content else 0)
    assert ("no path" in result.stderr) is ("colour" in content)


@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.0])
def test_an_import_killed_halfway_resumes_without_loss_or_duplicates(tmp_path, seconds):
    pictures = folder_of_pictures(tmp_path / "pictures", 300)
    with started("import", pictures, data=tmp_path / "data") as process:
        originals = tmp_path / "data" / "originals"
        while not originals.exists():
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()

    again = run("import", pictures, data=tmp_path / "data")
    third = run("import", pictures, data=tmp_path / "data")

    assert again.returncode == 0, again.stdout + again.stderr
    assert "300 duplicate" in third.stdout
    assert len(files_below(originals)) == 300


FULL_DISK = """
import collections, pathlib, shutil

def disk_usage(path):
    kept = sum(1 for _ in pathlib.Path(path).parent.glob("originals/*/*"))
    free = 10**12 if kept < 60 else 10**6
    return collections.namedtuple("usage", "total used free")(10**12, 0, free)

shutil.disk_usage = disk_usage
"""


def test_an_import_stops_when_the_disk_is_full_and_keeps_what_was_stored(tmp_path):
    pictures = folder_of_pictures(tmp_path / "pictures", 300)
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "sitecustomize.py").write_text(FULL_DISK)

    full = run("import", pictures, data=tmp_path / "data", PYTHONPATH=str(tmp_path / "small"))
    stored = len(files_below(tmp_path / "data" / "originals"))
    with_space = run("import", pictures, data=tmp_path / "data")

    assert full.returncode == 2, full.stdout + full.stderr
    assert full.stdout.count("free some space") == 1
    assert 0 < stored < 300
    assert f"{300 - stored} added, 0 replaced, {stored} duplicate" in with_space.stdout


def test_a_data_folder_in_use_is_refused_with_advice(tmp_path):
    pictures = folder_of_pictures(tmp_path / "pictures", 1)
    port = free_port()
    with started("serve", pictures, "--port", port, data=tmp_path / "data") as server:
        wait_for(f"http://127.0.0.1:{port}")

        second = run("serve", "--port", free_port(), data=tmp_path / "data")
        importing = run("import", pictures, data=tmp_path / "data")

        assert second.returncode == importing.returncode == 2
        assert f"process {server.pid}" in second.stderr
        assert "LOOKALIKE_DATA" in importing.stderr
        assert httpx.get(f"http://127.0.0.1:{port}/v1/stats").json()["images"] == 1


def test_an_empty_gallery_is_filled_with_drawn_pictures_and_the_printed_command_works(tmp_path):
    with started("serve", "--demo", "--port", free_port(), data=tmp_path / "my data") as server:
        output = output_until("curl ", server)
        line = output.splitlines()[-1].replace("curl ", "curl --silent --show-error --fail ")
        response = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)

    assert "90 pictures, served at" in output
    assert response.returncode == 0, response.stderr
    names = [result["name"] for result in json.loads(response.stdout)["results"]]
    assert f"originals/{names[0]}" in line
    assert len(names) == 5


def test_without_a_terminal_to_ask_nothing_is_drawn(tmp_path):
    with started("serve", "--port", free_port(), data=tmp_path / "data") as server:
        output = output_until("--demo", server)

    assert "0 pictures, served at" in output
    assert not (tmp_path / "data" / "originals").exists()


def test_a_terminal_is_asked_before_anything_is_drawn(tmp_path):
    with answered("n\n") as terminal:
        process = subprocess.Popen(
            command("serve", "--port", free_port()),
            env=environment_of(tmp_path / "data"),
            stdin=terminal,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            output = output_until("--demo", process)
        finally:
            process.terminate()
            process.communicate(timeout=30)

    assert "Fill it with drawn pictures" in output
    assert not (tmp_path / "data" / "originals").exists()


def test_a_bucket_is_never_filled_with_drawings(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))

    refused = run("serve", "--demo", data=tmp_path / "data", LOOKALIKE_BUCKET="pictures")

    assert refused.returncode == 2
    assert "unset LOOKALIKE_BUCKET" in refused.stderr
    assert not _wants_demo(None, Settings(lookalike_bucket="pictures"))


class Terminal(io.StringIO):
    """What somebody types."""

    def isatty(self) -> bool:
        return True


def test_starting_again_keeps_every_image(tmp_path):
    pictures = folder_of_pictures(tmp_path / "pictures", 3)
    for arguments in ((pictures,), ()):
        port = free_port()
        with started("serve", *arguments, "--port", port, data=tmp_path / "data"):
            wait_for(f"http://127.0.0.1:{port}")
            assert httpx.get(f"http://127.0.0.1:{port}/v1/stats").json()["images"] == 3


def test_serving_to_other_machines_requires_keys(tmp_path):
    refused = run("serve", "--host", "0.0.0.0", "--no-demo", data=tmp_path / "data")

    assert refused.returncode == 2
    assert "LOOKALIKE_API_KEYS" in refused.stderr


def test_a_generated_key_opens_the_gallery(tmp_path):
    output = run("key", "write", data=tmp_path).stdout.split()
    key, entry = output[output.index("once:") + 1], output[-1]
    port = free_port()
    with started(
        "serve", "--no-demo", "--port", port, data=tmp_path / "data", LOOKALIKE_API_KEYS=entry
    ):
        wait_for(f"http://127.0.0.1:{port}")
        address = f"http://127.0.0.1:{port}/v1/stats"

        assert httpx.get(address).status_code == 401
        assert httpx.get(address, headers={"x-api-key": key}).json()["images"] == 0


def test_a_gallery_with_another_distance_is_refused(tmp_path):
    pictures = folder_of_pictures(tmp_path / "pictures", 1)
    run("import", pictures, data=tmp_path / "data")

    other = run("import", pictures, data=tmp_path / "data", LOOKALIKE_DISTANCE="euclid")

    assert other.returncode == 2
    assert "LOOKALIKE_DISTANCE" in other.stderr


def test_a_damaged_index_is_built_again_as_its_error_says(tmp_path):
    data, index = tmp_path / "data", tmp_path / "data" / "index"
    run("import", folder_of_pictures(tmp_path / "pictures", 5), data=data)
    [ids] = index.rglob("mutable_id_tracker.mappings")
    os.truncate(ids, ids.stat().st_size // 2)

    damaged = run("reconcile", data=data)
    index.rename(tmp_path / "moved away")
    rebuilt = run("reconcile", data=data)
    again = run("reconcile", data=data)

    assert damaged.returncode == 2
    assert f"move the folder {index} away and run scripts/reconcile" in one_line(damaged.stderr)
    assert "compared: 5 indexed" in rebuilt.stdout
    assert "5 compared: no difference" in again.stdout


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_pipes_and_devices_are_refused_without_blocking(tmp_path):
    pictures = folder_of_pictures(tmp_path / "pictures", 1)
    os.mkfifo(pictures / "pipe.jpg")
    (pictures / "endless.jpg").symlink_to("/dev/zero")

    result = run("import", pictures, data=tmp_path / "data")

    assert result.returncode == 1, result.stderr
    assert "refused pipe.jpg: unsupported-format: this is a pipe" in result.stdout
    assert "refused endless.jpg: unsupported-format: this is a device" in result.stdout
    assert "1 added" in result.stdout


def test_each_unprintable_name_is_refused_on_a_single_line(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg(1))
    rows = [
        {"path": "a.jpg", "name": "\ud800"},
        {"path": "a\0.jpg", "name": "zero"},
        {"path": "a\ud800.jpg", "name": "half"},
        {"path": "a.jpg", "name": "two\nlines\x1b[2J"},
        {"path": "gone.jpg", "name": "[/b]:smile:[red]"},
    ]
    (tmp_path / "table.jsonl").write_text("\n".join(map(json.dumps, rows)))

    result = run("import", tmp_path / "table.jsonl", data=tmp_path / "data")

    assert result.returncode == 1, result.stderr
    refused = [line for line in result.stdout.splitlines() if line.startswith("refused")]
    assert [line.split(":")[0] for line in refused[:4]] == [
        r"refused \ud800",
        "refused zero",
        "refused half",
        r"refused two\nlines\x1b[2J",
    ]
    assert refused[4].startswith("refused [/b]:smile:[red]: image-not-found")
    assert "5 refused" in result.stdout


@pytest.mark.parametrize("name", ["serve", "import"])
def test_brackets_and_colons_in_an_error_are_printed_as_they_are(tmp_path, name):
    arguments = ("--port", free_port()) if name == "serve" else (tmp_path,)

    result = run(name, *arguments, data=Path("/proc/[/b]:smile:"))

    assert result.returncode == 2
    assert "/proc/[/b]:smile:" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("table.csv", "path,name\na.jpg,a,b\n", "line 2 has more cells"),
        ("table.jsonl", '{"path": "a.jpg"}\n\n{"path"\n', "line 3 is not JSON"),
        ("table.jsonl", "[" * 100_000, "line 1 is not JSON"),
        ("table.txt", "path\na.jpg\n", "(.csv or .jsonl)"),
    ],
)
def test_an_unreadable_table_is_refused_with_the_reason(tmp_path, file, content, reason):
    (tmp_path / file).write_text(content)

    result = run("import", tmp_path / file, data=tmp_path / "data")

    assert result.returncode == 2
    assert reason in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("file", "content"),
    [("TABLE.CSV", "path\n\na.jpg\n"), ("Table.JSONL", '\n{"path": "a.jpg"}\n  \n')],
)
def test_tables_can_have_empty_lines_and_uppercase_extensions(tmp_path, file, content):
    (tmp_path / "a.jpg").write_bytes(jpeg(1))
    (tmp_path / file).write_text(content)

    result = run("import", tmp_path / file, data=tmp_path / "data")

    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 added" in result.stdout


def test_the_advice_on_undeclared_columns_works(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg(1))
    row = {"path": "a.jpg", ":smile:": "x", "a,b": "x", "width": 3, "price": 2.5, "my kind": "hat"}
    (tmp_path / "table.jsonl").write_text(json.dumps(row))

    output = run("import", tmp_path / "table.jsonl", data=tmp_path / "data").stdout

    advice = "start with LOOKALIKE_FILTER_FIELDS='my kind:keyword,price:float' each time"
    assert advice in output
    assert "smile" not in output
    fields = {"LOOKALIKE_FILTER_FIELDS": "my kind:keyword,price:float"}
    again = run("import", tmp_path / "table.jsonl", data=tmp_path / "data", **fields)
    assert "1 duplicate, 0 refused" in again.stdout
    assert "LOOKALIKE_FILTER_FIELDS" not in again.stdout


def test_a_port_in_use_is_reported_before_anything_is_imported(tmp_path):
    pictures = folder_of_pictures(tmp_path / "pictures", 1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        result = run("serve", pictures, "--port", port, data=tmp_path / "data")

    assert result.returncode == 2
    assert f"port {port}" in result.stderr
    assert "--port" in result.stderr
    assert result.stdout == ""


def test_ctrl_c_stops_an_import_quietly_and_keeps_what_was_stored(tmp_path):
    pictures = folder_of_pictures(tmp_path / "pictures", 600)
    with started("import", pictures, data=tmp_path / "data") as process:
        originals = tmp_path / "data" / "originals"
        while not originals.exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    stored = len(files_below(originals))

    again = run("import", pictures, data=tmp_path / "data")

    assert process.returncode == 130, output
    assert "start it again" in output
    assert "Traceback" not in output
    assert 0 < stored < 600
    assert f"{600 - stored} added, 0 replaced, {stored} duplicate" in again.stdout


def test_ctrl_c_stops_the_server_quietly(tmp_path):
    with started("serve", "--no-demo", "--port", free_port(), data=tmp_path / "data") as server:
        output = output_until("served at", server)
        time.sleep(0.5)
        server.send_signal(signal.SIGINT)
        output += server.communicate(timeout=30)[0]

    assert server.returncode == 0, output
    assert "Traceback" not in output
