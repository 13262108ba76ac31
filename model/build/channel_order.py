"""Sort channels so that 8-bit products cannot overflow on CPUs without VNNI. Independent of ONNX.

Before VNNI, x86 adds the products of two neighbouring channels in 16 bits (vpmaddubsw) and clips
at 32,767. With weights up to 127 and activations up to 255 that happens often, and the same graph
returns other vectors on another CPU. It cannot happen while the two weights of a pair, if their
signs agree, add up to at most 128. So every output channel gets a scale that keeps this, and
channels are paired so that the scales stay fine: large weights with small or opposite ones.
Sorting the channels between two layers changes nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.build.tflite_weights import Floats, Layer

# 255 * 128 = 32,640 fits in 16 bits. Rounding adds at most 1 to the sum of two weights, so a sum
# below 128 rounds to 128 at most.
_PAIR_LIMIT = 127.99
_SWAPS = 8000  # tried per group; the weights are fixed and so is the seed


@dataclass(frozen=True, slots=True)
class _Group:
    """Layers that share one order of channels: those that write them, those that read them."""

    writers: tuple[int, ...]
    readers: tuple[int, ...]


def pair_channels(layers: Sequence[Layer]) -> list[Layer]:
    """Return the same network with inner channels sorted for fine weights; outputs stay."""
    sorted_layers = list(layers)
    random = np.random.default_rng(0)
    for group in _groups(sorted_layers):
        matrices = [sorted_layers[reader].weights[:, :, 0, 0] for reader in group.readers]
        order = _best_order(np.concatenate([_relative(matrix) for matrix in matrices]), random)
        for index in group.writers:
            layer = sorted_layers[index]
            sorted_layers[index] = replace(
                layer, weights=layer.weights[order], bias=layer.bias[order]
            )
        for index in group.readers:
            layer = sorted_layers[index]
            weights = np.ascontiguousarray(layer.weights[:, order])
            sorted_layers[index] = replace(layer, weights=weights)
    return sorted_layers


def weight_scales(layer: Layer) -> Floats:
    """Return one int8 scale per output channel, (out,), as fine as possible without overflow."""
    rows = layer.weights.reshape(len(layer.weights), -1).astype(np.float64)
    scales = np.abs(rows).max(axis=1) / 127
    if layer.kind == "conv" and layer.weights.shape[2:] == (1, 1):
        sums = _pair_sums(rows[:, 0::2], rows[:, 1::2])
        scales = np.maximum(scales, sums.max(axis=1) / _PAIR_LIMIT)
    elif layer.kind == "conv":
        # onnxruntime chooses the order inside a 3 x 3 window: any two can be a pair.
        ascending = np.sort(rows, axis=1)
        worst = _pair_sums(ascending[:, [0, -1]], ascending[:, [1, -2]]).max(axis=1)
        scales = np.maximum(scales, worst / _PAIR_LIMIT)
    # Depthwise kernels do not add in 16 bits. Channels that are all zero take any scale.
    return np.where(scales > 0, scales, np.median(scales)).astype(np.float32)


def _groups(layers: Sequence[Layer]) -> list[_Group]:
    writer = {layer.output: index for index, layer in enumerate(layers)}
    first_of: dict[int, int] = {}  # tensor -> the first tensor of its chain of additions
    groups = []
    for index, layer in enumerate(layers):
        if layer.kind == "depthwise":
            readers = tuple(i for i, other in enumerate(layers) if layer.output in other.inputs)
            groups.append(_Group((writer[layer.inputs[0]], index), readers))
        elif layer.kind == "add":
            chain = first_of[layer.inputs[0]]
            first_of.update({tensor: chain for tensor in (*layer.inputs, layer.output)})
        elif layer.kind == "conv" and not layer.relu6:
            first_of[layer.output] = layer.output
    for chain in sorted(set(first_of.values())):
        tensors = {tensor for tensor, first in first_of.items() if first == chain}
        convs = [i for i, layer in enumerate(layers) if layer.kind == "conv"]
        writers = tuple(i for i in convs if layers[i].output in tensors)
        groups.append(_Group(writers, tuple(i for i in convs if layers[i].inputs[0] in tensors)))
    return groups


def _best_order(rows: Floats, random: np.random.Generator) -> np.ndarray:
    """Swap channels between pairs while the sum of the squared scales gets smaller."""
    count = rows.shape[1]
    order = np.arange(count)
    sums = _pair_sums(rows[:, 0::2], rows[:, 1::2])
    least = _cost(sums)
    for _ in range(_SWAPS):
        one, other = random.integers(0, count, 2)
        pairs = [one // 2, other // 2]
        if pairs[0] == pairs[1]:
            continue
        tried = order.copy()
        tried[[one, other]] = order[[other, one]]
        before = sums[:, pairs].copy()
        for pair in pairs:
            sums[:, pair] = _pair_sums(rows[:, tried[2 * pair]], rows[:, tried[2 * pair + 1]])
        cost = _cost(sums)
        if cost < least:
            least, order = cost, tried
        else:
            sums[:, pairs] = before
    return order


def _cost(sums: Floats) -> float:
    return float((np.maximum(sums.max(axis=1), 1.0) ** 2).sum())


def _pair_sums(one: Floats, other: Floats) -> Floats:
    rising = np.maximum(one, 0) + np.maximum(other, 0)
    falling = np.maximum(-one, 0) + np.maximum(-other, 0)
    return np.maximum(rising, falling)


def _relative(matrix: Floats) -> Floats:
    largest = np.abs(matrix).max(axis=1, keepdims=True)
    return matrix / np.where(largest > 0, largest, 1)
