"""Facts read from a model's file without its libraries: its parts, and the library that wrote it."""

import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from extensions.mcc.artifacts import forest_files, model_folders, onnx_files, xgboost_files
from extensions.mcc.servers import triton
from tests.model_files import field, onnx, tensor, xgboost_json, xgboost_ubj

ORT = onnx_files.Runtime("the ONNX Runtime 1.18 of Triton 24.08", opset=21, ir=10)
TREELITE = forest_files.Runtime("the Treelite 4.6.1 of Triton 26.01", xgboost="3.4", dart="3.2")
LIGHTGBM = b"tree\nversion=v4\nnum_class=1\n\nTree=0\nis_linear=%d\n\nend of trees\n"


def saved(folder: Path, content: bytes, name: str = "own.onnx", weights: int | None = 4096) -> Path:
    if weights is not None:
        (folder / "w.data").write_bytes(bytes(weights))
    (folder / name).write_bytes(content)
    return folder / name


def graph_in_a_graph(inner: bytes) -> bytes:
    """Return a node whose attribute is a graph, as `If` has."""
    return field(1, field(5, field(6, field(5, inner))))


@pytest.mark.parametrize(
    "content",
    [
        onnx(tensor({"location": "w.data", "offset": "0", "length": "4096"})),
        onnx(tensor(), tensor({"location": "w.data"}), tensor({"location": "w.data", "length": "8"})),
        onnx(tensor(), nodes=graph_in_a_graph(tensor({"location": "w.data"}))),
        onnx(nodes=field(1, field(5, field(5, tensor({"location": "w.data"}))))),
        onnx(nodes=field(15, field(1, tensor({"location": "w.data"})))),
        onnx() + field(25, field(7, field(5, field(10, tensor({"location": "w.data"}))))),
        onnx() + field(20, field(1, field(5, tensor({"location": "w.data"})))),
    ],
    ids=["initializer", "several", "graph in a node", "constant", "sparse", "function", "training"],
)
def test_the_weights_of_an_onnx_model_in_another_file_belong_to_it(tmp_path: Path, content: bytes) -> None:
    model = saved(tmp_path, content)
    assert onnx_files.problem(model, ORT) == ""
    assert onnx_files.weight_files(model) == [Path("w.data")]
    (tmp_path / "w.data").unlink()
    assert f"'w.data', which is not in {tmp_path}" in onnx_files.problem(model, None)


def test_an_onnx_model_in_one_file_needs_no_other(tmp_path: Path) -> None:
    assert onnx_files.weight_files(saved(tmp_path, onnx(tensor()), weights=None)) == []


@pytest.mark.parametrize(
    ("external", "words"),
    [
        ({"location": "/etc/passwd"}, "outside the model's folder"),
        ({"location": "../w.data"}, "outside the model's folder"),
        ({"location": "a/../../w.data"}, "outside the model's folder"),
        ({"location": ""}, "outside the model's folder"),
        ({"location": "link.data"}, "a link to /etc/hostname outside the model's folder"),
        ({"location": "own.onnx"}, "which is the model itself"),
        ({"location": "folder"}, "which is not in"),
        ({"location": "w.data", "offset": "1", "length": "4096"}, "cut off: 4096 bytes of 4097"),
        ({"location": "w.data", "offset": "4"}, "cut off: 4096 bytes of 4100"),
        ({"location": "w.data", "length": "-1"}, "not a number"),
    ],
)
def test_weights_that_cannot_be_copied_are_refused(
    tmp_path: Path, external: dict[str, str], words: str
) -> None:
    (tmp_path / "link.data").symlink_to("/etc/hostname")
    (tmp_path / "folder").mkdir()
    model = saved(tmp_path, onnx(tensor(external)))
    assert words in onnx_files.problem(model, ORT)
    with pytest.raises(ValueError, match=words):
        onnx_files.weight_files(model)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (onnx(opset=22), "it has opset 22, the ONNX Runtime 1.18 of Triton 24.08 reads up to 21"),
        (onnx(ir=11), "it has IR version 11, the ONNX Runtime 1.18 of Triton 24.08 reads up to 10"),
        (onnx(opset=21, ir=10), ""),
        (b"", "it is empty"),
    ],
)
def test_an_onnx_model_newer_than_the_runtime_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    model = saved(tmp_path, content)
    problem = onnx_files.problem(model, ORT)
    assert problem.startswith(words) and bool(problem) == bool(words)
    assert not content or onnx_files.problem(model, None) == ""


