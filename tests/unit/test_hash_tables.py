"""All hashes of a gallery in memory, and pages of duplicates that end in time."""

from itertools import count

import numpy as np

from functions.gallery.duplicates import pages
from functions.gallery.duplicates.pages import DuplicateOptions, Duplicates
from functions.gallery.duplicates.tables import hash_table
from functions.gallery.embedding.fingerprint import PerceptualHash
from functions.gallery.records import CollectionSpec
from tests.contract.stores import a_fingerprint, an_image, random_units
from tests.fakes import FakeStore


def drawn(number):
    """Return a hash that differs from the one before it in 20 bits, for odd numbers."""
    dice = np.random.default_rng(number // 2)
    bits = dice.integers(0, 2, 256, np.uint8)
    bits[: 20 * (number % 2)] ^= 1
    return np.packbits(bits).tobytes().hex()


def images(hashes):
    return [an_image(f"{n}.jpg", fingerprint=a_fingerprint(h)) for n, h in enumerate(hashes)]


def test_the_product_of_two_hashes_counts_the_bits_that_differ():
    one, other = PerceptualHash(drawn(0)), PerceptualHash(drawn(2))

    for hash in (one, other, PerceptualHash(f"{one.bits ^ ((1 << 256) - 1):064x}")):
        assert one.signs() @ hash.signs() == 256 - 2 * one.distance(hash)


def test_a_table_counts_all_bits_that_differ():
    hash = PerceptualHash(drawn(0))
    flipped = [f"{hash.bits ^ ((1 << bits) - 1):064x}" for bits in (0, 1, 40, 41, 128, 255, 256)]
    table = hash_table([*images(flipped), an_image("plain.jpg", fingerprint=None)])

    def found(most):
        return [int(match.score) for match in table.nearest([hash.words()], -most, 9)[0]]

    assert found(256) == [0, 1, 40, 41, 128, 255, 256]
    assert found(40) == [0, 1, 40]
    assert found(0) == [0]


def test_a_table_of_several_parts_finds_what_python_finds(monkeypatch):
    monkeypatch.setattr("functions.gallery.duplicates.tables._HASH_COLUMNS", 7)
    hashes = [PerceptualHash(drawn(number)) for number in range(60)]
    stored = images([hash.hex for hash in hashes])
    table = hash_table(stored)

    near = table.nearest([hash.words() for hash in hashes], -118, 100)

    for hash, matches in zip(hashes, near, strict=True):
        bits = [(hash.distance(i.fingerprint.hash), i.id) for i in stored]
        expected = sorted(each for each in bits if each[0] <= 118)
        assert [(match.score, match.image.id) for match in matches] == expected


def test_pages_that_end_in_time_have_the_same_groups(monkeypatch):
    spec = CollectionSpec("test@1", 4)
    store = FakeStore(spec)
    stored = images([drawn(number) for number in range(440)])
    store.put(stored, random_units(len(stored), 4))
    options = DuplicateOptions(limit=1_000)
    duplicates = Duplicates(store, spec, None)
    with monkeypatch.context() as patient:
        patient.setattr(pages, "_PAGE_S", 600)
        whole = duplicates.page(options)
    clock = count(step=1)
    monkeypatch.setattr(pages, "monotonic", lambda: next(clock))

    groups, after, looked_at = [], None, []
    while after is not None or not looked_at:
        page = duplicates.page(options, after)
        groups += page.groups
        looked_at.append(page.looked_at)
        after = page.after

    assert len(groups) == 220
    assert groups == list(whole.groups)
    assert len(looked_at) > 1
    assert sum(looked_at) == len(stored)
