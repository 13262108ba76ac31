"""The contract of originals, tested on the fake, a folder and a bucket."""

import errno
import io
import os
import threading
import unicodedata
import uuid
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from json import loads
from pathlib import Path

import httpx
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError

from functions.gallery.errors import (
    ImageNotFound,
    InvalidName,
    LookalikeError,
    NameTaken,
    ObjectChanged,
    StoreDenied,
    StoreFull,
    StoreRejected,
    StoreTimeout,
    StoreUnavailable,
)
from functions.gallery.names import image_id, record_id
from functions.gallery.originals.aws import client, map_errors
from functions.gallery.originals.folder import FolderOriginals
from functions.gallery.originals.s3 import S3Originals
from functions.gallery.records import ObjectState, Original, Refusal
from tests.cloud import cloud
from tests.contract.stores import an_image
from tests.fakes import FakeOriginals


@pytest.fixture(scope="module")
def s3():
    with cloud():
        yield client("s3")


def bucket_in(s3) -> S3Originals:
    """Create an empty bucket."""
    name = f"pictures-{uuid.uuid4()}"
    region = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=region)
    return S3Originals.connect(name)


@pytest.fixture(params=["folder", "fake", "s3"])
def originals(request, tmp_path):
    if request.param == "s3":
        return bucket_in(request.getfixturevalue("s3"))
    return FolderOriginals(tmp_path) if request.param == "folder" else FakeOriginals()


@pytest.fixture
def bucket(s3) -> S3Originals:
    return bucket_in(s3)


@pytest.mark.parametrize(
    "name", ["cat.jpg", "a/b/c.jpg", "Ä 猫 🐈.jpg", "a+b %20#?.jpg", "x" * 255]
)
def test_bytes_are_read_as_they_were_written(originals, name):
    originals.write(name, Original(b"\x00one"))

    assert originals.read(name) == b"\x00one"


def test_an_original_can_be_read_in_parts(originals):
    originals.write("cat.jpg", Original(b"one two"))

    file, size = originals.open("cat.jpg")

    with file:
        assert (size, file.read(3), file.read(100), file.read(1)) == (7, b"one", b" two", b"")
    with pytest.raises(ImageNotFound):
        originals.open("dog.jpg")


def test_the_last_write_of_a_name_wins_and_has_its_own_etag(originals):
    first = originals.write("cat.jpg", Original(b"one")).etag

    second = originals.write("cat.jpg", Original(b"two")).etag

    assert originals.read("cat.jpg") == b"two"
    # MD5, as in S3; in a folder SHA-256, which an import has already.
    assert first in ("f97c5d29941bfb1b2fdab0874906ab82", sha256(b"one").hexdigest())
    assert second != first


def test_a_removed_original_is_not_found_and_its_neighbour_stays(originals):
    originals.write("a/1.jpg", Original(b"one"))
    originals.write("a/2.jpg", Original(b"two"))

    originals.remove("a/1.jpg")
    originals.remove("a/1.jpg")

    assert originals.read("a/2.jpg") == b"two"
    with pytest.raises(ImageNotFound):
        originals.read("a/1.jpg")


def test_a_thumbnail_belongs_to_the_exact_bytes(originals):
    image, changed = an_image("cat.jpg"), an_image("cat.jpg", sha256="cd" * 32)
    originals.write_thumbnail(image, b"small")

    assert originals.read_thumbnail(image) == b"small"
    assert originals.read_thumbnail(changed) is None
    originals.remove_thumbnail(image)
    originals.remove_thumbnail(image)
    assert originals.read_thumbnail(image) is None


def test_all_thumbnails_of_an_image_are_removed_and_no_others(originals):
    one, replaced, other = an_image("a.jpg"), an_image("a.jpg", sha256="1" * 64), an_image("b.jpg")
    for image in (one, replaced, other):
        originals.write_thumbnail(image, b"small")

    originals.remove_thumbnails(one.id)
    originals.remove_thumbnails(one.id)

    left = [originals.read_thumbnail(image) for image in (one, replaced, other)]
    assert left == [None, None, b"small"]


