"""A gallery in place: a folder of pictures is served, followed and never written to."""

import io
import os
import signal
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from functions.cli.adopt import main as adopt
from functions.cli.following import follow
from functions.cli.reindex import follow as follow_reindexing
from functions.gallery.bootstrap import bring_back, build_gallery, build_reindexing, place_of
from functions.gallery.errors import (
    LookalikeError,
    OtherOriginals,
    SettingsError,
    StoreError,
)
from functions.gallery.intake.add import Submission
from functions.gallery.settings import Settings
from tests.contract.test_in_place_contract import listing, put
from tests.drawing import jpeg
from tests.end_to_end.server import free_port, output_until, run, started


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with three pictures and what lies next to pictures."""
    folder = tmp_path / "pictures"
    for number in range(3):
        put(folder, f"2024/{number}.jpg", jpeg(number))
    for name in ("@eaDir/0.jpg", ".thumbnails/0.jpg", "2024/Thumbs.db", "2024/clip.mov"):
        put(folder, name, jpeg(9))
    for name in ("a.txt", "b.txt"):
        put(folder, name, b"no picture")
    return folder


def settings_of(folder: Path, **more) -> Settings:
    return Settings(lookalike_data=folder.parent / "data", lookalike_in_place=folder, **more)


class Followed:
    """A gallery in place in this process, and what its commands print."""

    def __init__(self, folder: Path, **more) -> None:
        self.folder = folder
        self.console = Console(file=io.StringIO(), width=500)
        self.gallery = build_gallery(settings_of(folder, **more))

    def follow(self, **options) -> Counter[str]:
        return follow(self.gallery, self.folder, self.console, **options)

    def names(self) -> list[str]:
        return sorted(image.name for image in self.gallery.list(limit=100).images)

    def id_of(self, name: str) -> str:
        return next(i.id for i in self.gallery.list(limit=100).images if i.name == name)

    def metadata_of(self, name: str) -> dict:
        return dict(self.gallery.get(self.id_of(name)).metadata)

    def close(self) -> None:
        self.gallery.close()


@pytest.fixture
def followed(folder):
    with closing(Followed(folder)) as opened:
        opened.follow()
        yield opened


def forbid_decoding(monkeypatch) -> None:
    def decode(*arguments, **options):
        raise AssertionError("a picture is decoded again")

    monkeypatch.setattr("functions.gallery.intake.index.decode", decode)


# --- The real server, over HTTP


def wait_for_names(http: httpx.Client, names: set[str]) -> dict[str, str]:
    """Return the ids of the images once they have these names."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        images = http.get("/v1/images?limit=100").raise_for_status().json()["images"]
        found = {image["name"]: image["id"] for image in images}
        if found.keys() == names:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{names} expected, {sorted(found)} found")


