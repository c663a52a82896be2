#!/usr/bin/env python3
"""Does tools/export_checkpoint.py give the tensors of a checkpoint bit by bit, say what it leaves
out, and refuse what would run code?

    tests/tools/export_checkpoint_test.py tools/export_checkpoint.py

Exit status: 0 passed, 1 failed, 77 no torch or safetensors (skipped).
"""

import argparse
import contextlib
import importlib.util
import io
import json
import pathlib
import struct
import sys
import tempfile
import unittest

try:
    import torch
    import safetensors  # noqa: F401  # pylint: disable=unused-import  # the script needs it
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

SPEC = importlib.util.spec_from_file_location("export_checkpoint", sys.argv.pop(1))
SCRIPT = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(SCRIPT)


class Touch:
    """Unpickling this makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def read(path):
    """{name: (dtype, shape, bytes)}, by the format's description."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    data = content[8 + length :]
    return {
        name: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])])
        for name, entry in header.items()
    }


def expected(tensor, code):
    """A tensor as `read` gives it; `code` is struct's letter."""
    values = tensor.flatten().tolist()
    dtype = {"f": "F32", "q": "I64"}[code]
    return dtype, list(tensor.shape), struct.pack(f"<{len(values)}{code}", *values)


class ExportTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.source = self.folder / "a.pth"
        self.target = self.folder / "a.safetensors"

    def export(self, content, *options):
        """Exit status, output, errors."""
        if content is not None:
            torch.save(content, self.source)
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            status = SCRIPT.main([str(self.source), str(self.target), *options])
        return status, output.getvalue(), errors.getvalue()

    def refused(self, content, *options):
        status, output, errors = self.export(content, *options)
        self.assertEqual((status, output), (1, ""))
        self.assertEqual([p.name for p in self.folder.glob("*.safetensors*")], [])
        self.assertTrue(errors.startswith(f"{self.source}: "), errors)
        self.assertEqual(errors.count("\n"), 1, errors)
        return errors

    def test_state_dict_of_a_network(self):
        torch.manual_seed(1)
        network = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))
        network(torch.randn(4, 2, 5, 5))
        state = network.state_dict()
        status, output, _ = self.export(state)
        self.assertEqual(status, 0)
        # 54 + 3 of the convolution, 4 x 3 + 1 of the norm
        self.assertEqual(output, f"{self.target}: 7 tensors, 70 values, from the file itself\n")
        tensors = read(self.target)
        self.assertEqual(tensors.keys(), state.keys())
        for name, tensor in state.items():
            code = "q" if name == "1.num_batches_tracked" else "f"
            self.assertEqual(tensors[name], expected(tensor, code), name)

    def test_what_is_left_out_is_said(self):
        weight = torch.arange(6.0).reshape(2, 3).t()  # not contiguous
        content = {
            "model": {"w": weight, "same": weight, "_extra_state": {"v": 1}},
            "optimizer": {"state": {}, "param_groups": []},
            "epoch": 12,
            "args": argparse.Namespace(lr=1e-3),
        }
        status, output, _ = self.export(content)
        self.assertEqual(status, 0)
        self.assertEqual(
            output.splitlines(),
            [
                "left out: optimizer: dict of 2",
                "left out: epoch: 12",
                "left out: args: Namespace",
                "left out: model._extra_state: dict of 1",
                f"{self.target}: 2 tensors, 12 values, from 'model'",
            ],
        )
        self.assertEqual(read(self.target)["w"], expected(weight, "f"))
        self.assertEqual(read(self.target)["same"], expected(weight, "f"))

    def test_element_types(self):
        content = {
            "half": torch.tensor([0.1, -2.0], dtype=torch.float16),
            "brain": torch.tensor([0.1], dtype=torch.bfloat16),
            "double": torch.tensor([0.1], dtype=torch.float64),
            "exact": torch.tensor([0.5], dtype=torch.float64),
            "small": torch.tensor([-3, 7], dtype=torch.int32),
            "flag": torch.tensor([True]),
            "none": torch.zeros(0, 3),
        }
        status, output, _ = self.export(content)
        self.assertEqual(status, 0)
        self.assertEqual(output.splitlines()[0], "rounded to float32: double")
        self.assertEqual(len(output.splitlines()), 2)
        tensors = read(self.target)
        for name in ("half", "brain", "double", "exact", "none"):
            self.assertEqual(tensors[name], expected(content[name].float(), "f"), name)
        self.assertEqual(tensors["small"], expected(torch.tensor([-3, 7]), "q"))
        self.assertEqual(tensors["flag"], expected(torch.tensor([1]), "q"))

    def test_the_key(self):
        one, two = {"w": torch.ones(1)}, {"w": torch.zeros(1)}
        for key in ("model", "state_dict", "model_state_dict"):
            self.assertIn(f"from '{key}'", self.export({key: one, "epoch": 1})[1])
        self.target.unlink()
        both = {"state_dict": one, "model": two}
        self.assertIn("has model and state_dict; say which with --key", self.refused(both))
        self.assertEqual(self.export(both, "--key", "state_dict")[0], 0)
        self.assertEqual(read(self.target)["w"], expected(one["w"], "f"))
        nested = {"ema": {"model": two, "decay": 0.9}, "model": one, "a.b": one}
        status, output, _ = self.export(nested, "--key", "ema.model")
        self.assertEqual(status, 0)
        self.assertEqual(
            output.splitlines()[:3],
            ["left out: model: dict of 1", "left out: a.b: dict of 1", "left out: ema.decay: 0.9"],
        )
        self.assertEqual(read(self.target)["w"], expected(two["w"], "f"))
        self.assertEqual(self.export(nested, "--key", "a.b")[0], 0)
        self.target.unlink()
        self.assertIn("has no 'mode'; it holds: ema, model, a.b", self.refused(nested, "--key", "mode"))
        self.assertIn("'ema' is no state dict: dict of 2", self.refused(nested, "--key", "ema"))

    def test_no_state_dict(self):
        self.assertIn("it holds: net (dict of 1), epoch (3)", self.refused({"net": {"a": 1}, "epoch": 3}))
        self.assertIn("it holds: tensor [2] of float32", self.refused(torch.zeros(2)))

    def test_code_is_not_run(self):
        mark = self.folder / "mark"
        errors = self.refused({"model": {"w": torch.ones(1)}, "x": Touch(str(mark))})
        self.assertRegex(errors, r"needs the class or function \S*open, which could run any code")
        self.assertFalse(mark.exists())
        self.assertIn("torch.nn.modules.linear.Linear", self.refused(torch.nn.Linear(2, 2)))

    def test_values_that_are_no_weights(self):
        self.assertIn("a.w: holds NaN", self.refused({"a.w": torch.tensor([1.0, float("nan")])}))
        self.assertIn("a.w: holds", self.refused({"a.w": torch.tensor([1e300], dtype=torch.float64)}))
        self.assertIn("complex64", self.refused({"a.w": torch.zeros(1, dtype=torch.complex64)}))
        self.assertIn("sparse", self.refused({"a.w": torch.eye(2).to_sparse()}))

    def test_files_that_are_no_checkpoint(self):
        self.assertIn("No such file", self.refused(None))
        self.source.write_text("hello", encoding="utf-8")
        self.assertIn("is no PyTorch checkpoint, or damaged", self.refused(None))
        torch.save({"w": torch.ones(1000)}, self.source)
        self.source.write_bytes(self.source.read_bytes()[:2000])
        self.assertIn("is no PyTorch checkpoint, or damaged", self.refused(None))


if __name__ == "__main__":
    unittest.main()