def test_an_onnx_file_that_is_cut_off_or_garbage_is_refused_with_a_reason(tmp_path: Path) -> None:
    whole = onnx(tensor({"location": "w.data"}), tensor(), opset=21, ir=10)
    sliced = [whole[:length] for length in range(1, len(whole))]
    noise = [bytes(random.Random(seed).choices(range(256), k=200)) for seed in range(200)]
    deep = b""
    for _ in range(400):
        deep = field(1, field(5, field(6, deep)))
    outcomes = []
    for content in [*sliced, *noise, field(7, deep)]:
        outcomes.append(onnx_files.problem(saved(tmp_path, content), ORT))
    assert "cut off" in outcomes[len(whole) // 2] and "nested too deeply" in outcomes[-1]
    assert all(not outcome or outcome.isprintable() for outcome in outcomes)


@pytest.mark.parametrize(("kind", "written"), [("json", xgboost_json), ("ubj", xgboost_ubj)])
def test_an_xgboost_model_newer_than_treelite_reads_is_refused(
    tmp_path: Path, kind: str, written: Callable[..., bytes]
) -> None:
    def problem(version: tuple[int, int, int], dart: bool = False) -> str:
        model = saved(tmp_path, written(version, dart), f"own.{kind}")
        assert forest_files.xgboost_version(model, kind) == version
        assert xgboost_files.is_dart(model, kind) == dart
        assert forest_files.problem(model, kind, None) == ""
        return forest_files.problem(model, kind, TREELITE)

    assert problem((1, 7, 6)) == problem((3, 4, 1)) == problem((3, 2, 0), dart=True) == ""
    assert "a model of XGBoost 3.5.0, the Treelite 4.6.1 of Triton 26.01 reads up to 3.4" in problem(
        (3, 5, 0)
    )
    assert "a DART model of XGBoost 3.3.0" in problem((3, 3, 0), dart=True)
    assert "train with XGBoost 3.2" in problem((3, 4, 1), dart=True)


def test_an_xgboost_file_is_read_wherever_its_version_is(tmp_path: Path) -> None:
    other = saved(tmp_path, b'{ "version": [3, 1, 0],\n "learner": {} }\n', "own.json")
    assert forest_files.xgboost_version(other, "json") == (3, 1, 0)
    for kind, content in (("json", xgboost_json((3, 0, 0))), ("ubj", xgboost_ubj((3, 0, 0)))):
        cut = saved(tmp_path, content[:-2], f"cut.{kind}")
        assert "cut off" in forest_files.problem(cut, kind, TREELITE)
    assert "does not state" in forest_files.problem(saved(tmp_path, b"{}", "own.json"), "json", TREELITE)
    assert "is empty" in forest_files.problem(saved(tmp_path, b"", "own.json"), "json", TREELITE)


def test_a_lightgbm_model_that_fil_would_read_wrongly_is_refused(tmp_path: Path) -> None:
    def problem(content: bytes) -> str:
        return forest_files.problem(saved(tmp_path, content, "own.txt"), "txt", TREELITE)

    assert problem(LIGHTGBM % 0) == ""
    assert "linear trees" in problem(LIGHTGBM % 1)
    assert "v5, FIL reads up to v4" in problem((LIGHTGBM % 0).replace(b"v4", b"v5"))
    assert "cut off" in problem((LIGHTGBM % 0)[:-5])


def test_a_treelite_checkpoint_of_another_series_is_refused(tmp_path: Path) -> None:
    def problem(*version: int) -> str:
        model = saved(tmp_path, struct.pack(f"<{len(version)}i", *version), "own.tl")
        return forest_files.problem(model, "tl", TREELITE)

    assert problem(4, 8, 1) == problem(3, 9, 0) == ""
    assert "a checkpoint of Treelite 3.4.0" in problem(3, 4, 0) and "5.0.0" in problem(5, 0, 0)
    assert "no Treelite checkpoint" in problem(4, 8) and "no Treelite checkpoint" in problem(9000, 1, 2)


def test_what_a_release_reads_is_that_of_the_last_one_known(tmp_path: Path) -> None:
    image = "nvcr.io/nvidia/tritonserver:{}-py3"
    known = triton.reads("triton-fil", image.format("25.12"))
    assert known and (known.name, known.xgboost) == ("the Treelite 4.4.1 of Triton 25.12", "3.0")
    known = triton.reads("triton-onnxruntime", image.format("99.12"))
    assert known and known.name.endswith("of Triton 99.12") and known.opset >= 26
    for unknown in (image.format("22.01"), "registry.example.com/ours:1"):
        assert triton.reads("triton-fil", unknown) is None
    assert triton.reads("triton-python", image.format("24.08")) is None


def test_a_folder_that_is_not_whole_is_not_copied(tmp_path: Path) -> None:
    folder, variables = tmp_path / "own", tmp_path / "own" / "variables"
    variables.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"")
    assert model_folders.folder_problem(folder) == ""  # one without variables has an empty folder
    (variables / "variables.data-00000-of-00002").write_bytes(b"")
    assert "variables.index is missing" in model_folders.folder_problem(folder)
    (variables / "variables.index").write_bytes(b"")
    assert "variables.data-00001-of-00002 is missing" in model_folders.folder_problem(folder)
    (variables / "variables.data-00001-of-00002").symlink_to("variables.data-00000-of-00002")
    assert model_folders.folder_problem(folder) == ""
    (folder / "assets").symlink_to(folder)
    assert f"assets in it is a link to {folder}, which it is in" in model_folders.folder_problem(folder)
    (folder / "assets").unlink()
    (folder / "assets").symlink_to("/etc")
    assert "assets in it is a link to /etc, outside" in model_folders.folder_problem(folder)
    assert model_folders.link_that_leaves(folder) == folder / "assets"
    for shard in variables.glob("*data*"):
        shard.unlink()
    (folder / "assets").unlink()
    assert "variables.data-… is missing" in model_folders.folder_problem(folder)


def test_a_dump_in_several_files_is_refused(tmp_path: Path) -> None:
    model = saved(tmp_path, b"", "own [1].pkl")
    assert model_folders.file_problem(model) == ""
    (tmp_path / "own [1].pkl_01.npy").write_bytes(b"")
    assert "own [1].pkl_01.npy" in model_folders.file_problem(model)
