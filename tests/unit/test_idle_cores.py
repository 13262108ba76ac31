"""An idle core helps with the views of another core's picture."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from functions.gallery.embedding.embedder import OnnxEmbedder
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from functions.gallery.threads import Cores
from tests.conftest import ROOT
from tests.drawing import jpeg


def thread_of(_item):
    return threading.get_ident()


def test_an_idle_core_does_all_but_the_first():
    met = threading.Barrier(2, timeout=10)  # breaks unless two threads are there at once

    def work(item):
        if item < 2:
            met.wait()
        return item, threading.get_ident()

    results = Cores(2).map(work, range(4))

    items, threads = zip(*results, strict=True)
    assert items == (0, 1, 2, 3)
    assert threads[0] == threading.get_ident() != threads[1] == threads[2] == threads[3]


@pytest.mark.parametrize(("count", "items"), [(1, 3), (2, 1)])
def test_a_single_core_or_a_single_item_needs_no_thread(count, items):
    assert set(Cores(count).map(thread_of, range(items))) == {threading.get_ident()}


def test_a_core_at_work_does_not_help():
    cores, begun, done = Cores(2), threading.Event(), threading.Event()

    def wait(_item):
        begun.set()
        assert done.wait(10)

    with ThreadPoolExecutor(1) as other:
        picture = other.submit(cores.map, wait, [0])
        assert begun.wait(10)
        alone = cores.map(thread_of, range(2))
        done.set()
        picture.result()

    assert set(alone) == {threading.get_ident()}
    assert len(set(cores.map(thread_of, range(2)))) == 2  # it is idle again


@pytest.mark.parametrize("wrong", [0, 1])
def test_an_error_ends_when_both_have_stopped(wrong):
    cores = Cores(2)

    def fail(item):
        if item == wrong:
            raise MemoryError

    with pytest.raises(MemoryError):
        cores.map(fail, range(2))

    assert len(set(cores.map(thread_of, range(2)))) == 2


def test_a_vector_is_the_same_on_two_cores():
    one, two = (OnnxEmbedder(ROOT / "model", cores=count) for count in (1, 2))
    pictures = [decode(jpeg(seed), Limits(), short_side_px=374) for seed in range(3)]

    np.testing.assert_array_equal(one.embed(pictures), two.embed(pictures))
