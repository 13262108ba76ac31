"""Decoding within the budget of a request, in turn with other requests."""

import time
from threading import Thread

import pytest
from PIL import Image

from functions.gallery.errors import DamagedPicture, NotReached, TooManyPixels
from functions.gallery.intake.add import Submission
from functions.gallery.pictures.budget import DecodeBudget
from functions.gallery.pictures.picture import Region
from functions.gallery.records import Original
from functions.gallery.search.search import SearchOptions
from functions.gallery.threads import FairSemaphore
from tests.drawing import jpeg, written

PICTURES = [written(Image.new("RGB", (64, 64), c), "PNG") for c in ("red", "lime", "blue")]


def budget(*, seconds: float = 60, max_pixels: int = 10**9, slots: int = 1) -> DecodeBudget:
    return DecodeBudget(FairSemaphore(slots), time.monotonic() + seconds, max_pixels)


def wait_until_waiting(semaphore: FairSemaphore, count: int) -> None:
    while sum(map(len, semaphore._waiting.values())) < count:
        time.sleep(0.001)


def test_a_free_slot_goes_to_each_caller_in_turn():
    semaphore = FairSemaphore(1)
    semaphore.acquire("first", 0)
    order: list[str] = []

    def work(caller: str) -> None:
        semaphore.acquire(caller, 60)
        order.append(caller)
        semaphore.release()

    threads = [Thread(target=work, args=(each,)) for each in ("big", "big", "big", "small", "tiny")]
    for count, thread in enumerate(threads, 1):
        thread.start()
        wait_until_waiting(semaphore, count)
    semaphore.release()
    for thread in threads:
        thread.join()

    assert order == ["big", "small", "tiny", "big", "big"]


def test_a_caller_that_gave_up_waiting_gets_no_slot():
    semaphore = FairSemaphore(1)
    semaphore.acquire("first", 0)

    in_vain = semaphore.acquire("second", 0.01)
    semaphore.release()

    assert in_vain is False
    assert semaphore.acquire("third", 0) is True


def test_after_the_deadline_nothing_is_decoded_and_a_search_by_id_is_answered(gallery):
    id = gallery.add(Submission(lambda: PICTURES[0], "red.png")).image.id

    with budget(seconds=-1).in_use():
        with pytest.raises(NotReached):
            gallery.search([PICTURES[0]], [], SearchOptions())
        by_id = gallery.search([id], [], SearchOptions())

    assert [match.image.name for match in by_id.matches] == ["red.png"]


def test_nobody_waits_for_a_decoder_while_an_original_is_read(rig, monkeypatch):
    id = rig.gallery.add(Submission(lambda: PICTURES[0], "red.png")).image.id
    limited = budget()
    free: list[bool] = []

    def read(name: str) -> bytes:
        free.append(limited.slots.acquire("another request", 0))
        limited.slots.release()
        return PICTURES[0]

    monkeypatch.setattr(rig.originals, "read", read)

    with limited.in_use():
        embedded = rig.gallery.embed(id, Region(0, 0, 0.5, 0.5))

    assert free == [True]
    assert {"fetch", "decode", "embed"} == set(embedded.took_ms)


def test_the_deadline_is_checked_before_every_picture(rig, monkeypatch):
    limited = budget()
    embedded = []

    def embed_until_the_deadline(pictures):
        embedded.extend(pictures)
        limited.deadline = 0
        return embed(pictures)

    embed = rig.gallery._examples.embedder.embed
    monkeypatch.setattr(rig.gallery._examples.embedder, "embed", embed_until_the_deadline)

    with limited.in_use(), pytest.raises(NotReached):
        rig.gallery.search(PICTURES, [], SearchOptions())
    assert len(embedded) == 1


def test_the_pixels_of_all_pictures_of_a_request_are_limited(gallery):
    with budget(max_pixels=2 * 64 * 64).in_use():
        gallery.search(PICTURES[:2], [], SearchOptions())

        with pytest.raises(TooManyPixels, match="max_pixels_per_request, 8192 px"):
            gallery.search(PICTURES[2:], [], SearchOptions())


def test_a_picture_over_the_budget_is_not_refused_for_good(rig):
    rig.originals.upload("1.jpg", Original(jpeg(1)))

    with budget(max_pixels=10).in_use(), pytest.raises(TooManyPixels):
        rig.gallery.add_original("1.jpg")

    assert rig.originals.refused == {}
    assert rig.gallery.add_original("1.jpg").image.name == "1.jpg"


def test_a_damaged_picture_frees_its_slot(gallery):
    limited = budget(seconds=5)

    with limited.in_use():
        with pytest.raises(DamagedPicture):
            gallery.search([PICTURES[0][:60]], [], SearchOptions())

        found = gallery.search([PICTURES[0]], [], SearchOptions())

    assert found.query.width == 64