def test_head_agrees_with_fetch_and_returns_none_for_a_missing_original(originals):
    state = originals.write("cat.jpg", Original(b"one"))

    assert originals.head("cat.jpg") == state == ObjectState(state.etag, 3, state.modified_at)
    assert originals.fetch("cat.jpg", state.etag).etag == state.etag
    assert originals.head("dog.jpg") is None


def test_an_original_is_created_only_under_a_free_name(originals):
    originals.create("cat.jpg", Original(b"one", {"category": "cat"}))

    with pytest.raises(NameTaken):
        originals.create("cat.jpg", Original(b"two", {"category": "dog"}))

    assert originals.read("cat.jpg") == b"one"
    assert originals.head("cat.jpg").metadata == {"category": "cat"}


def test_bytes_replaced_since_are_not_returned(originals):
    first = originals.write("cat.jpg", Original(b"one"))
    originals.write("cat.jpg", Original(b"two"))

    with pytest.raises(ObjectChanged):
        originals.fetch("cat.jpg", first.etag)


METADATA = {"category": "hat", "größe": 42, "price": 0.1, "new": True, "tags": ["a", "ä"]}


@pytest.mark.parametrize("metadata", [METADATA, {"note": "x" * 7_000}], ids=["short", "long"])
def test_metadata_are_kept_with_the_original_whatever_their_length(originals, metadata):
    state = originals.create("cat.jpg", Original(b"one", metadata))

    assert originals.fetch("cat.jpg").metadata == originals.head("cat.jpg").metadata == metadata
    assert originals.head("cat.jpg").etag == originals.fetch("cat.jpg").etag == state.etag
    assert originals.write("cat.jpg", Original(b"one")).etag != state.etag
    assert originals.head("cat.jpg").metadata == {}


@pytest.mark.parametrize("before", [{}, {"category": "hat"}, {"note": "x" * 7_000}])
def test_changed_metadata_are_kept_and_change_the_etag(originals, before):
    first = originals.create("cat.jpg", Original(b"one", before))

    originals.write_metadata("cat.jpg", METADATA, originals.head("cat.jpg"))

    state = originals.head("cat.jpg")
    assert (state.metadata, originals.fetch("cat.jpg").metadata) == (METADATA, METADATA)
    assert state.etag != first.etag
    assert [record.name for record in originals.records()] == ["cat.jpg"]
    assert [entry.name for entry in originals.names()] == ["cat.jpg"]


def test_metadata_that_others_changed_since_are_not_overwritten(originals):
    originals.create("cat.jpg", Original(b"one"))
    state = originals.head("cat.jpg")
    originals.write_metadata("cat.jpg", {"category": "theirs"}, state)

    with pytest.raises(ObjectChanged):
        originals.write_metadata("cat.jpg", {"category": "ours"}, state)

    assert originals.head("cat.jpg").metadata == {"category": "theirs"}


def test_metadata_go_with_their_original(originals):
    originals.create("cat.jpg", Original(b"one", {"note": "x" * 7_000}))

    originals.remove("cat.jpg")

    assert list(originals.records()) == []
    originals.create("cat.jpg", Original(b"one"))
    assert originals.head("cat.jpg").metadata == {}


def test_a_record_left_by_a_killed_process_does_not_apply_to_a_new_original(originals):
    originals.create("cat.jpg", Original(b"one"))
    originals.write_metadata("cat.jpg", {"category": "old"}, originals.head("cat.jpg"))
    remove_past_us(originals, "cat.jpg")

    originals.create("cat.jpg", Original(b"two", {"category": "new"}))

    assert originals.head("cat.jpg").metadata == {"category": "new"}


def remove_past_us(originals, name: str) -> None:
    if isinstance(originals, S3Originals):
        originals.objects.remove(name)
    elif isinstance(originals, FakeOriginals):
        del originals.originals[name]
    else:
        originals._original(name).unlink()


