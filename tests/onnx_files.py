"""Small ONNX graphs, written field by field so that nothing has to be installed for them."""

import numpy as np

from model.teach import graph as onnx

UINT8, FLOAT, DOUBLE = 2, 1, 11  # types of elements


def written_graph(
    nodes, takes, returns, *, kind=FLOAT, out=FLOAT, opset=13, inputs=("x",), constants=None
) -> bytes:
    """Write a graph from `inputs` to `y`.

    Nodes are (operation, inputs, output), constants single numbers by name, None an open side.
    """
    values = b"".join(onnx._bytes(onnx._INPUT, _value(name, takes, kind)) for name in inputs)
    body = b"".join(onnx._node(*node) for node in nodes)
    graph = onnx._bytes(onnx._NAME, b"own") + values + body
    for name, number in (constants or {}).items():
        scalar = onnx._tensor(name, np.array(number, np.float32))
        graph += onnx._bytes(onnx._INITIALIZER, scalar)
    graph += onnx._bytes(onnx._OUTPUT, _value("y", returns, out))
    model = onnx._number(onnx._IR, 8) + onnx._bytes(
        onnx._OPSET, onnx._number(onnx._OPSET_VERSION, opset)
    )
    return model + onnx._bytes(onnx._GRAPH, graph)


def _value(name: str, sides, kind: int) -> bytes:
    dims = b"".join(
        onnx._bytes(
            onnx._DIM,
            onnx._text(onnx._DIM_NAME, "n")
            if side is None
            else onnx._number(onnx._DIM_VALUE, side),
        )
        for side in sides
    )
    tensor = onnx._number(onnx._ELEMENT, kind) + onnx._bytes(onnx._SHAPE, dims)
    typed = onnx._bytes(onnx._VALUE_TYPE, onnx._bytes(onnx._TYPE_TENSOR, tensor))
    return onnx._text(onnx._VALUE_NAME, name) + typed
