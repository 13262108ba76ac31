"""Makes and enters the virtual environments of commands. Standard library only, any Python 3.8+."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
# The SAM CLI pins other versions than the image does, so it lives by itself.
SAM_VENV = ROOT / ".venv-sam"
OLDEST = (3, 11)


def enter(requirements):
    """Go on inside .venv with this requirements file installed; makes and fills it first if needed.

    Returns when the running Python is that of .venv; before that it starts this very command anew.
    """
    if Path(sys.prefix) == VENV:
        sys.path.insert(0, str(ROOT))
        return
    prepare(VENV, requirements)
    os.execv(str(VENV / "bin" / "python"), [str(VENV / "bin" / "python"), *sys.argv])


def prepare(venv, requirements):
    """Make and fill this environment if that was not done yet; returns its folder of programs."""
    with open(str(venv) + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two commands started at once install once
        _install(venv, ROOT / requirements)
    return venv / "bin"


def _install(venv, requirements):
    if not _runs(venv / "bin" / "python"):
        shutil.rmtree(str(venv), ignore_errors=True)
        python = _python()
        print(f"Making a virtual environment in {venv.name} with {python}", file=sys.stderr)
        if subprocess.call([python, "-m", "venv", str(venv)]):
            sys.exit("That did not work; on Debian and Ubuntu: apt install python3-venv")
    wanted = hashlib.sha256(_text(requirements).encode()).hexdigest()
    stamp = venv / (requirements.parent.name + ".installed")
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print("Installing", requirements.relative_to(ROOT), "(once)", file=sys.stderr)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
    if subprocess.call([*pip, "--quiet", "--requirement", str(requirements)]):
        sys.exit("The packages could not be installed; the lines above say why.")
    stamp.write_text(wanted)


def _text(requirements):
    """Give a requirements file with those it includes."""
    text = requirements.read_text()
    included = [line[3:].strip() for line in text.splitlines() if line.startswith("-r ")]
    return text + "".join(_text(requirements.parent / name) for name in included)


def _python():
    names = [sys.executable, "python3", "python3.13", "python3.12", "python3.11"]
    for python in filter(None, map(shutil.which, names)):
        if _runs(python):
            return python
    sys.exit("Lookalike needs Python 3.11 or newer; none was found.")


def _runs(python):
    check = f"import sys; sys.exit(sys.version_info < {OLDEST!r})"
    try:
        return subprocess.call([str(python), "-c", check], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False