def test_records_are_listed_by_record_id_from_any_id_on(originals):
    names = sorted("abcd", key=record_id)
    for name in "abcd":
        originals.create(name, Original(b"one"))
        originals.write_metadata(name, METADATA, originals.head(name))

    assert [record.name for record in originals.records()] == names
    rest = originals.records(after=record_id(names[1]))
    assert [record.name for record in rest] == names[2:]


def test_originals_are_listed_by_name_from_any_name_on(originals):
    names = ["b.jpg", "a/1.jpg", "a/ä +%.jpg", ".hidden", "-", "Z"]
    for name in names:
        originals.write(name, Original(b"one"))
    originals.write_thumbnail(an_image("cat.jpg"), b"small")
    originals.refuse(a_refusal("bad.jpg"))
    for name in ("a/1.xmp", "a/._1.jpg", "1.MOV"):  # not pictures
        originals.write(name, Original(b"one"))

    listed = list(originals.names())

    assert [entry.name for entry in listed] == sorted(names)
    assert {entry.etag for entry in listed} <= {originals.head("Z").etag, None}
    assert {entry.bytes for entry in listed} == {3}
    assert all(
        abs(datetime.now(UTC) - entry.modified_at) < timedelta(minutes=1) for entry in listed
    )
    assert [entry.name for entry in originals.names(after="Z")] == [
        "a/1.jpg",
        "a/ä +%.jpg",
        "b.jpg",
    ]


def a_refusal(name: str, etag: str = "e") -> Refusal:
    return Refusal(name, etag, "unsupported-format", "no pïcture", datetime(2026, 1, 2, tzinfo=UTC))


def test_a_refusal_is_kept_until_it_is_cleared(originals):
    refusal = a_refusal("ä +%.jpg", "new")
    originals.refuse(a_refusal("ä +%.jpg", "old"))
    originals.refuse(refusal)

    assert originals.refusal("ä +%.jpg") == refusal
    originals.clear_refusal("ä +%.jpg")
    originals.clear_refusal("ä +%.jpg")
    assert originals.refusal("ä +%.jpg") is None


def test_refusals_are_listed_by_image_id_with_and_without_what_they_say(originals):
    names = sorted("abcd", key=lambda name: image_id(originals.bucket, name))
    for name in "abcd":
        originals.refuse(a_refusal(name))

    assert [refusal.name for refusal in originals.refusals()] == names
    second = image_id(originals.bucket, names[1])
    assert [refusal.name for refusal in originals.refusals(after=second)] == names[2:]
    assert list(originals.refused_ids()) == [image_id(originals.bucket, name) for name in names]


def test_an_object_holds_what_it_can_of_the_metadata_itself(bucket, s3):
    bucket.create("cat.jpg", Original(b"one", METADATA, "image/jpeg"))

    head = s3.head_object(Bucket=bucket.bucket, Key="cat.jpg")
    assert head["Metadata"]["category"] == "hat"
    assert head["ContentType"] == "image/jpeg"
    assert list(bucket.records()) == []


def upload(s3, bucket, data: bytes, **metadata: str) -> None:
    """Write an object as another tool does."""
    s3.put_object(Bucket=bucket.bucket, Key="cat.jpg", Body=data, Metadata=metadata)


def test_changed_metadata_survive_new_bytes_but_not_newer_metadata_of_the_object(bucket, s3):
    upload(s3, bucket, b"one", category="hat")
    bucket.write_metadata("cat.jpg", {"category": "cap"}, bucket.head("cat.jpg"))

    upload(s3, bucket, b"two", category="hat")
    same_metadata = bucket.head("cat.jpg").metadata
    upload(s3, bucket, b"two")
    no_metadata = bucket.head("cat.jpg").metadata
    upload(s3, bucket, b"two", category="shoe")
    new_metadata = bucket.head("cat.jpg").metadata

    assert same_metadata == no_metadata == {"category": "cap"}
    assert new_metadata == {"category": "shoe"}


