"""Backbones: real weights or a plain word, the same numbers on every runtime."""

import json
import pickle
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tasks.embed import backbone
from tasks.embed.backbone import load
from tasks.image.weights import DEFAULT_MODEL, Weights, _from_hub, find_weights
from tasks.store.errors import UsageError
from tests.embed.conftest import SMALL


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), dtype=np.uint8)


def test_find_weights__the_name_of_the_file_tells_the_architecture(checkpoint: Path) -> None:
    assert find_weights("auto", str(checkpoint)) == Weights(SMALL, str(checkpoint))


def test_find_weights__so_does_a_json_beside_it(checkpoint: Path, tmp_path: Path) -> None:
    place = tmp_path / "ours.safetensors"
    place.write_bytes(checkpoint.read_bytes())
    with pytest.raises(UsageError, match="does not tell its architecture"):
        find_weights("auto", str(place))
    place.with_suffix(".json").write_text(json.dumps({"timm_model": SMALL}))
    assert find_weights("auto", str(place)) == Weights(SMALL, str(place))


def test_find_weights__mistakes_are_told(tmp_path: Path) -> None:
    for model, checkpoint, words in (
        ("auto", str(tmp_path / "gone.safetensors"), "there is no file"),
        ("no-such-model", None, "timm knows no model"),
        (SMALL, None, "neither cached nor to be had"),
    ):
        with pytest.raises(UsageError, match=words):
            find_weights(model, checkpoint)


def test_find_weights__auto_without_a_network_does_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert find_weights("auto", None) is None


def test_find_weights__a_hub_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = socket.socket()
    deaf.bind(("127.0.0.1", 0))  # bound, never listening: connections are refused
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{deaf.getsockname()[1]}")
    assert _from_hub(DEFAULT_MODEL, 10) is None
    deaf.close()


def test_load__gives_the_features_of_timm(checkpoint: Path, images: np.ndarray) -> None:
    import timm

    loaded = load(Weights(SMALL, str(checkpoint)), "torch")
    model = timm.create_model(SMALL, pretrained=False, num_classes=10, checkpoint_path=str(checkpoint)).eval()
    model.reset_classifier(0)
    config = timm.data.resolve_model_data_config(model)
    mean, deviation = (torch.tensor(config[name]).view(1, 3, 1, 1) for name in ("mean", "std"))
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        expected = model((pixels - mean) / deviation).numpy()
    assert cosine(loaded.forward(images), expected).min() > 0.995
    assert loaded.dimensions == expected.shape[1]


def test_load__foreign_weights_are_refused(checkpoint: Path) -> None:
    with pytest.raises(UsageError, match="does not hold the weights of resnet18"):
        load(Weights("resnet18", str(checkpoint)), "torch")


def test_load__partial_weights_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    state = load_file(checkpoint)
    state.pop(next(name for name in state if name.startswith("blocks") and name.endswith("weight")))
    save_file(state, tmp_path / "partial.safetensors")
    with pytest.raises(UsageError, match="1 missing"):
        load(Weights(SMALL, str(tmp_path / "partial.safetensors")), "torch")


class Harm:
    """What a pickle would do."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("harm-was-done"),))  # type: ignore[return-value]


def test_load__a_pickle_is_never_run(tmp_path: Path) -> None:
    place = tmp_path / "model.pth"
    place.write_bytes(pickle.dumps({"state_dict": Harm()}))
    with pytest.raises(UsageError, match="cannot be read as weights"):
        load(Weights(SMALL, str(place)), "torch")
    torch.save({"model": Harm()}, tmp_path / "other.pth")
    with pytest.raises(UsageError, match="cannot be read as weights"):
        load(Weights(SMALL, str(tmp_path / "other.pth")), "torch")
    assert not Path("harm-was-done").exists()


def test_load__a_plain_pth_is_read(checkpoint: Path, tmp_path: Path, images: np.ndarray) -> None:
    from safetensors.torch import load_file

    torch.save({"state_dict": load_file(checkpoint)}, tmp_path / "plain.pth")
    same = load(Weights(SMALL, str(tmp_path / "plain.pth")), "torch").forward(images)
    assert cosine(same, load(Weights(SMALL, str(checkpoint)), "torch").forward(images)).min() > 0.9999


def test_load__once_a_process(checkpoint: Path) -> None:
    weights = Weights(SMALL, str(checkpoint))
    assert load(weights, "torch") is load(weights, "torch")


def real_thumbnails(data: Path) -> np.ndarray:
    from tasks.image.decode import decode
    from tasks.image.square import central_square
    from tasks.image.thumbnail import shrink

    files = sorted((data / "photos" / "clothing" / "test").glob("*/*.jpg"))[:48]
    pictures = [decode(file.read_bytes(), max_pixels=10**8, short_side=256).pixels for file in files]
    return np.stack([central_square(shrink(picture, 256), 224, 0.875) for picture in pictures])


@pytest.mark.parametrize(("runtime", "worst", "mean"), [("torch", 0.99, 0.998), ("openvino", 0.999, 0.999)])
def test_load__vectors_are_those_of_full_precision(
    data: Path, runtime: str, worst: float, mean: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = Weights("mobilenetv2_100", str(data / "weights" / "mobilenetv2_100_in1k_tv.safetensors"))
    images = real_thumbnails(data)
    half = load(weights, runtime).forward(images)
    monkeypatch.setattr(backbone, "processor_has_bf16", lambda: False)
    full = load.__wrapped__(weights, "torch").forward(images)
    assert cosine(half, full).min() >= worst
    assert cosine(half, full).mean() >= mean


def test_openvino__reports_nothing_home(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _self, address: reached.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **_: reached.append(args) or [])
    load.__wrapped__(Weights(SMALL, str(checkpoint)), "openvino")
    assert reached == []


def cosine(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return (left * right).sum(axis=1) / lengths
