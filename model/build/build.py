"""Make the served graph from the public weights: python -m model.build.build --help."""

import argparse
import hashlib
import json
from pathlib import Path

import onnx

from model.build.channel_order import pair_channels
from model.build.fitting import fit
from model.build.float_graph import INPUT_NAME, INPUT_PX, build_body, middle_names
from model.build.head import OUTPUT_NAME, attach
from model.build.quantise import quantise
from model.build.tflite_weights import (
    WEIGHTS_FILE,
    WEIGHTS_SHA256,
    check_weights,
    read_classifier,
    read_layers,
)
from model.build.views import VIEWS, read_views
from scripts.bench.evaluation.sets import hash_of

MODEL_FOLDER = Path(__file__).resolve().parent.parent
CARD = MODEL_FOLDER / "card.json"
# The hashes of all pictures that had a part in making the graph; they never measure it.
SEEN = MODEL_FOLDER / "build" / "seen.json"
NAME = "mobilenetv2-1.0-224-int8"
VERSION = "2"
DIMS = 1280
WIDTHS = (640, 320, 160)  # the first numbers of a vector, made unit again, are one too

# Ranges are taken from every second picture of a calibration set of 1,000: 1,500 views.
_RANGES_STEP = 2


def main() -> None:
    """Build the int8 graph and write its card, without measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help=WEIGHTS_FILE)
    parser.add_argument("--calibration", type=Path, required=True, help="a folder of photos")
    parser.add_argument("--float", type=Path, help="also make a model folder of the float graph")
    parser.add_argument("--version", help="of a build on other photos, whose vectors are others")
    arguments = parser.parse_args()
    content = check_weights(arguments.weights)
    layers = pair_channels(read_layers(content))
    files = sorted(arguments.calibration.rglob("*.jpg"))
    if not files:
        parser.error(f"{arguments.calibration} holds no .jpg files")
    seen = {"pictures": sorted(map(hash_of, files))}
    if not arguments.version and json.loads(SEEN.read_text()) != seen:
        # A gallery tells by name and version whether the vectors that it holds are of this model.
        parser.error(f"these are not the photos of version {VERSION}: give yours a --version")
    version = arguments.version or VERSION
    floats = build_body(layers)
    int8 = quantise(layers, read_views(files[::_RANGES_STEP]))
    head = fit(floats, int8, files, read_classifier(content), middle_names(layers), DIMS)
    write_model(MODEL_FOLDER, NAME, version, attach(int8, head))
    SEEN.write_text(json.dumps(seen, indent=0) + "\n")
    if arguments.float:
        write_model(arguments.float, f"{NAME}-float", version, attach(floats, head))


def write_model(folder: Path, name: str, version: str, model: onnx.ModelProto) -> None:
    """Write a graph and its card."""
    folder.mkdir(parents=True, exist_ok=True)
    graph = model.SerializeToString(deterministic=True)
    (folder / f"{name}.onnx").write_bytes(graph)
    card = describe(name, version, graph)
    (folder / CARD.name).write_text(json.dumps(card, indent=2) + "\n")
    print(f"{card['file']}: {card['bytes']} bytes, sha256 {card['sha256']}")


def describe(name: str, version: str, graph: bytes) -> dict:
    """Give the card of a graph, all but what is measured, which only verify.py writes."""
    return {
        "name": name,
        "version": version,
        "file": f"{name}.onnx",
        "sha256": hashlib.sha256(graph).hexdigest(),
        "bytes": len(graph),
        "input": {"name": INPUT_NAME, "layout": "NHWC", "dtype": "uint8", "px": INPUT_PX},
        "output": {"name": OUTPUT_NAME, "dims": DIMS, "dtype": "float32", "normalised": True},
        "widths": list(WIDTHS),
        "views": list(VIEWS),
        "resize": "bilinear",
        "preprocessing": (
            "Upright RGB. Per view: the centred square with a side of that part of the short side, "
            "resized to 224 x 224 by Pillow's Image.resize(size, BILINEAR, box=square), which "
            "smooths when it shrinks. The graph itself casts, scales to [-1, 1] and turns the "
            "layout. A picture's vector is the mean of its views' unit vectors, made unit again."
        ),
        "licence": "Apache-2.0",
        "origin": {
            "repository": "google-coral/test_data",
            "commit": "104342d2d3480b3e66203073dac24f4e2dbb4c41",
            "file": WEIGHTS_FILE,
            "sha256": WEIGHTS_SHA256,
        },
        "trained_on": "ImageNet-1k, 1,001 classes (the classifier is left out)",
        "weak_at": [
            "text, screenshots, documents and line drawings",
            "telling faces or people apart",
            "colour: the same thing in another colour is close, a garment's colour hardly counts",
            "fine differences inside one kind (species, models, textures)",
            "small objects away from the middle: only centre squares are seen",
            "pictures turned by 90 degrees or upside down",
        ],
    }


if __name__ == "__main__":
    main()