def test_a_record_that_others_replaced_is_not_removed(originals):
    originals.create("cat.jpg", Original(b"one"))
    originals.write_metadata("cat.jpg", {"category": "old"}, originals.head("cat.jpg"))
    etag = originals.record_etag("cat.jpg")
    originals.write_metadata("cat.jpg", {"category": "new"}, originals.head("cat.jpg"))

    originals.remove_record("cat.jpg", etag)
    kept = originals.head("cat.jpg").metadata
    originals.remove_record("cat.jpg", originals.record_etag("cat.jpg"))

    assert (kept, originals.head("cat.jpg").metadata) == ({"category": "new"}, {})


def test_a_refused_create_leaves_the_metadata_of_the_original_there(originals):
    originals.create("cat.jpg", Original(b"one", {"note": "x" * 7_000}))

    with pytest.raises(NameTaken):
        originals.create("cat.jpg", Original(b"two", {"note": "y" * 7_000}))

    assert originals.head("cat.jpg").metadata == {"note": "x" * 7_000}


def test_an_original_has_the_bytes_of_its_image_until_they_are_replaced(originals):
    state = originals.create("cat.jpg", Original(b"one"))
    image = an_image("cat.jpg", etag=state.etag, added_at=state.modified_at, bytes=3)

    before = originals.has_bytes(image)
    originals.write("cat.jpg", Original(b"other"))
    replaced = originals.has_bytes(image)
    originals.remove("cat.jpg")

    assert (before, replaced, originals.has_bytes(image)) == (True, False, False)


def test_removing_nothing_leaves_no_delete_marker_in_a_versioned_bucket(bucket, s3):
    versioning = {"Status": "Enabled"}
    s3.put_bucket_versioning(Bucket=bucket.bucket, VersioningConfiguration=versioning)

    bucket.clear_refusal("cat.jpg")
    bucket.remove_thumbnail(an_image("cat.jpg"))

    assert "DeleteMarkers" not in s3.list_object_versions(Bucket=bucket.bucket)


def test_a_form_allows_only_its_key_type_and_size(bucket):
    form = bucket.sign_form("up/ä.jpg", "image/jpeg", 1_000)

    policy = loads(b64decode(form.fields["policy"]))
    conditions = [c for c in policy["conditions"] if not str(c).startswith("{'x-amz-")]
    assert conditions == [
        {"Content-Type": "image/jpeg"},
        ["content-length-range", 1, 1_000],
        {"bucket": bucket.bucket},
        {"key": "up/ä.jpg"},
    ]
    expires_at = datetime.fromisoformat(policy["expiration"])
    assert timedelta(minutes=9) < expires_at - datetime.now(UTC) <= timedelta(minutes=10)
    assert abs(form.expires_at - expires_at) < timedelta(seconds=2)
    with pytest.raises(InvalidName):
        bucket.sign_form("up/${filename}", "image/jpeg", 1_000)


def test_a_file_can_be_uploaded_with_the_form_and_opened_with_the_link(bucket):
    form = bucket.sign_form("a b+c.jpg", "image/jpeg", 1_000)

    sent = httpx.post(form.url, data=dict(form.fields), files={"file": b"one"})
    opened = httpx.get(bucket.sign_link(an_image("a b+c.jpg")))

    assert sent.is_success
    assert (opened.content, opened.headers["content-type"]) == (b"one", "image/jpeg")


def test_links_name_the_region_to_avoid_redirects(monkeypatch, s3):
    monkeypatch.delenv("AWS_ENDPOINT_URL")

    link = S3Originals.connect("pictures").sign_link(an_image("cat.jpg"))
    form = S3Originals.connect("pictures").sign_form("cat.jpg", "image/jpeg", 10)
    dotted = S3Originals.connect("my.pictures").sign_link(an_image("cat.jpg"))

    assert link.startswith("https://pictures.s3.eu-west-1.amazonaws.com/cat.jpg?")
    assert form.url == "https://pictures.s3.eu-west-1.amazonaws.com/"
    assert dotted.startswith("https://s3.eu-west-1.amazonaws.com/my.pictures/cat.jpg?")


