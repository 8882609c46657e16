"""Weights of a small backbone, as a local file: the tests need no hub."""

from pathlib import Path

import pytest

SMALL = "mobilenetv3_small_050"


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a small backbone, classifier and all, as a file."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    place = tmp_path_factory.mktemp("weights") / f"{SMALL}.made.safetensors"
    save_file(timm.create_model(SMALL, pretrained=False, num_classes=10).state_dict(), place)
    return place
