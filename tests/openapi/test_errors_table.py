"""docs/errors.md has exactly one correct row for each error code."""

import re
from pathlib import Path

from functions.api.errors import retryable, statuses

TABLE = Path(__file__).resolve().parents[2] / "docs" / "errors.md"
ROW = re.compile(r"\| `([a-z-]+)` \| (\d{3}) \| (.+) \| (yes|no) \| (.+) \|")


def rows() -> list[tuple[str, int, bool]]:
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("| `")]
    matches = [ROW.fullmatch(line) for line in lines]
    return [(row[1], int(row[2]), row[4] == "yes") for row in matches if row]


def test_every_code_has_exactly_one_row_and_there_are_no_others():
    codes = [code for code, _, _ in rows()]

    assert sorted(codes) == sorted(statuses())


def test_every_row_has_the_correct_status_and_retry_column():
    documented = {code: (status, retry) for code, status, retry in rows()}

    assert documented == {
        code: (int(status), code in retryable()) for code, status in statuses().items()
    }
