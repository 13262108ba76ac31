"""Importing and reconciling folders as people have them: links, locked folders, odd names."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.drawing import jpeg
from tests.end_to_end.server import command, environment_of, run

# Root can list every folder, so a folder named "locked" is made to fail for everybody.
LOCKED = """
import os

def scandir(path=".", real=os.scandir):
    if str(path).endswith("locked"):
        raise PermissionError(13, "Permission denied", str(path))
    return real(path)

os.scandir = scandir
"""


@pytest.fixture
def locking(tmp_path):
    """The environment of a process that cannot list folders named "locked"."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(LOCKED)
    return {"PYTHONPATH": str(tmp_path / "site")}


def write_picture(path: Path | bytes, number: int = 0) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(jpeg(number))


def originals_in(data: Path) -> list[str]:
    folder = data / "originals"
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_linked_folders_are_imported_and_each_folder_only_once(tmp_path):
    pictures, data = tmp_path / "pictures", tmp_path / "data"
    write_picture(pictures / "z" / "1.jpg", 1)
    write_picture(tmp_path / "elsewhere" / "deep" / "2.jpg", 2)
    (pictures / "a").symlink_to("z")
    (pictures / "loop").symlink_to(".")
    (pictures / "other").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(pictures)

    result = run("import", pictures, data=data)

    assert result.returncode == 0, result.stdout + result.stderr
    assert originals_in(data) == ["other/deep/2.jpg", "z/1.jpg"]


def test_links_that_lead_nowhere_or_out_of_the_folder_are_refused_by_name(tmp_path):
    pictures, data = tmp_path / "pictures", tmp_path / "data"
    write_picture(pictures / "1.jpg")
    write_picture(tmp_path / "not this.jpg", 1)
    (pictures / "broken").symlink_to("nowhere")
    (pictures / "itself").symlink_to("itself")
    (pictures / "up").symlink_to("..")

    result = run("import", pictures, data=data)

    assert result.returncode == 1, result.stderr
    assert "refused broken: image-not-found" in result.stdout
    assert "refused itself: image-not-found" in result.stdout
    assert "refused up: unsupported-format: this is a folder" in result.stdout
    assert originals_in(data) == ["1.jpg"]


def test_a_folder_that_cannot_be_listed_is_refused_and_the_others_are_imported(tmp_path, locking):
    pictures, data = tmp_path / "pictures", tmp_path / "data"
    write_picture(pictures / "locked" / "1.jpg")
    write_picture(pictures / "open" / "2.jpg")

    result = run("import", pictures, data=data, **locking)
    whole = run("import", pictures / "locked", data=data, **locking)

    assert result.returncode == 1, result.stderr
    assert "refused locked: image-not-found: cannot be read: Permission denied" in result.stdout
    assert "1 added, 0 replaced, 0 duplicate, 1 refused" in result.stdout
    assert whole.returncode == 2
    assert "locked cannot be listed; check its permissions" in whole.stderr


def test_files_of_systems_and_of_the_gallery_itself_are_not_imported(tmp_path):
    data = tmp_path / "data"
    write_picture(tmp_path / "1.jpg", 1)
    write_picture(tmp_path / "same as 1.jpg", 1)
    write_picture(tmp_path / "@eaDir" / "1.jpg" / "thumbnail.jpg")
    write_picture(tmp_path / ".trash" / "3.jpg", 3)
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "._1.jpg", "1.xmp", "1.AAE", "1.MOV"):
        (tmp_path / name).write_text("not a picture")

    first = run("import", tmp_path, data=data)
    (tmp_path / "link into data").symlink_to(data / "originals")
    report = run("duplicates", tmp_path / "duplicates", data=data)
    again = run("import", tmp_path, data=data)

    assert first.returncode == report.returncode == again.returncode == 0, first.stdout
    assert (tmp_path / "duplicates" / "thumbnails").is_dir()
    assert "0 added, 0 replaced, 2 duplicate, 0 refused" in again.stdout
    assert originals_in(data) == ["1.jpg", "same as 1.jpg"]


