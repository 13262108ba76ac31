"""Appends the taught map to the head's graph, as ONNX. Depends on maps.

An ONNX file is a protocol buffer: fields with a number and a length. Appending nodes copies whole
fields and adds new ones, so nothing has to be installed for it. Field numbers are those of
onnx.proto.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from model.teach.maps import LinearMap

_GRAPH = 7  # of a model
_IR, _OPSET, _OPSET_VERSION = 1, 8, 2
_NODE, _NAME, _INITIALIZER, _INPUT, _OUTPUT = 1, 2, 5, 11, 12  # of a graph
_NODE_INPUT, _NODE_OUTPUT, _NODE_OP = 1, 2, 4
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 8, 9
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR, _ELEMENT, _SHAPE = 1, 2, 1, 1, 2
_DIM, _DIM_VALUE, _DIM_NAME = 1, 1, 2
_FLOAT = 1  # the type of an element

Field = tuple[int, bytes, bytes]  # its number, its content if it has a length, and all of it


def with_map(head: bytes | None, map: LinearMap) -> bytes:
    """Return the graph of a head followed by a map: minus the mean, times the matrix, length 1.

    Without a head, the map is for the network's own rows, scaled to length 1.
    """
    if head is None:
        served = "unit_rows"
        model = _number(_IR, 8) + _bytes(_OPSET, _number(_OPSET_VERSION, 13))
        rows = _value("joined", len(map.mean))
        kept = (
            _bytes(_NAME, b"taught")
            + _bytes(_INPUT, rows)
            + _node("LpNormalization", ["joined"], served)
        )
    else:
        parts = list(_fields(head))
        model = b"".join(whole for number, _, whole in parts if number != _GRAPH)
        (graph,) = (content for number, content, _ in parts if number == _GRAPH)
        served = _first_output(graph)
        kept = b"".join(whole for number, _, whole in _fields(graph) if number != _OUTPUT)
    added = [
        _bytes(_INITIALIZER, _tensor("taught_mean", map.mean)),
        _bytes(_INITIALIZER, _tensor("taught_matrix", map.matrix)),
        _node("Sub", [served, "taught_mean"], "taught_centred"),
        _node("MatMul", ["taught_centred", "taught_matrix"], "taught_product"),
        _node("LpNormalization", ["taught_product"], "taught"),
        _bytes(_OUTPUT, _value("taught", map.width)),
    ]
    return model + _bytes(_GRAPH, kept + b"".join(added))


def _first_output(graph: bytes) -> str:
    output = next(content for number, content, _ in _fields(graph) if number == _OUTPUT)
    name = next(content for number, content, _ in _fields(output) if number == _VALUE_NAME)
    return name.decode()


def _fields(message: bytes) -> Iterator[Field]:
    """Divide a message into its fields; raises ValueError if it is not one."""
    at = 0
    while at < len(message):
        start = at
        key, at = _read_varint(message, at)
        content = b""
        match key & 7:
            case 0:
                _, at = _read_varint(message, at)
            case 1:
                at += 8
            case 5:
                at += 4
            case 2:
                length, at = _read_varint(message, at)
                content = message[at : at + length]
                at += length
            case kind:
                raise ValueError(f"no ONNX file: a field of kind {kind}")
        if at > len(message):
            raise ValueError("no ONNX file: it ends inside a field")
        yield key >> 3, content, message[start:at]


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message):
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError("no ONNX file: it ends inside a number")


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    return bytes([*written, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode())


def _node(operation: str, inputs: list[str], output: str) -> bytes:
    """Write a node; a normalisation has length 2 along the numbers by default."""
    names = b"".join(_text(_NODE_INPUT, name) for name in inputs)
    return _bytes(_NODE, names + _text(_NODE_OUTPUT, output) + _text(_NODE_OP, operation))


def _tensor(name: str, values: NDArray[np.float32]) -> bytes:
    dims = b"".join(_number(_TENSOR_DIMS, side) for side in values.shape)
    raw = np.ascontiguousarray(values, "<f4").tobytes()
    return (
        dims + _number(_TENSOR_TYPE, _FLOAT) + _text(_TENSOR_NAME, name) + _bytes(_TENSOR_RAW, raw)
    )


def _value(name: str, width: int) -> bytes:
    sides = (_text(_DIM_NAME, "n"), _number(_DIM_VALUE, width))
    shape = b"".join(_bytes(_DIM, side) for side in sides)
    tensor = _number(_ELEMENT, _FLOAT) + _bytes(_SHAPE, shape)
    return _text(_VALUE_NAME, name) + _bytes(_VALUE_TYPE, _bytes(_TYPE_TENSOR, tensor))