@pytest.mark.slow
def test_a_folder_is_served_followed_and_never_written_to(folder):
    data = folder.parent / "data"
    for each in (folder, folder / "2024"):  # which does not stop root; the times are compared too
        each.chmod(0o555)
    before = listing(folder)
    port = free_port()
    ours = ["--port", port, "--in-place", folder]
    names = {f"2024/{number}.jpg" for number in range(3)}

    with (
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http,
        started("serve", *ours, data=data) as server,
    ):
        output = output_until("Ctrl-C stops it.", server)
        ids = wait_for_names(http, names)
        output += output_until("3 indexed", server)
        picture = jpeg(7)
        refused = [
            http.post("/v1/images?name=new.jpg", content=picture),
            http.post("/v1/images?name=2024/0.jpg&overwrite=true", content=picture),
            http.post("/v1/uploads", json={"name": "new.jpg", "media_type": "image/jpeg"}),
        ]
        found = http.post("/v1/search?limit=1", content=jpeg(1)).json()["results"][0]
        original = http.get(f"/v1/images/{ids['2024/1.jpg']}/original")
        thumbnail = http.get(f"/v1/images/{ids['2024/1.jpg']}/thumbnail")
        patched = http.patch(f"/v1/images/{ids['2024/1.jpg']}", json={"metadata": {"who": "me"}})
        deleted = http.delete(f"/v1/images/{ids['2024/0.jpg']}")
        deleted_again = http.delete(f"/v1/images/{ids['2024/0.jpg']}")
        limits, page = http.get("/v1/limits").json(), http.get("/").text
        after = listing(folder)
        for each in (folder, folder / "2024"):
            each.chmod(0o755)
        put(folder, "new.jpg", jpeg(3))
        (folder / "2024" / "1.jpg").rename(folder / "moved.jpg")
        (folder / "2024" / "2.jpg").unlink()
        server.send_signal(signal.SIGUSR1)
        later = wait_for_names(http, {"new.jpg", "moved.jpg"})
        moved = http.get(f"/v1/images/{later['moved.jpg']}").json()
        output += output_until("1 moved", server)

    assert "2 .txt files, first" in output
    assert "1 videos (.mov)" in output
    assert [response.status_code for response in refused] == [403] * 3
    assert {response.json()["code"] for response in refused} == {"read-only-originals"}
    assert found["name"] == "2024/1.jpg"
    assert original.content == jpeg(1)
    assert (thumbnail.status_code, thumbnail.headers["content-type"]) == (200, "image/jpeg")
    assert patched.json()["metadata"] == {"who": "me"}
    assert (deleted.status_code, deleted_again.status_code) == (204, 404)
    assert (limits["in_place"], "<html data-in-place " in page) == (True, True)
    assert after == before
    assert moved["metadata"] == {"who": "me"}
    assert (folder / "2024" / "0.jpg").read_bytes() == jpeg(0)
    # Without the option, every command knows which gallery it is.
    imported = run("import", folder, data=data)
    assert (imported.returncode, "reads" in imported.stderr) == (2, True), imported.stderr
    reconciled = run("reconcile", data=data)
    assert (reconciled.returncode, "no difference" in reconciled.stdout) == (0, True)
    back = run("reconcile", "--bring-back", "2024/*", data=data)
    assert "1 brought back" in back.stdout
    assert "1 indexed" in back.stdout


# --- Following


def test_what_an_import_leaves_out_is_left_out_and_kinds_are_named_once(followed):
    printed = followed.console.file.getvalue()

    assert followed.names() == ["2024/0.jpg", "2024/1.jpg", "2024/2.jpg"]
    assert "1 hidden (folders)" in printed
    assert "1 folders (@eaDir)" in printed
    assert "refused 2 .txt files, first a.txt: unsupported-format" in printed
    assert "3 indexed, 2 refused" in printed


def test_nothing_is_read_again_while_size_and_time_are_the_same(followed, monkeypatch):
    def read(*arguments):
        raise AssertionError("a file is read again")

    monkeypatch.setattr("functions.gallery.originals.in_place.InPlaceOriginals._read", read)

    assert followed.follow() == Counter()


def test_new_changed_and_removed_files_are_found(followed):
    put(followed.folder, "2025/new.jpg", jpeg(5))
    put(followed.folder, "2024/0.jpg", jpeg(6), at=1_700_000_001)
    (followed.folder / "2024" / "2.jpg").unlink()

    counts = followed.follow()

    assert counts == Counter(indexed=2, removed=1)
    assert followed.names() == ["2024/0.jpg", "2024/1.jpg", "2025/new.jpg"]
    found = followed.gallery.get(followed.id_of("2024/0.jpg"))
    assert found.bytes == len(jpeg(6))


def test_a_file_of_another_time_with_the_same_bytes_is_not_embedded_again(followed, monkeypatch):
    forbid_decoding(monkeypatch)
    put(followed.folder, "2024/0.jpg", jpeg(0), at=1_700_000_001)

    assert followed.follow() == Counter(indexed=1)
    assert followed.follow() == Counter()


def test_moved_files_keep_their_labels_and_are_not_embedded_again(followed, monkeypatch):
    forbid_decoding(monkeypatch)
    for number in range(3):
        id = followed.id_of(f"2024/{number}.jpg")
        followed.gallery.update(id, {"number": number})
    (followed.folder / "2024").rename(followed.folder / "holiday")

    counts = followed.follow()

    assert counts == Counter(moved=3)
    assert followed.names() == [f"holiday/{number}.jpg" for number in range(3)]
    assert followed.metadata_of("holiday/2.jpg") == {"number": 2}
    assert followed.follow() == Counter()


