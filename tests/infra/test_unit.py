"""infra/lookalike.service, read by systemd's own checks."""

import re
import subprocess
from pathlib import Path

from tests.programs import find_program

ROOT = Path(__file__).resolve().parents[2]


def test_the_unit_for_systemd_is_valid_and_hardened(tmp_path):
    analyze, text = find_program("systemd-analyze", package="systemd"), unit()
    for old, new in (("/opt/lookalike/bin/lookalike serve", "/bin/true"), ("User=lookalike", "")):
        assert old in text  # neither is on this machine
        text = text.replace(old, new)
    file = tmp_path / "lookalike.service"
    file.write_text(text)

    verified = subprocess.run([analyze, "verify", file], capture_output=True, text=True)
    security = [analyze, "security", "--offline=true", "--threshold=25", "--no-pager", file]
    exposed = subprocess.run(security, capture_output=True, text=True)

    assert (verified.returncode, verified.stderr) == (0, "")
    assert exposed.returncode == 0, exposed.stdout  # "exposure level" of at most 2.5 of 10


def unit() -> str:
    return (ROOT / "infra" / "lookalike.service").read_text()


def test_the_unit_keeps_data_where_it_can_write():
    settings = dict(re.findall(r"^(\w+)=(.*)$", unit(), re.MULTILINE))

    assert f"LOOKALIKE_DATA=/var/lib/{settings['StateDirectory']} " in settings["Environment"]
    assert settings["ExecStart"].split()[1:] == ["serve"]
