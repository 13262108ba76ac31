"""Build the served graph from the public weights: python -m model.build.build --help."""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx

from model.build.channel_order import pair_channels
from model.build.fitting import see
from model.build.float_graph import build_body
from model.build.head import Head, build_head, fit_head, join
from model.build.quantise import quantise
from model.build.tflite_weights import check_weights, read_classifier, read_layers
from model.build.views import MODEL_FOLDER, VIEWS, read_views
from model.quality.sets import hash_of

CARD = MODEL_FOLDER / "card.json"
# The hashes of all pictures that had a part in making the graph; they must not measure it.
SEEN = MODEL_FOLDER / "build" / "seen.json"

# Ranges are taken from every second picture of a calibration set of 1,000.
_RANGES_STEP = 2


def main() -> None:
    """Build the int8 graph and update its card, without measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    card = json.loads(CARD.read_text())
    parser.add_argument("--weights", type=Path, required=True, help=card["origin"]["file"])
    parser.add_argument("--calibration", type=Path, required=True, help="a folder of photos")
    parser.add_argument("--float", type=Path, help="also make a model folder of the float graph")
    parser.add_argument("--version", help="needed with other photos: their vectors are different")
    arguments = parser.parse_args()
    content = check_weights(arguments.weights, card["origin"]["sha256"])
    layers = pair_channels(read_layers(content))
    files = sorted(arguments.calibration.rglob("*.jpg"))
    if not files:
        parser.error(f"{arguments.calibration} contains no .jpg files")
    seen = {"pictures": sorted(map(hash_of, files))}
    if not arguments.version and json.loads(SEEN.read_text()) != seen:
        # A gallery recognises by name and version whether its vectors are of this model.
        parser.error(
            f"these are not the photos of version {card['version']}: name yours with --version"
        )
    floats = build_body(layers)
    views = [view for of in read_views(files[::_RANGES_STEP]) for view in of]
    int8 = quantise(layers, views)
    pools, copies = see(int8, files)
    weights = np.array([view.weight for view in VIEWS], np.float32)
    head = fit_head(pools, copies, weights, read_classifier(content), card["output"]["dims"])
    card["version"] = arguments.version or card["version"]
    write_model(MODEL_FOLDER, card, int8, head)
    SEEN.write_text(json.dumps(seen, indent=0) + "\n")
    if arguments.float:
        write_model(arguments.float, card | {"name": f"{card['name']}-float"}, floats, head)


def write_model(folder: Path, card: dict, body: onnx.ModelProto, head: Head) -> None:
    """Write both graphs and their card, without the figures that were measured for others."""
    folder.mkdir(parents=True, exist_ok=True)
    written = card | _write_graph(folder, f"{card['name']}.onnx", join(body, head))
    written["head"] = _write_graph(folder, "head.onnx", build_head(head))
    for measured in ("measured", "bands"):
        written.pop(measured, None)
    (folder / CARD.name).write_text(json.dumps(written, indent=2) + "\n")


def _write_graph(folder: Path, file: str, model: onnx.ModelProto) -> dict[str, str | int]:
    graph = model.SerializeToString(deterministic=True)
    (folder / file).write_bytes(graph)
    facts = {"file": file, "sha256": hashlib.sha256(graph).hexdigest(), "bytes": len(graph)}
    print(*facts.values())
    return facts


if __name__ == "__main__":
    main()
