"""What a program of the user's own left as its model: what was kept is what comes back, in a folder and in a bucket."""

from pathlib import Path

import pytest

from tasks.learn.models.file import ModelConfig, model_uri, read_config, write_config
from tasks.learn.models.folder import keep_folder, restore_folder
from tasks.store.errors import UsageError
from tasks.store.root import Root, open_root
from tests.buckets import Buckets
from tests.learn.models.test_file import CONFIG

FILES = {"weights.pt": b"\x80\x02" * 1000, "parts/a b/\u6587%41.txt": b"", "parts/.hidden": b"h"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a few files and one that holds none."""
    made = tmp_path / "left"
    for name, content in FILES.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(content)
    (made / "empty").mkdir()
    return made


def restored(root: Root, files: list[str], place: Path) -> dict[str, bytes]:
    """What comes back."""
    restore_folder(root, CONFIG.model_copy(update={"files": files}), place)
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def test_keep_folder__comes_back_as_it_was(root: Root, folder: Path, tmp_path: Path) -> None:
    files = keep_folder(root, CONFIG.version, folder)
    assert files == sorted(FILES)
    assert restored(root, files, tmp_path / "back") == FILES


def test_keep_folder__comes_back_from_a_bucket(s3: Buckets, folder: Path, tmp_path: Path) -> None:
    root = open_root(f"{s3.make()}/a root", create=True)
    assert restored(root, keep_folder(root, CONFIG.version, folder), tmp_path / "back") == FILES


def test_keep_folder__nothing_of_an_earlier_try_stays(root: Root, folder: Path) -> None:
    keep_folder(root, CONFIG.version, folder)
    (folder / "weights.pt").unlink()
    keep_folder(root, CONFIG.version, folder)
    assert sorted(root.storage.names(model_uri(root, CONFIG.version, "model"))) == ["parts"]


@pytest.mark.parametrize("target", ["{outside}/a.txt", "../outside/a.txt", "../outside", "loop", "nowhere"])
def test_keep_folder__a_link_that_leads_to_no_file_inside_is_refused(
    root: Root, folder: Path, tmp_path: Path, target: str
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.txt").write_bytes(b"secret")
    (folder / "loop").symlink_to(target.format(outside=tmp_path / "outside"))
    with pytest.raises(UsageError, match="'loop' in {model}"):
        keep_folder(root, CONFIG.version, folder)
    assert not list(root.storage.names(root.at("models")))


def test_keep_folder__a_link_to_a_folder_inside_is_no_second_copy(root: Root, folder: Path) -> None:
    (folder / "newest").symlink_to("parts")
    assert keep_folder(root, CONFIG.version, folder) == sorted(FILES)


def test_read_config__that_of_another_model_is_refused(root: Root) -> None:
    stranger = CONFIG.model_copy(update={"version": "../../elsewhere"})
    root.storage.write(model_uri(root, CONFIG.version, "model.json"), stranger.model_dump_json().encode())
    with pytest.raises(UsageError, match="that of another"):
        read_config(root, CONFIG.version)


def test_restore_folder__what_is_gone_is_told(root: Root, folder: Path, tmp_path: Path) -> None:
    files = keep_folder(root, CONFIG.version, folder)
    root.storage.delete(model_uri(root, CONFIG.version, "model/weights.pt"))
    with pytest.raises(UsageError, match=r"The file weights\.pt of model .* is gone"):
        restored(root, files, tmp_path / "back")


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "", ".", "a\0"])
def test_read_config__a_path_that_leads_out_is_refused(root: Root, name: str) -> None:
    write_config(root, ModelConfig.model_construct(**{**dict(CONFIG), "files": [name]}))
    with pytest.raises(UsageError, match="damaged"):
        read_config(root, CONFIG.version)
