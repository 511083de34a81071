"""Writes the pickles beside this file: python make_fixtures.py

Run it with Python 2 and numpy 1.16 (as the official files were written), and with Python 3 and numpy 1 and 2.
Each holds the same three records: labels 3, 8, 0; pixel p of record r is (7 p + 31 r + 50 (p // 1024)) mod 256.
"""

from __future__ import print_function

import os
import sys

import numpy

if sys.version_info[0] == 2:
    import cPickle as pickle
else:
    import pickle

COUNT = 3
PIXELS = numpy.arange(3072)
DATA = numpy.array(
    [(7 * PIXELS + 31 * r + 50 * (PIXELS // 1024)) % 256 for r in range(COUNT)], dtype=numpy.uint8
)


def batch(key):
    return {
        key("batch_label"): key("testing batch 1 of 1"),
        key("labels"): [3, 8, 0],
        key("data"): DATA,
        key("filenames"): [key("image_%d.png" % r) for r in range(COUNT)],
    }


class Hostile(object):
    """Asks whoever loads it to run a command."""

    def __reduce__(self):
        return os.system, ("true",)


def write(name, value, protocol):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".pickle")
    with open(path, "wb") as file:
        pickle.dump(value, file, protocol=protocol)
    print(name)


if sys.version_info[0] == 2:
    write("python2-protocol2", batch(str), 2)
else:
    numpy_version = numpy.__version__.split(".")[0]
    for protocol in (2, 3, 4, 5):
        # numpy 1 with the keys that loading with encoding="bytes" gives, numpy 2 with plain ones.
        key = (lambda text: text.encode()) if numpy_version == "1" else str
        write("python3-numpy%s-protocol%d" % (numpy_version, protocol), batch(key), protocol)
    if numpy_version == "2":
        write("hostile-protocol2", {"data": Hostile()}, 2)
        write("hostile-protocol4", {"data": Hostile()}, 4)
        write("float32-protocol4", dict(batch(str), data=DATA.astype(numpy.float32)), 4)
        write("column-major-protocol4", dict(batch(str), data=numpy.asfortranarray(DATA)), 4)
        write("flat-protocol4", dict(batch(str), data=DATA.reshape(-1)), 4)
        write("label10-protocol4", dict(batch(str), labels=[3, 10, 0]), 4)
