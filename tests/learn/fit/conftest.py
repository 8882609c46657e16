"""Weights of a small backbone, as a local file."""

from pathlib import Path

import pytest

SMALL = "mobilenetv3_small_050"


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that were never trained: what a fine-tuning needs to start from, in a second."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    place = tmp_path_factory.mktemp("weights") / f"{SMALL}.safetensors"
    save_file(timm.create_model(SMALL, pretrained=False).state_dict(), place)
    return place
