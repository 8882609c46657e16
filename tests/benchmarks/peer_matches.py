"""Runs in .venv-bench: which photograph imagededup's PHash takes each edit for, and at which distance."""

import json
import sys

import numpy as np
from imagededup.methods import PHash


def main(photographs: str, edits: str) -> None:
    """Print one line of JSON: the nearest photograph and its distance in bits of 64, by edit."""
    method = PHash(verbose=False)
    known, asked = method.encode_images(image_dir=photographs), method.encode_images(image_dir=edits)
    names, hashes = list(known), _numbers(known.values())
    matches = {}
    for edit, one in zip(asked, _numbers(asked.values()), strict=True):
        distances = np.bitwise_count(hashes ^ one)
        nearest = int(distances.argmin())
        matches[edit] = names[nearest], int(distances[nearest])
    print(json.dumps(matches))


def _numbers(hashes: object) -> np.ndarray:
    return np.array([int(one, 16) for one in hashes], np.uint64)


if __name__ == "__main__":
    main(*sys.argv[1:])
