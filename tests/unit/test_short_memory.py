"""With too little memory a picture is neither refused nor called damaged: it can be tried again."""

import subprocess
import sys

import pytest

from functions.gallery.errors import OutOfMemory
from functions.gallery.sync.sync import Synced
from functions.ingest.work import Ingest
from tests.conftest import ROOT
from tests.drawing import jpeg
from tests.unit.test_events import enough_time, eventbridge_event, put, sqs_batch

LIMITED = """
import resource, sys
from pathlib import Path

from functions.gallery.embedding.embedder import OnnxEmbedder
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from tests.drawing import scene, written

def run(work, free):
    lines = Path("/proc/self/status").read_text().splitlines()
    used = next(int(line.split()[1]) for line in lines if line.startswith("VmSize")) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (used + free, -1))
    try:
        work()
        return "done"
    except Exception as error:
        return type(error).__name__
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))

kind, *options = sys.argv[1].split()
if kind == "embed":
    embedder = OnnxEmbedder(Path("model"))
    picture = decode(written(scene(1)), Limits(), short_side_px=374)
    work = lambda: embedder.embed([picture] * 4)
else:
    large = scene(1).resize((3_000, 2_000))
    data = written(large, kind, **dict.fromkeys(options, True))
    decode(written(scene(1), kind), Limits(), short_side_px=374)  # loads the decoder
    work = lambda: decode(data, Limits(), short_side_px=2_000)
free = *range(0, 1_500_000, 300_000), *range(1_500_000, 60_000_000, 3_000_000), 500_000_000
print(*(run(work, each) for each in free))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process")
@pytest.mark.parametrize(
    "kind", ["JPEG", "JPEG progressive", "PNG", "GIF", "BMP", "TIFF", "WEBP", "embed"]
)
def test_a_lack_of_memory_is_never_taken_for_a_damaged_picture(kind):
    command = [sys.executable, "-c", LIMITED, kind]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    outcomes = done.stdout.split()
    assert set(outcomes) <= {"OutOfMemory", "done"}
    assert outcomes[-1] == "done"
    # The graph sometimes fits into memory that its start left behind.
    assert "OutOfMemory" in outcomes or kind == "embed"


LAID = """
import resource
from pathlib import Path

from functions.gallery.embedding.fingerprint import Fingerprint, agreements
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from tests.drawing import scene, written

one, other = (
    Fingerprint.of(decode(written(each, "PNG"), Limits(), short_side_px=374))
    for each in (scene(4), scene(4).crop((16, 12, 304, 228)))
)
lines = Path("/proc/self/status").read_text().splitlines()
used = next(int(line.split()[1]) for line in lines if line.startswith("VmSize")) * 1024
resource.setrlimit(resource.RLIMIT_AS, (used + 8_000_000, -1))
print(agreements(one, [other])[0] > 0.9)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process")
def test_pictures_are_laid_on_each_other_with_little_memory():
    """A first matrix product takes 32 MB, and OpenBLAS ends the process without them."""
    command = [sys.executable, "-c", LAID]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "True\n"


def test_a_picture_from_the_bucket_for_which_memory_ran_out_is_delivered_again(rig, monkeypatch):
    def run_out(*_: object) -> None:
        raise MemoryError

    put(rig, "a.jpg", jpeg(1))
    put(rig, "b.jpg", b"no picture")
    ingest = Ingest(rig.gallery, None)
    event = sqs_batch(eventbridge_event("a.jpg"), eventbridge_event("b.jpg"))
    with monkeypatch.context() as patch:
        patch.setattr("functions.gallery.pictures.decode.to_rgb", run_out)
        first = ingest.run(event, enough_time)
    refused = [refusal.name for refusal in rig.gallery.stats().refusals]

    second = ingest.run(event, enough_time)

    assert [message.id for message in first.failed] == ["m0"]
    assert [type(error) for error in first.failures] == [OutOfMemory]
    assert refused == ["b.jpg"]
    assert (second.failed, second.outcomes["a.jpg"]) == ([], Synced.INDEXED)


def test_the_orientation_of_a_picture_is_not_lost_when_memory_runs_out(rig, monkeypatch):
    def run_out(*_: object) -> None:
        raise MemoryError

    put(rig, "a.jpg", jpeg(1))
    monkeypatch.setattr("PIL.Image.Image.getexif", run_out)

    report = Ingest(rig.gallery, None).run(sqs_batch(eventbridge_event("a.jpg")), enough_time)

    assert [type(error) for error in report.failures] == [OutOfMemory]
    assert rig.store.count() == 0
