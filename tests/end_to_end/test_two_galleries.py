"""Two data folders and one Qdrant: the second gallery gets a name of its own or is refused."""

import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from functions.gallery.bootstrap import build_adoption, build_gallery, build_reindexing
from functions.gallery.errors import OtherOriginals
from functions.gallery.gallery import Gallery
from functions.gallery.intake.add import Submission
from functions.gallery.names import image_id
from functions.gallery.originals.aws import client
from functions.gallery.settings import Settings
from functions.gallery.stores.server.connection import QdrantConnection
from functions.gallery.stores.server.library import QdrantClient
from scripts.bench.starting.stand_in import qdrant_stand_in
from tests.cloud import cloud
from tests.drawing import jpeg
from tests.end_to_end.server import ROOT, run
from tests.end_to_end.test_commands import folder_of_pictures

pytestmark = pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")

# --- Every way to start, over HTTP


@pytest.fixture(scope="module")
def taken(tmp_path_factory) -> Iterator[str]:
    """The address of a server with the gallery of another data folder."""
    with qdrant_stand_in() as address:
        data = tmp_path_factory.mktemp("first")
        build_gallery(Settings(qdrant_url=address, lookalike_data=data)).close()
        yield address


@pytest.mark.parametrize(
    "command",
    [
        ["serve", "--port", "0", "--no-demo"],
        ["import", "pictures"],
        ["reconcile"],
        ["duplicates", "report"],
        ["reindex"],
        ["reindex", "--finish"],
        ["reindex", "--discard"],
    ],
    ids=" ".join,
)
def test_every_command_refuses_the_gallery_of_another_folder(taken, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()

    result = run(*command, data=tmp_path / "data", QDRANT_URL=taken)

    assert result.returncode == 2, result.stdout
    assert "indexes the pictures of folder:" in result.stderr
    assert "LOOKALIKE_GALLERY" in result.stderr


@pytest.mark.parametrize("entry_point", ["api", "ingest"])
def test_a_function_of_another_stack_does_not_start(taken, entry_point):
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_FUNCTION_NAME": "lookalike",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "LOOKALIKE_BUCKET": "staging",
        "QDRANT_URL": taken,
    }
    command = [sys.executable, "-c", f"import functions.{entry_point}.handler"]

    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    assert process.returncode == 1
    assert "OtherOriginals" in process.stderr
    assert "GalleryName" in process.stderr


# --- What becomes of the pictures, on Qdrant's local mode and on a real server


class KeptOpen(QdrantConnection):
    """A server in memory that outlives the processes that use it."""

    def close(self) -> None:
        pass


BACK_ENDS = ["local mode", *(["server"] if "QDRANT_TEST_URL" in os.environ else [])]


@pytest.fixture(params=BACK_ENDS)
def server(request, monkeypatch) -> Iterator[dict[str, Any]]:
    """The settings of a server, and of a gallery name that is not in use there."""
    gallery = f"test-{uuid.uuid4().hex[:8]}"
    if request.param == "local mode":
        connection = KeptOpen.in_memory()
        monkeypatch.setattr(QdrantConnection, "to", lambda *_, **__: connection)
        yield {"qdrant_url": "https://qdrant.test", "lookalike_gallery": gallery}
        connection.client.close()
        return
    url, key = os.environ["QDRANT_TEST_URL"], os.environ.get("QDRANT_TEST_API_KEY")
    yield {"qdrant_url": url, "qdrant_api_key": key, "lookalike_gallery": gallery}
    with closing(QdrantClient(url=url, api_key=key, check_compatibility=False)) as client:
        for collection in client.get_collections().collections:
            if collection.name.startswith(gallery):
                client.delete_collection(collection.name)


def opened(server: dict[str, Any], data: Path, **more: Any) -> "closing[Gallery]":
    return closing(build_gallery(Settings(**server | {"lookalike_data": data} | more)))


def names(gallery: Gallery) -> list[str]:
    return sorted(image.name for image in gallery.list(limit=99).images)


def add(gallery: Gallery, *numbers: int) -> None:
    for number in numbers:
        read = partial(jpeg, number, 64, 48)
        gallery.add(Submission(read, f"{number}.jpg", {"shelf": number}))


def differing(gallery: Gallery) -> list[str]:
    return [name for part in gallery.differences() for name in part.names]


def test_a_second_folder_is_refused_and_the_first_keeps_everything(server, tmp_path):
    with opened(server, tmp_path / "first") as first:
        add(first, 0, 1)

        for build in (build_gallery, build_reindexing):
            with pytest.raises(OtherOriginals):
                build(Settings(**server, lookalike_data=tmp_path / "second"))

        assert names(first) == ["0.jpg", "1.jpg"]
        assert differing(first) == []
    (tmp_path / "first").rename(tmp_path / "moved")
    with opened(server, tmp_path / "moved") as first:
        assert names(first) == ["0.jpg", "1.jpg"]


