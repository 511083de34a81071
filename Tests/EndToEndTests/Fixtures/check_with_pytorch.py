"""Tests a checkpoint's model with PyTorch, as `dp-train evaluate --json` does.

    check_with_pytorch.py CHECKPOINT MODEL TEST_BATCH

CHECKPOINT is a file that dp-train wrote; its metadata say what the network is. MODEL is what `dp-train export` made of it.
TEST_BATCH holds records of CIFAR-10's binary version. The network is built of PyTorch's own modules and takes the
tensors by name, all of them and no others. Prints JSON: the images classified correctly in single and in double
precision, and the smallest distance between an image's two largest logits.
"""

import json
import subprocess
import sys

import numpy
import torch
from safetensors.torch import load, load_file
from torch import nn


class Residual(nn.Module):
    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return x + self.block(x)


class Network(nn.Module):
    def __init__(self, configuration):
        super().__init__()
        ((name, values),) = configuration["activation"].items()

        def activation():
            return {
                "elu": lambda: nn.ELU(values["alpha"]),
                "relu": nn.ReLU,
                "tanh": nn.Tanh,
            }[name]()

        def hidden(inputs, outputs):
            modules = [nn.Linear(inputs, outputs)]
            if configuration["batchNorm"] != "none":
                modules.append(nn.BatchNorm1d(outputs))
            return modules + [activation()]

        modules = []
        inputs = 3072
        for width in configuration["hiddenDimensions"]:
            modules += hidden(inputs, width)
            if configuration["residual"]:
                modules.append(Residual(nn.Sequential(*hidden(width, width), nn.Linear(width, width))))
            inputs = width
        self.layers = nn.Sequential(*modules, nn.Linear(inputs, 10))

    def forward(self, x):
        return self.layers(x)


def metadata(safetensors):
    size = int.from_bytes(safetensors[:8], "little")
    return json.loads(safetensors[8 : 8 + size])["__metadata__"]


checkpoint_path, model_path, test_path = sys.argv[1:]
checkpoint = subprocess.run(["zstd", "-dc", checkpoint_path], check=True, capture_output=True).stdout
network = Network(json.loads(metadata(checkpoint)["configuration"]))

exported = load_file(model_path)
inside = {
    name: tensor for name, tensor in load(checkpoint).items() if not name.startswith(("optimizer.", "best."))
}
assert exported.keys() == inside.keys(), exported.keys() ^ inside.keys()
assert all(torch.equal(exported[name], inside[name]) for name in exported)
network.load_state_dict(exported, strict=True)
network.eval()

records = numpy.fromfile(test_path, dtype=numpy.uint8).reshape(-1, 3073)
labels = torch.tensor(records[:, 0].astype(numpy.int64))
pixels = torch.tensor(records[:, 1:].reshape(-1, 3, 1024))
mean = torch.tensor([0.491, 0.482, 0.447], dtype=torch.float64)[None, :, None]
std = torch.tensor([0.247, 0.243, 0.262], dtype=torch.float64)[None, :, None]

result = {"images": len(records)}
with torch.no_grad():
    for key, dtype in [("correct", torch.float32), ("correct_in_double", torch.float64)]:
        inputs = ((pixels.to(dtype) / 255 - mean.to(dtype)) / std.to(dtype)).reshape(-1, 3072)
        logits = network.to(dtype)(inputs)
        result[key] = int((logits.argmax(1) == labels).sum())
        result["loss"] = float(nn.functional.cross_entropy(logits, labels))
    largest = logits.topk(2).values
    result["smallest_margin"] = float((largest[:, 0] - largest[:, 1]).min())
print(json.dumps(result))
