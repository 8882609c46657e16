"""What a network runs on, and how precisely."""

from typing import Any


def best_device() -> str:
    """`cuda` where there is a GPU, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def has_bf16(device: str) -> bool:
    """Whether the device computes in bf16 itself."""
    import torch

    return bool(torch.cuda.is_bf16_supported()) if device == "cuda" else processor_has_bf16()


def processor_has_bf16() -> bool:
    """Whether the processor computes in bf16 itself."""
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def in_half(device: str) -> Any:
    """A context in which matrices are multiplied in bf16 where the device has it."""
    import torch

    return torch.autocast(device, torch.bfloat16, enabled=has_bf16(device))
