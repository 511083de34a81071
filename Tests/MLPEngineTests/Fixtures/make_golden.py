#!/usr/bin/env python3
"""Writes golden.json: short training runs as PyTorch computes them in double precision.

    python3 make_golden.py            (needs torch; written with 2.13, on one CPU thread)

Each case holds a small network's initial parameters, ten batches, the ten losses that SGD sees on them (mean
over the batch, each before its step), the parameters and batch-norm running statistics after the tenth step,
and the logits of the first batch in evaluation mode after that.

Initial parameters, inputs and soft targets come from an integer generator, not from PyTorch's, and are small
multiples of powers of two: exact in Float and in Double, so that both precisions start from the same numbers.

Names are PyTorch's: `layers` is a Sequential in which every module counts, activations too:
Linear, [BatchNorm1d], activation, [Residual] for every hidden dimension, then the last Linear. A Residual is
x + block(x) with block = Linear, [BatchNorm1d], activation, Linear. `num_batches_tracked` is left out.
"""

import json
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy

INPUTS, CLASSES, ROWS, STEPS = 12, 5, 16, 10


class Integers:
    """Knuth's MMIX linear congruential generator, of which the upper bits are used."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % bound

    def tensor(self, shape, bound, denominator):
        """Values k / denominator with k from -bound to bound."""
        count = torch.Size(shape).numel()
        values = [(self.below(2 * bound + 1) - bound) / denominator for _ in range(count)]
        return torch.tensor(values, dtype=torch.float64).reshape(shape)


class Residual(nn.Module):
    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return x + self.block(x)


class MLP(nn.Module):
    def __init__(self, hidden, activation, batch_norm, residual):
        super().__init__()

        def unit(inputs, outputs):
            norm = [nn.BatchNorm1d(outputs)] if batch_norm else []
            return [nn.Linear(inputs, outputs), *norm, activation()]

        modules, width = [], INPUTS
        for outputs in hidden:
            modules += unit(width, outputs)
            if residual:
                modules.append(Residual(nn.Sequential(*unit(outputs, outputs), nn.Linear(outputs, outputs))))
            width = outputs
        self.layers = nn.Sequential(*modules, nn.Linear(width, CLASSES))

    def forward(self, x):
        return self.layers(x)


def tensors(model):
    return {
        name: {"shape": list(value.shape), "values": value.flatten().tolist()}
        for name, value in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def set_initial_values(model, integers):
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Linear):
                # About uniform with the standard deviation 1 / sqrt(inputs).
                bound = int(4096 * (3 / module.in_features) ** 0.5)
                module.weight.copy_(integers.tensor(module.weight.shape, bound, 4096))
                module.bias.copy_(integers.tensor(module.bias.shape, 512, 4096))
            elif isinstance(module, nn.BatchNorm1d):
                module.weight.copy_(1 + integers.tensor(module.weight.shape, 128, 512))
                module.bias.copy_(integers.tensor(module.bias.shape, 128, 512))


def soft_targets(integers):
    """Rows of multiples of 1/64 that sum to 1."""
    rows = []
    for _ in range(ROWS):
        cuts = sorted(integers.below(65) for _ in range(CLASSES - 1))
        rows.append([(b - a) / 64 for a, b in zip([0, *cuts], [*cuts, 64])])
    return rows


def run(name, seed, hidden=(8, 6), activation="elu", elu_alpha=1.0, batch_norm=False, residual=False, soft=False,
        lr=0.1, momentum=0.0, nesterov=False, weight_decay=0.0):
    integers = Integers(seed)
    modules = {"elu": lambda: nn.ELU(alpha=elu_alpha), "relu": nn.ReLU, "tanh": nn.Tanh}
    model = MLP(hidden, modules[activation], batch_norm, residual).double()
    set_initial_values(model, integers)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)

    case = {
        "name": name,
        "inputs": INPUTS,
        "hidden": list(hidden),
        "classes": CLASSES,
        "activation": activation,
        "elu_alpha": elu_alpha,
        "batch_norm": batch_norm,
        "residual": residual,
        "optimizer": {"lr": lr, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay},
        "initial": tensors(model),
        "batches": [],
        "losses": [],
    }
    model.train()
    for _ in range(STEPS):
        x = integers.tensor((ROWS, INPUTS), 128, 64)
        if soft:
            batch = {"x": x.tolist(), "targets": soft_targets(integers)}
            target = torch.tensor(batch["targets"], dtype=torch.float64)
        else:
            batch = {"x": x.tolist(), "labels": [integers.below(CLASSES) for _ in range(ROWS)]}
            target = torch.tensor(batch["labels"])
        loss = cross_entropy(model(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        case["batches"].append(batch)
        case["losses"].append(loss.item())
    case["final"] = tensors(model)
    model.eval()
    with torch.no_grad():
        case["evaluation_logits"] = model(torch.tensor(case["batches"][0]["x"], dtype=torch.float64)).tolist()
    return case


def dumps(value, indent=0):
    """JSON with one tensor, batch or scalar per line: readable, small, and quiet in a diff."""
    flat = json.dumps(value, separators=(",", ":"))
    if indent == 0 or (isinstance(value, dict) and not {"shape", "x", "lr"} & value.keys()):
        lines = [f"{json.dumps(key)}: {dumps(item, indent + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(" " * (indent + 1) + line for line in lines) + "\n" + " " * indent + "}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(" " * (indent + 1) + dumps(item, indent + 1) for item in value) + "]"
    return flat


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    cases = [
        run("ELU, plain SGD", 1),
        run("ReLU, momentum and weight decay", 2, activation="relu", momentum=0.9, weight_decay=1e-3),
        run("Tanh, Nesterov momentum", 3, activation="tanh", momentum=0.9, nesterov=True),
        run("ELU with batch norm, momentum", 4, batch_norm=True, momentum=0.9),
        run("ELU with batch norm and residual blocks, momentum", 5, batch_norm=True, residual=True, momentum=0.9,
            weight_decay=1e-3),
        run("Tanh with residual blocks, plain SGD", 6, activation="tanh", residual=True),
        run("logistic regression, plain SGD", 7, hidden=()),
        run("ELU with alpha 0.5, soft targets, plain SGD", 8, elu_alpha=0.5, soft=True),
    ]
    path = Path(__file__).with_name("golden.json")
    path.write_text(dumps({"torch": torch.__version__, "cases": cases}) + "\n")
    for case in cases:
        print(f"{case['name']}: loss {case['losses'][0]:.6f} to {case['losses'][-1]:.6f}")
    print(f"{path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
