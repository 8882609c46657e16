"""Runs in .venv-bench: the seconds that imagededup and cleanvision take for a folder, imports left out."""

import json
import os
import sys
import time

from cleanvision import Imagelab
from imagededup.methods import PHash


def main(folder: str) -> None:
    """Print one line of JSON: seconds by peer."""
    started = time.perf_counter()
    PHash(verbose=False).encode_images(image_dir=folder, num_enc_workers=os.cpu_count() or 1)
    encoded = time.perf_counter()
    Imagelab(data_path=folder, verbose=False).find_issues(n_jobs=os.cpu_count(), verbose=False)
    seconds = {"imagededup": encoded - started, "cleanvision": time.perf_counter() - encoded}
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(sys.argv[1])
