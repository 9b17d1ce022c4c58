#!/usr/bin/python3
"""onnxeval.py MODEL ROWS ANSWERS: a second opinion on a seed model, with nothing of ours.

ONNX's own checker has to take MODEL (full_check: with shapes). Its weights, as python3-onnx parses them, are evaluated with
numpy for each line of ROWS, in double and in single precision; ANSWERS has what tandem-seedtrain said of each. When a line of
ROWS has one number more it is the label: the share that the model is right about is printed.
"""
import sys

import numpy as np
import onnx
from onnx import numpy_helper


def attributes(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def evaluate(graph, x, dtype):
    with np.errstate(over="ignore"):
        v = {t.name: numpy_helper.to_array(t).astype(dtype) for t in graph.initializer}
        v[graph.input[0].name] = x.astype(dtype)
        for n in graph.node:
            i = [v[name] for name in n.input]
            a = attributes(n)
            if n.op_type == "Gemm":
                assert set(a) <= {"transB"}, a
                r = i[0] @ (i[1].T if a.get("transB") else i[1]) + i[2]
            elif n.op_type == "Add":
                r = i[0] + i[1]
            elif n.op_type == "Sub":
                r = i[0] - i[1]
            elif n.op_type == "Div":
                r = i[0] / i[1]
            elif n.op_type == "Log":
                r = np.log(i[0])
            elif n.op_type == "Relu":
                r = np.maximum(i[0], 0)
            elif n.op_type == "Sigmoid":
                r = 1 / (1 + np.exp(-i[0]))
            else:
                raise SystemExit("operator " + n.op_type)
            v[n.output[0]] = r.astype(dtype)
        return v[graph.output[0].name][:, 0]


model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=True)
rows = np.loadtxt(sys.argv[2], ndmin=2)
answers = np.loadtxt(sys.argv[3], ndmin=1)
width = model.graph.input[0].type.tensor_type.shape.dim[1].dim_value
x = rows[:, :width]
wide, narrow = evaluate(model.graph, x, np.float64), evaluate(model.graph, x, np.float32)
assert len(answers) == len(rows) > 0
assert np.abs(wide - answers).max() < 1e-12, np.abs(wide - answers).max()
assert np.abs(narrow - answers).max() < 1e-4, np.abs(narrow - answers).max()
if rows.shape[1] > width:
    right = ((answers > 0.5) == (rows[:, width] > 0.5)).mean()
    print("differs by %.1e in double, %.1e in single precision; right about %.4f of %d rows"
          % (np.abs(wide - answers).max(), np.abs(narrow - answers).max(), right, len(rows)))
    assert right > float(dict((p.key, p.value) for p in model.metadata_props)["holdout_accuracy"]) - 0.03