def test_of_two_moved_copies_each_keeps_its_own_labels(followed):
    put(followed.folder, "a/one.jpg", jpeg(5))
    put(followed.folder, "a/two.jpg", jpeg(5))
    followed.follow()
    for name in ("one", "two"):
        followed.gallery.update(followed.id_of(f"a/{name}.jpg"), {"name": name})
    (followed.folder / "a").rename(followed.folder / "b")

    assert followed.follow() == Counter(moved=2)
    assert followed.metadata_of("b/one.jpg") == {"name": "one"}
    assert followed.metadata_of("b/two.jpg") == {"name": "two"}


def test_one_new_file_can_be_indexed_at_once_by_its_name(followed):
    put(followed.folder, "2026/new.jpg", jpeg(5))
    followed.gallery.remove(followed.id_of("2024/0.jpg"))

    added = followed.gallery.add_original("2026/new.jpg")

    assert (added.status, added.image.name) == ("added", "2026/new.jpg")
    for name in ("2024/0.jpg", "2024/@eaDir/0.jpg", "../data/gallery-id"):
        with pytest.raises(LookalikeError):
            followed.gallery.add_original(name)
    assert followed.names() == ["2024/1.jpg", "2024/2.jpg", "2026/new.jpg"]


def test_a_pass_ends_when_the_store_fails(followed, monkeypatch):
    for number in range(40):
        put(followed.folder, f"new/{number:02}.jpg", jpeg(number))
    tried = []

    def sync(name):
        tried.append(name)
        raise StoreError("no room")

    monkeypatch.setattr(followed.gallery, "sync", sync)

    assert followed.follow() == Counter(failed=1)
    assert 0 < len(tried) < 40


def test_a_folder_that_cannot_be_listed_keeps_its_pictures(followed, monkeypatch):
    """The tests may run as root, who can list everything."""
    scanned, asked = os.scandir, Path.stat

    def scandir(path):
        if str(path).endswith("2024"):
            raise PermissionError(13, "Permission denied", str(path))
        return scanned(path)

    def stat(path, **options):
        if path.parent.name == "2024":
            raise PermissionError(13, "Permission denied", str(path))
        return asked(path, **options)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(Path, "stat", stat)

    counts = followed.follow()

    assert counts == Counter()
    assert "1 files or folders that cannot be read (2024)" in followed.console.file.getvalue()
    assert len(followed.names()) == 3


def test_a_dry_run_names_what_differs_and_changes_nothing(followed):
    put(followed.folder, "new.jpg", jpeg(5))

    counts = followed.follow(dry_run=True)

    assert counts == Counter(differs=1)
    assert "differs new.jpg" in followed.console.file.getvalue()
    assert "new.jpg" not in followed.names()


def test_a_deleted_picture_stays_away_until_its_file_changes_or_it_is_brought_back(followed):
    for number in range(3):
        followed.gallery.remove(followed.id_of(f"2024/{number}.jpg"))
    unchanged = (followed.follow(), followed.names())
    put(followed.folder, "2024/0.jpg", jpeg(6), at=1_700_000_001)
    changed = (followed.follow(), followed.names())

    brought = bring_back(settings_of(followed.folder), "2024/1*")

    assert unchanged == (Counter(), [])
    assert changed == (Counter(indexed=1), ["2024/0.jpg"])
    assert brought == ["2024/1.jpg"]
    assert followed.follow() == Counter(indexed=1)
    assert followed.names() == ["2024/0.jpg", "2024/1.jpg"]


def test_an_empty_mount_point_empties_no_gallery(followed):
    folder = followed.folder
    folder.rename(folder.parent / "unplugged")
    with pytest.raises(StoreError, match="its drive is connected"):
        followed.follow()
    folder.mkdir()

    with pytest.raises(StoreError, match="is mounted"):
        followed.follow()

    assert len(followed.names()) == 3


def test_labels_come_back_with_a_drive_that_was_unplugged(followed):
    put(followed.folder, "usb/1.jpg", jpeg(5))
    followed.follow()
    followed.gallery.update(followed.id_of("usb/1.jpg"), {"who": "me"})
    (followed.folder / "usb").rename(followed.folder.parent / "unplugged")
    gone = followed.follow()

    (followed.folder.parent / "unplugged").rename(followed.folder / "usb")

    assert gone == Counter(removed=1)
    assert followed.follow() == Counter(indexed=1)
    assert followed.metadata_of("usb/1.jpg") == {"who": "me"}