@pytest.mark.parametrize("inside", [".", "originals"])
@pytest.mark.parametrize("name", ["import", "serve"])
def test_importing_the_gallerys_own_folder_is_refused_with_advice(tmp_path, name, inside):
    data = tmp_path / "data"
    write_picture(tmp_path / "pictures" / "1.jpg")
    run("import", tmp_path / "pictures", data=data)

    result = run(name, data / inside, data=data)

    assert result.returncode == 2
    assert "LOOKALIKE_DATA" in result.stderr


def write_odd_names(folder: Path) -> None:
    write_picture(os.fsencode(folder) + b"/caf\xe9.jpg")
    write_picture(folder / "two\nlines.jpg")
    write_picture(folder / "good.jpg")


def test_names_that_no_image_can_have_are_refused_and_the_rest_is_imported(tmp_path):
    write_odd_names(tmp_path / "pictures")

    result = run("import", tmp_path / "pictures", data=tmp_path / "data")

    assert result.returncode == 1, result.stderr
    assert r"refused caf\udce9.jpg: invalid-name: " in result.stdout
    assert r"refused two\nlines.jpg: invalid-name: " in result.stdout
    assert "change the name" in result.stdout
    assert originals_in(tmp_path / "data") == ["good.jpg"]


def test_reconcile_refuses_what_can_never_be_an_original_and_does_the_rest(tmp_path):
    originals = tmp_path / "data" / "originals"
    write_odd_names(originals)
    os.mkfifo(originals / "pipe.jpg")
    (originals / "linked").symlink_to(tmp_path)
    (originals / "broken").symlink_to("nowhere")
    (originals / "Thumbs.db").write_text("not a picture")

    first = run("reconcile", data=tmp_path / "data")
    again = run("reconcile", data=tmp_path / "data")

    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    assert "indexed good.jpg" in first.stdout
    assert "Thumbs.db" not in first.stdout
    for result in (first, again):
        lines = [line for line in result.stdout.splitlines() if line.startswith("refused")]
        assert [line.split(":")[0] for line in lines] == [
            "refused broken",
            r"refused caf\udce9.jpg",
            "refused linked",
            "refused pipe.jpg",
            r"refused two\nlines.jpg",
        ]
    assert "5 refused" in first.stdout
    assert "compared: 5 refused" in again.stdout


def test_reconcile_fails_for_a_folder_that_cannot_be_listed_and_removes_nothing(tmp_path, locking):
    originals = tmp_path / "data" / "originals"
    write_picture(originals / "locked" / "1.jpg", 1)
    run("reconcile", data=tmp_path / "data")
    write_picture(originals / "2.jpg", 2)

    locked = run("reconcile", data=tmp_path / "data", **locking)
    opened = run("reconcile", data=tmp_path / "data")

    assert locked.returncode == 1, locked.stderr
    assert "failed locked: cannot be listed; check its permissions" in locked.stdout
    assert "indexed 2.jpg" in locked.stdout
    assert opened.returncode == 0
    assert "no difference" in opened.stdout


def test_a_terminal_without_unicode_shows_names_escaped(tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "\N{SNOWMAN}.jpg").write_text("not a picture")
    ours, theirs = pty.openpty()

    process = subprocess.Popen(
        command("import", tmp_path / "pictures"),
        env=environment_of(tmp_path / "data", PYTHONIOENCODING="ascii", TERM="xterm"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    output = b""
    try:
        while part := os.read(ours, 10_000):
            output += part
    except OSError:  # how Linux reports that the process closed its terminal
        pass
    finally:
        os.close(ours)

    assert process.wait(timeout=30) == 1, output
    assert rb"\u2603.jpg: unsupported-format" in output
    assert b"Traceback" not in output


def test_an_import_whose_output_nobody_reads_stops_without_a_traceback(tmp_path):
    write_picture(tmp_path / "pictures" / "1.jpg")
    reading, writing = os.pipe()
    os.close(reading)

    with os.fdopen(writing, "wb") as output:
        process = subprocess.run(
            command("import", tmp_path / "pictures"),
            env=environment_of(tmp_path / "data"),
            stdout=output,
            stderr=subprocess.PIPE,
            timeout=60,
        )

    assert process.returncode == 2, process.stderr
    assert b"Traceback" not in process.stderr
