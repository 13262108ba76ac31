"""The image can be built for both processors: every package has a wheel for each.

scripts/wheels asks the index which files pip would install and writes them down.
"""

import json
import re

import pytest

from tests.infra.reading import ROOT, TEMPLATE, sam_program

WHEELS = json.loads((ROOT / "infra" / "wheels.json").read_text())
DOCKERFILE = (ROOT / "infra" / "Dockerfile").read_text()
GLIBC_OF_THE_BASE = 34  # 2.34, in Amazon Linux 2023
MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
# What `sam build` builds for, as the SAM CLI reads the template.
BUILT_FOR = """
import sys
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
_, template, *chosen = sys.argv
values = dict(pair.split("=") for pair in chosen)
stacks, _ = SamLocalStackProvider.get_stacks(template, parameter_overrides=values)
print(*(function.architecture for function in SamFunctionProvider(stacks).get_all()))
"""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> set[str]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return {normal(line.split()[0]) for line in lines if "==" in line}


@pytest.mark.parametrize("processor", MACHINES)
def test_every_pinned_package_has_a_wheel_for_each_processor(processor):
    listed = {normal(pin) for pin in WHEELS[processor]}

    assert listed == pins(), "run scripts/wheels"


@pytest.mark.parametrize("processor", MACHINES)
def test_every_wheel_fits_the_processor_and_the_base_image(processor):
    python = re.search(r"python:3\.(\d+)", DOCKERFILE)[1]

    unfit = [
        wheel
        for wheel in WHEELS[processor].values()
        if not fits(wheel, python, MACHINES[processor])
    ]

    assert unfit == []
    assert any(wheel.endswith(f"{MACHINES[processor]}.whl") for wheel in WHEELS[processor].values())


def fits(wheel: str, python: str, machine: str) -> bool:
    *_, interpreter, abi, platforms = wheel.removesuffix(".whl").split("-")
    if platforms == "any":
        return "py3" in interpreter
    oldest = re.fullmatch(r"cp3(\d+)", interpreter)
    right_python = abi == f"cp3{python}" or (abi == "abi3" and int(oldest[1]) <= int(python))
    versions = re.findall(rf"manylinux_2_(\d+)_{machine}|manylinux(2014)_{machine}", platforms)
    needs = min((17 if old else int(new) for new, old in versions), default=99)
    return right_python and needs <= GLIBC_OF_THE_BASE


@pytest.mark.parametrize(
    "wheel",
    [
        "numpy-1-cp313-cp313-manylinux_2_28_x86_64.whl",
        "numpy-1-cp312-cp312-manylinux_2_28_aarch64.whl",
        "numpy-1-cp313-cp313-manylinux_2_39_aarch64.whl",
        "numpy-1-cp314-abi3-manylinux_2_28_aarch64.whl",
        "numpy-1-cp313-cp313-musllinux_1_2_aarch64.whl",
        "numpy-1-py2-none-any.whl",
    ],
)
def test_a_wheel_of_another_processor_python_or_system_is_noticed(wheel):
    assert not fits(wheel, "13", "aarch64")


def test_the_image_is_built_from_wheels_alone():
    assert "--only-binary=:all:" in DOCKERFILE


@pytest.mark.parametrize(
    ("chosen", "processor"),
    [([], "x86_64"), (["Architecture=arm64"], "arm64")],
    ids=["by default", "if chosen"],
)
def test_sam_builds_both_functions_for_the_processor_they_run_on(chosen, processor):
    result = sam_program("python", "-c", BUILT_FOR, str(TEMPLATE), *chosen)

    assert (result.stdout.split(), result.returncode) == ([processor] * 2, 0)


def test_the_guide_quotes_what_was_measured_on_arm():
    guide = " ".join((ROOT / "infra" / "README.md").read_text().split())
    measured = json.loads((ROOT / "scripts/bench/results/arm64.json").read_text())
    pictures, near = measured["pictures"], measured["with a cosine above 0.9999"]

    assert measured["with the same hash"] == pictures
    assert f"all {pictures} pictures compared" in guide
    assert f"{near} have a cosine above 0.9999" in guide
    assert f"the least is {measured['least cosine']:.4f}" in guide
    assert f"{measured['with the same nearest picture']} of {pictures} pictures keep" in guide