def client_error(code: str, status: int) -> ClientError:
    error = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(error, "GetObject")


@pytest.mark.parametrize(
    ("problem", "error"),
    [
        (client_error("NoSuchKey", 404), ImageNotFound),
        (client_error("NoSuchBucket", 404), StoreRejected),
        (client_error("PreconditionFailed", 412), ObjectChanged),
        (client_error("AccessDenied", 403), StoreDenied),
        (client_error("403", 403), StoreDenied),
        (client_error("SlowDown", 503), StoreUnavailable),
        (client_error("Strange", 500), StoreUnavailable),
        (client_error("KMS.ThrottlingException", 400), StoreUnavailable),
        (NoCredentialsError(), StoreDenied),
        (ReadTimeoutError(endpoint_url="x"), StoreTimeout),
    ],
)
def test_aws_failures_become_our_errors(problem, error):
    with pytest.raises(LookalikeError, match="cat.jpg|AWS") as raised, map_errors("cat.jpg"):
        raise problem

    assert type(raised.value) is error


def test_originals_are_in_the_folder_under_their_own_names(tmp_path):
    FolderOriginals(tmp_path).write("shoes/red.jpg", Original(b"one"))

    assert (tmp_path / "originals" / "shoes" / "red.jpg").read_bytes() == b"one"


def test_folders_that_become_empty_are_removed(tmp_path):
    originals = FolderOriginals(tmp_path)
    originals.write("a/b/c.jpg", Original(b"one"))
    originals.write("a/d.jpg", Original(b"two"))

    originals.remove("a/b/c.jpg")

    assert os.listdir(tmp_path / "originals" / "a") == ["d.jpg"]


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a")])
def test_a_name_cannot_be_both_a_picture_and_a_folder(tmp_path, first, second):
    originals = FolderOriginals(tmp_path)
    originals.write(first, Original(b"one"))

    with pytest.raises(NameTaken):
        originals.write(second, Original(b"two"))

    assert originals.read(first) == b"one"


@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSPC, StoreFull), (errno.EACCES, StoreRejected)]
)
def test_a_failed_write_keeps_the_previous_bytes(tmp_path, monkeypatch, number, error):
    originals = FolderOriginals(tmp_path)
    originals.write("cat.jpg", Original(b"one"))

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", refuse)

    with pytest.raises(error, match="cat.jpg"):
        originals.write("cat.jpg", Original(b"two"))

    assert originals.read("cat.jpg") == b"one"
    assert os.listdir(tmp_path / "unfinished") == []


@pytest.mark.parametrize("write", ["create", "write"])
def test_without_room_for_the_metadata_nothing_changes(tmp_path, monkeypatch, write):
    originals = FolderOriginals(tmp_path)
    if write == "write":
        originals.create("cat.jpg", Original(b"one", {"category": "cat"}))
    before = (originals.head("cat.jpg"), list(originals.records()))

    real, synced = os.fsync, []

    def fill_up(file: int) -> None:
        synced.append(file)
        if len(synced) == 2:  # the picture had room, its record has none
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(file)

    monkeypatch.setattr(os, "fsync", fill_up)

    with pytest.raises(StoreFull):
        getattr(originals, write)("cat.jpg", Original(b"two", {"category": "dog"}))

    assert (originals.head("cat.jpg"), list(originals.records())) == before
    assert os.listdir(tmp_path / "unfinished") == []


def test_files_of_killed_writes_are_removed_and_others_kept(tmp_path):
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    for name, age_s in (("killed", 3_601), ("being-written", 60)):
        (unfinished / name).write_bytes(b"half")
        moment = datetime.now(UTC).timestamp() - age_s
        os.utime(unfinished / name, (moment, moment))

    FolderOriginals(tmp_path).create("cat.jpg", Original(b"one"))

    assert os.listdir(unfinished) == ["being-written"]


