"""docs/errors.md has one correct row for every code that a problem can have."""

import re
from pathlib import Path

from functions.api.errors import retryable, statuses

TABLE = Path(__file__).resolve().parents[2] / "docs" / "errors.md"
ROW = re.compile(r"\| `([a-z-]+)` \| (\d{3}) \| (.+) \| (yes|no) \| (.+) \|")


def rows() -> list[tuple[str, int, bool]]:
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("| `")]
    read = [ROW.fullmatch(line) for line in lines]
    return [(row[1], int(row[2]), row[4] == "yes") for row in read if row]


def test_every_code_has_one_row_and_no_other_has():
    codes = [code for code, _, _ in rows()]

    assert sorted(codes) == sorted(statuses())


def test_every_row_tells_the_status_and_whether_to_try_again():
    told = {code: (status, again) for code, status, again in rows()}

    assert told == {code: (int(status), code in retryable()) for code, status in statuses().items()}