def test_two_galleries_on_one_server_do_not_see_each_other(server, tmp_path):
    other = {"lookalike_gallery": server["lookalike_gallery"] + "-2"}
    with opened(server, tmp_path / "a") as first, opened(server, tmp_path / "b", **other) as second:
        add(first, 0, 1)
        add(second, 1, 2)
        for image in second.list(limit=9).images:
            second.remove(image.id)

        assert names(first) == ["0.jpg", "1.jpg"]
        assert differing(first) == []
        assert names(second) == []


def test_after_a_move_to_another_folder_and_an_adoption_nothing_differs(server, tmp_path):
    with opened(server, tmp_path / "old") as gallery:
        add(gallery, 0, 1, 2)
        before = gallery.list(limit=9).images
    shutil.copytree(tmp_path / "old", tmp_path / "new", ignore=shutil.ignore_patterns("gallery-id"))
    with closing(build_adoption(Settings(**server, lookalike_data=tmp_path / "new"))) as adoption:
        used = adoption.used()
        assert adoption.sample(used) == (3, 3)
        assert sum(adoption.run(used)) == 3

    with opened(server, tmp_path / "new") as gallery:
        assert gallery.list(limit=9).images == before
        assert differing(gallery) == []
    with pytest.raises(OtherOriginals):
        build_gallery(Settings(**server, lookalike_data=tmp_path / "old"))


def copy_bucket(old: str, new: str) -> None:
    """Copy what the guide's command copies: of its filters the last that fits a key counts."""
    guide = (ROOT / "infra" / "README.md").read_text()
    (command,) = re.findall(r"^aws s3 sync s3://old-bucket s3://new-bucket (.*)", guide, re.M)
    filters = re.findall(r"--(exclude|include) '(.*?)'", command)
    s3 = client("s3")
    for entry in s3.list_objects_v2(Bucket=old)["Contents"]:
        key = entry["Key"]
        fitting = [kind for kind, pattern in filters if fnmatchcase(key, pattern)]
        if fitting[-1:] != ["exclude"]:
            s3.copy_object(Bucket=new, Key=key, CopySource=f"{old}/{key}")


def test_a_gallery_can_move_to_another_bucket_without_embedding_again(server, tmp_path):
    region = {"LocationConstraint": "eu-west-1"}
    old, new = f"old-{uuid.uuid4()}", f"new-{uuid.uuid4()}"
    with cloud():
        for bucket in (old, new):
            client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=region)
        with opened(server, tmp_path, lookalike_bucket=old) as gallery:
            add(gallery, 0, 1, 2)
            gallery.update(image_id(old, "1.jpg"), {"shelf": 99})
            client("s3").put_object(Bucket=old, Key="broken.jpg", Body=b"no picture")
            gallery.sync("broken.jpg")
            before = gallery.list(limit=9).images
        copy_bucket(old, new)
        with pytest.raises(OtherOriginals, match=f"s3:{old}.*s3:{new}"):
            build_gallery(Settings(**server, lookalike_bucket=new))

        with closing(build_adoption(Settings(**server, lookalike_bucket=new))) as adoption:
            assert sum(adoption.run(adoption.used())) == 3

        with opened(server, tmp_path, lookalike_bucket=new) as gallery:
            assert differing(gallery) == ["broken.jpg"]
            gallery.sync("broken.jpg")
            assert differing(gallery) == []
            assert gallery.stats().refused == 1
            after = {image.name: image for image in gallery.list(limit=9).images}
    assert after == {i.name: replace(i, id=image_id(new, i.name)) for i in before}


def test_the_command_hands_an_index_over_after_asking(tmp_path):
    folder_of_pictures(tmp_path / "pictures", 3)
    run("import", tmp_path / "pictures", data=tmp_path / "data")
    (tmp_path / "data" / "gallery-id").unlink()
    refused = run("reconcile", data=tmp_path / "data")

    asked = run("adopt", data=tmp_path / "data")
    adopted = run("adopt", "--yes", data=tmp_path / "data")

    assert refused.returncode == 2
    assert "scripts/adopt" in refused.stderr
    assert asked.returncode == 1
    assert "Of 3 sampled images 3 have an original" in asked.stdout
    assert adopted.returncode == 0, adopted.stdout + adopted.stderr
    assert "3 images handed over" in adopted.stdout
    assert "no difference" in run("reconcile", data=tmp_path / "data").stdout