def test_another_index_is_built_from_the_same_folder(folder):
    with closing(Followed(folder)) as followed:
        followed.follow()
        followed.gallery.remove(followed.id_of("2024/2.jpg"))
    before = listing(folder)
    wanted = settings_of(folder, lookalike_dims=256)

    with closing(build_reindexing(wanted)) as reindexing:
        left_out = follow_reindexing(reindexing.run(1), Console(file=io.StringIO()))

    assert left_out == {}
    with closing(Followed(folder, lookalike_dims=256)) as followed:
        assert followed.names() == ["2024/0.jpg", "2024/1.jpg"]
        assert followed.follow() == Counter()
    assert listing(folder) == before


# --- Which folder


def test_the_folder_is_remembered_and_another_one_is_refused(followed, tmp_path):
    data = tmp_path / "data"
    other = tmp_path / "other"
    other.mkdir()

    assert place_of(Settings(lookalike_data=data)) == followed.folder
    with pytest.raises(SettingsError, match=f"is the gallery of {followed.folder} in place"):
        place_of(Settings(lookalike_data=data, lookalike_in_place=other))
    with pytest.raises(SettingsError, match="exclude each other"):
        place_of(Settings(lookalike_in_place=other, lookalike_bucket="pictures"))


@pytest.mark.parametrize(
    ("data", "pictures"), [("pictures/data", "pictures"), ("data", "data/mine"), ("a", "a")]
)
def test_a_data_folder_among_the_pictures_is_refused(tmp_path, data, pictures):
    (tmp_path / pictures).mkdir(parents=True)
    (tmp_path / data).mkdir(parents=True, exist_ok=True)
    wanted = Settings(lookalike_data=tmp_path / data, lookalike_in_place=tmp_path / pictures / ".")

    with pytest.raises(SettingsError, match="set LOOKALIKE_DATA to a folder elsewhere"):
        place_of(wanted)


def test_a_folder_that_is_not_there_is_refused_before_anything_is_written(tmp_path):
    wanted = settings_of(tmp_path / "unplugged")

    with pytest.raises(SettingsError, match="its drive is connected"):
        build_gallery(wanted)

    assert list(tmp_path.iterdir()) == []


def hand_over(monkeypatch, data: Path, folder: Path) -> None:
    monkeypatch.setenv("LOOKALIKE_DATA", str(data))
    monkeypatch.setenv("LOOKALIKE_IN_PLACE", str(folder))
    adopt(yes=True)


def test_the_folder_can_be_moved_as_a_whole(folder, tmp_path, monkeypatch):
    with closing(Followed(folder)) as followed:
        followed.follow()
    moved = folder.rename(tmp_path / "moved")
    with pytest.raises(SettingsError, match="its drive is connected"):
        place_of(Settings(lookalike_data=tmp_path / "data"))

    hand_over(monkeypatch, tmp_path / "data", moved)

    with closing(Followed(moved)) as followed:
        assert followed.follow() == Counter()
        assert len(followed.names()) == 3


def test_a_gallery_of_copies_becomes_one_in_place_only_when_asked(folder, tmp_path, monkeypatch):
    data = tmp_path / "data"
    with closing(build_gallery(Settings(lookalike_data=data))) as copies:
        for number in range(2):
            name = f"2024/{number}.jpg"
            copies.add(Submission(lambda n=number: jpeg(n), name, {"number": number}))

    with pytest.raises(SettingsError, match="is a gallery with copies of its pictures"):
        build_gallery(settings_of(folder))
    os.rename(data / "originals", data / "copies")
    with pytest.raises(OtherOriginals, match="indexes the pictures of folder:"):
        build_gallery(settings_of(folder))

    os.rename(data / "copies", data / "originals")

    hand_over(monkeypatch, data, folder)
    for name in ("2024/2.jpg", "a.txt", "b.txt"):  # what was never imported
        (folder / name).unlink()
    forbid_decoding(monkeypatch)
    with closing(Followed(folder)) as followed:
        assert followed.follow() == Counter(indexed=2)
        assert followed.metadata_of("2024/1.jpg") == {"number": 1}