def test_originals_can_be_read_by_other_users_as_the_umask_allows(tmp_path):
    before = os.umask(0o022)
    try:
        FolderOriginals(tmp_path).create("cat.jpg", Original(b"one"))
    finally:
        os.umask(before)

    assert (tmp_path / "originals" / "cat.jpg").stat().st_mode & 0o777 == 0o644


def test_an_original_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    calls = []
    for call in ("fsync", "link", "replace"):
        real = getattr(os, call)
        monkeypatch.setattr(os, call, lambda *args, c=call, r=real: (calls.append(c), r(*args))[1])

    FolderOriginals(tmp_path).create("cat.jpg", Original(b"one"))
    FolderOriginals(tmp_path).write("cat.jpg", Original(b"two"))

    # The file, its name, its folder; a new folder's name too.
    assert calls == ["fsync", "link", "fsync", "fsync", "fsync", "replace", "fsync"]


@pytest.fixture
def folding(monkeypatch, tmp_path) -> None:
    """Make the folder ignore case and forms of Unicode, as file systems of macOS and Windows do."""
    listdir = os.listdir

    def fold(text: str) -> str:
        return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())

    def find(path: object) -> object:
        if not isinstance(path, str | os.PathLike) or tmp_path not in Path(path).parents:
            return path
        found = os.fspath(tmp_path)
        for part in Path(path).relative_to(tmp_path).parts:
            try:
                there = listdir(found)
            except OSError:
                there = []
            found += "/" + next((name for name in there if fold(name) == fold(part)), part)
        return found

    def resolve(real: Callable[..., object]) -> Callable[..., object]:
        return lambda *args, **options: real(*map(find, args), **options)

    for call in ("stat", "open", "listdir", "link", "replace", "unlink", "mkdir", "rmdir", "utime"):
        monkeypatch.setattr(os, call, resolve(getattr(os, call)))
    monkeypatch.setattr(io, "open", resolve(io.open))


def test_names_that_the_file_system_cannot_tell_apart_are_refused(tmp_path, folding):
    originals = FolderOriginals(tmp_path)
    originals.create("Fotos/Café.jpg", Original(b"one"))

    for name in ("Fotos/café.jpg", "fotos/other.jpg", "Fotos/Cafe\u0301.jpg"):
        with pytest.raises(NameTaken, match="apart"):
            originals.create(name, Original(b"two"))
        with pytest.raises(NameTaken, match="apart"):
            originals.write(name, Original(b"two"))
        originals.remove(name)

        assert (originals.exists(name), originals.head(name)) == (False, None)
    assert originals.read("Fotos/Café.jpg") == b"one"


def test_a_reader_never_sees_half_a_picture(tmp_path):
    originals = FolderOriginals(tmp_path)
    one, two = b"1" * 3_000_000, b"2" * 3_000_000
    originals.write("cat.jpg", Original(one))
    done = threading.Event()

    def rewrite() -> None:
        for number in range(20):
            originals.write("cat.jpg", Original(one if number % 2 else two))
        done.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    seen = set()
    while not done.is_set():
        seen.add(originals.read("cat.jpg"))
    writer.join()

    assert seen <= {one, two}


def test_a_reply_is_kept_under_its_key_and_the_last_one_wins(originals):
    originals.write_reply("ab12", b"first")
    originals.write_reply("ab12", b"second")

    assert originals.read_reply("ab12") == b"second"
    assert originals.read_reply("cd34") is None
    assert list(originals.names()) == []


def test_a_reply_is_deleted_after_a_day(tmp_path):
    originals = FolderOriginals(tmp_path)
    originals.write_reply("old", b"of yesterday")
    long_ago = datetime.now(UTC).timestamp() - 86_401
    os.utime(tmp_path / "replies" / "old.json", (long_ago, long_ago))

    originals = FolderOriginals(tmp_path)  # cleans up at its first reply, then hourly
    originals.write_reply("new", b"of today")

    assert originals.read_reply("old") is None
    assert [path.name for path in (tmp_path / "replies").iterdir()] == ["new.json"]
