"""docs/formats.md lists each kind of file; each row is what happens to a file of that kind."""

from pathlib import Path

import pytest

from functions.gallery.errors import PictureError, PictureTooLarge
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.formats import FORMATS, unsupported_kinds
from functions.gallery.pictures.kinds import ACCEPTED, REFUSED
from functions.gallery.pictures.limits import MAX_SLOW_PIXELS, Limits
from scripts.formats_page import page
from tests.kinds import SAMPLES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "formats.md"


def named(kinds):
    return pytest.mark.parametrize("kind", kinds, ids=[kind.name for kind in kinds])


def test_the_page_is_what_the_lists_say():
    assert PAGE.read_text() == page(), "run scripts/formats"


def test_each_kind_has_one_row_and_one_file():
    names = [kind.name for kind in (*ACCEPTED, *REFUSED)]

    assert sorted(names) == sorted(SAMPLES)


def test_each_format_and_each_refused_kind_has_a_row():
    assert {kind.format for kind in ACCEPTED} == {format.name for format in FORMATS}
    assert unsupported_kinds() <= {kind.name for kind in REFUSED}


@named(ACCEPTED)
def test_an_accepted_kind_opens_as_its_row_says(kind):
    picture = decode(SAMPLES[kind.name](), Limits(), short_side_px=374)

    assert (picture.format, picture.flaws) == (kind.format, kind.flaws)


@named(REFUSED)
def test_a_refused_kind_gets_the_error_of_its_row(kind):
    with pytest.raises(PictureError) as error:
        decode(SAMPLES[kind.name](), Limits(), short_side_px=374)

    assert (type(error.value), str(error.value)) == (kind.error, kind.detail)


@named([kind for kind in ACCEPTED if kind.max_pixels != MAX_SLOW_PIXELS])
def test_an_accepted_kind_opens_up_to_the_pixels_of_its_row_and_not_beyond(kind):
    data = SAMPLES[kind.name]()
    image = decode(data, Limits(), short_side_px=10_000).image  # of a raw file, the preview
    share = kind.max_pixels / Limits().max_pixels
    limit = image.width * image.height / share  # max_pixels with which it just opens

    decode(data, Limits(max_pixels=int(limit * 1.1)), short_side_px=50)

    with pytest.raises(PictureTooLarge):
        decode(data, Limits(max_pixels=int(limit * 0.9)), short_side_px=50)
