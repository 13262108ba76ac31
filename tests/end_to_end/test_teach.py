"""scripts/teach as a user runs it: a gallery, labels that the model does not see, and back."""

import csv
import json
import random
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import ImageDraw

from functions.cli import demo
from functions.gallery.bootstrap import build_gallery
from functions.gallery.embedding.card import read_card
from functions.gallery.originals.aws import client
from functions.gallery.search.search import SearchOptions
from functions.gallery.settings import Settings
from tests.cloud import cloud
from tests.drawing import written
from tests.end_to_end.server import ROOT, run, served, started

pytestmark = pytest.mark.slow

STYLES = {"plain": [], "stripes": [(1, 0)], "bars": [(0, 1)], "grid": [(1, 0), (0, 1)]}
STYLES |= {"rising": [(1, -1)], "falling": [(1, 1)]}
NEW = "crossed"  # added after the first teaching
THINGS = list(demo.THINGS)
COUNT = len(THINGS) * len(STYLES) * 2


def drawn(thing: str, style: str, number: int) -> bytes:
    """Draw a thing under thin lines whose direction is its style."""
    dice = random.Random(f"{thing}{style}{number}")
    image = demo.picture(thing, dice)
    draw, shift = ImageDraw.Draw(image), dice.randrange(48)
    colour = dice.choice(["#d1495b", "#00798c", "#6a4c93", "#3d405b"])
    for right, down in STYLES.get(style, [(1, 1), (1, -1)]):
        for at in range(shift - 336, 672, 48):
            x, y = (0, at) if right else (at, 0)
            draw.line([(x, y), (x + 320 * right, y + 320 * down)], colour, 2)
    return written(image, quality=88)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """A folder of pictures, and a table with their style and something that nobody can see."""
    folder = tmp_path_factory.mktemp("pictures")
    dice = random.Random(0)
    with (folder / "table.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "style", "shelf"])
        for style, thing, number in product(STYLES, THINGS, (1, 2)):
            path = folder / style / f"{thing}-{number}.jpg"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(drawn(thing, style, number))
            table.writerow([path.relative_to(folder), style, f"shelf {dice.randrange(6)}"])
    return folder


@pytest.fixture(scope="module")
def imported(pictures, tmp_path_factory) -> Path:
    data = tmp_path_factory.mktemp("imported") / "data"
    result = run("import", pictures / "table.csv", data=data)
    assert result.returncode == 0, result.stdout + result.stderr
    return data


@pytest.fixture(scope="module")
def taught(imported, tmp_path_factory) -> tuple[Path, str]:
    """The folder of a taught model, and what scripts/teach printed."""
    out = tmp_path_factory.mktemp("taught") / "own"
    result = run("teach", "--label", "style", "--width", "32", "--out", out, data=imported)
    assert result.returncode == 0, result.stdout + result.stderr
    return out, result.stdout


@contextmanager
def api(data: Path, **settings: object) -> Iterator[httpx.Client]:
    """Serve a gallery, and yield a client of it."""
    used = Settings(lookalike_data=data, **settings)
    gallery = build_gallery(used)
    with served(gallery, used) as address, httpx.Client(base_url=address) as http:
        yield http
    gallery.close()


def right(data: Path, **settings: object) -> float:
    """Return how many of the first results for pictures not in the gallery have their style."""
    gallery = build_gallery(Settings(lookalike_data=data, **settings))
    found = []
    for style, thing in product(STYLES, THINGS[:4]):
        matches = gallery.find_similar(drawn(thing, style, 9), SearchOptions(limit=4)).matches
        found += [match.image.metadata["style"] == style for match in matches]
    gallery.close()
    return float(np.mean(found))


def test_a_taught_gallery_finds_better_with_fewer_numbers_and_goes_back(imported, taught, tmp_path):
    out, _ = taught
    shutil.copytree(imported, tmp_path / "data")
    before = right(tmp_path / "data")

    there = run("reindex", data=tmp_path / "data", LOOKALIKE_MODEL=str(out))
    after = right(tmp_path / "data", lookalike_model=out)
    back = run("reindex", data=tmp_path / "data")

    assert (there.returncode, back.returncode) == (0, 0), there.stderr + back.stderr
    assert read_card(out).dims == 32
    assert after > before + 0.1
    assert right(tmp_path / "data") == before


def test_a_gallery_is_taught_again_with_more_labels_and_old_links_and_queries_work(
    imported, taught, tmp_path
):
    data, again = tmp_path / "data", tmp_path / "again"
    shutil.copytree(imported, data)
    own = {"LOOKALIKE_MODEL": str(taught[0])}
    with api(data) as http:
        links = http.get("/v1/images").json()["images"][0]["links"]
    assert run("reindex", data=data, **own).returncode == 0
    new = tmp_path / "new"
    (new / NEW).mkdir(parents=True)
    paths = [f"{NEW}/{thing}-{number}.jpg" for thing, number in product(THINGS, (1, 2))]
    for path, (thing, number) in zip(paths, product(THINGS, (1, 2)), strict=True):
        (new / path).write_bytes(drawn(thing, NEW, number))
    rows = [f"{path},{NEW}" for path in paths]
    (new / "table.csv").write_text("\n".join(["path,style", *rows]) + "\n")
    assert run("import", new / "table.csv", data=data, **own).returncode == 0

    arguments = ("--label", "style", "--width", "32", "--out")
    refused = run("teach", *arguments, taught[0], data=data)
    second = run("teach", *arguments, again, data=data)
    finished = run("reindex", "--finish", data=data, **own)
    switched = run("reindex", data=data, LOOKALIKE_MODEL=str(again))

    assert refused.returncode == 2 and "The gallery uses the model in" in refused.stderr
    assert finished.returncode == 0, finished.stderr
    assert second.returncode == 0, second.stderr
    assert f"{COUNT + len(paths)} pictures with 7 labels" in second.stdout
    assert read_card(again).version != read_card(taught[0]).version
    assert switched.returncode == 0, switched.stderr
    assert right(data, lookalike_model=again) > 0.5
    with api(data, lookalike_model=again) as http:
        answers = [http.get(links[name]) for name in ("self", "similar", "thumbnail")]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert len(answers[1].json()["results"]) > 5
    finished = run("reindex", "--finish", data=data, LOOKALIKE_MODEL=str(again))
    back = run("reindex", data=data)
    assert (finished.returncode, back.returncode) == (0, 0), finished.stderr + back.stderr
    with api(data) as http:
        assert http.get(links["similar"]).status_code == 200


def test_a_gallery_in_a_bucket_is_taught_from_the_metadata_of_its_objects(pictures, tmp_path):
    data, own = tmp_path / "data", tmp_path / "own"
    with cloud():
        s3 = client("s3")
        region = {"LocationConstraint": "eu-west-1"}
        s3.create_bucket(Bucket="pictures", CreateBucketConfiguration=region)
        for path in sorted(pictures.glob("*/*.jpg")):
            key, style = path.relative_to(pictures).as_posix(), {"style": path.parent.name}
            s3.put_object(Bucket="pictures", Key=key, Body=path.read_bytes(), Metadata=style)
        bucket = {"LOOKALIKE_BUCKET": "pictures"}
        indexed = run("reconcile", data=data, **bucket)
        assert indexed.returncode == 0, indexed.stdout + indexed.stderr

        arguments = ("--label", "style", "--width", "32", "--out", own)
        result = run("teach", *arguments, data=data, **bucket)
        switched = run("reindex", data=data, LOOKALIKE_MODEL=str(own), **bucket)

        assert result.returncode == 0, result.stdout + result.stderr
        assert f"{COUNT} pictures with 6 labels from the metadata field 'style'" in result.stdout
        assert (own / "report.html").read_text().count("data:image/jpeg;base64,") > 20
        assert switched.returncode == 0, switched.stderr
        assert right(data, lookalike_model=own, lookalike_bucket="pictures") > 0.5


def test_the_report_says_what_was_measured_and_needs_no_other_file(taught):
    out, printed = taught
    report = (out / "report.html").read_text()
    card = json.loads((out / "card.json").read_text())

    assert "Known labels:" in printed and "New labels:" in printed
    assert f"{COUNT} pictures with 6 labels from the metadata field 'style'" in printed
    assert card["taught"]["labels"] == 6 and card["taught"]["pictures"] == COUNT
    assert not any(name in json.dumps(card) for name in ("-1.jpg", "rising"))  # not the pictures
    assert report.count("data:image/jpeg;base64,") > 20
    assert "<script" not in report and 'src="http' not in report


def test_vectors_of_the_gallery_are_used_and_teaching_again_gives_the_same_model(
    imported, taught, tmp_path
):
    out = tmp_path / "again"
    again = run("teach", "--label", "style", "--width", "32", "--out", out, data=imported)

    assert again.returncode == 0, again.stderr
    one, other = (json.loads((f / "card.json").read_text()) for f in (taught[0], out))
    assert one == other
    assert not any((imported / "teach").glob("*.features")) or all(
        not path.stat().st_size for path in (imported / "teach").glob("*.features")
    )


def test_after_a_kill_only_missing_vectors_are_computed(pictures, tmp_path):
    arguments = ["--folder", pictures, "--width", "32", "--out", tmp_path / "own"]
    data = tmp_path / "data"

    with started("teach", *arguments, data=data) as process:
        deadline = time.monotonic() + 60
        while not (cached := sum(p.stat().st_size for p in data.glob("teach/*"))):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    result = run("teach", *arguments, data=data)

    assert cached < COUNT * 5_156
    assert result.returncode == 0, result.stderr
    (file,) = data.glob("teach/*")
    assert file.stat().st_size == COUNT * 5_156  # each once: hash, 1,280 numbers, checksum


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--label", "colour"], "No picture has a label"),
        ([], "Use either --label FIELD"),
        (["--label", "style", "--out", "."], "has other files in it"),
        (["--label", "style", "--width", "1280"], "--width must be less than"),
    ],
)
def test_what_cannot_be_taught_is_refused_with_the_reason(
    imported, tmp_path, monkeypatch, arguments, reason
):
    monkeypatch.chdir(ROOT)

    result = run("teach", *(["--out", tmp_path / "own"] + arguments), data=imported)

    assert result.returncode == 2
    assert reason in result.stderr
    assert not (tmp_path / "own").exists()


def test_labels_that_no_picture_shows_are_refused_with_figures(imported, tmp_path):
    result = run("teach", "--label", "shelf", "--out", tmp_path / "own", data=imported)

    assert result.returncode == 2
    assert "Nothing that was taught is better" in result.stderr
    assert "mAP" in result.stdout
    assert not (tmp_path / "own").exists()
