"""Models in a tar archive, such as SageMaker's `model.tar.gz`, read as a stream and within limits."""

import ast
import lzma
import tarfile
import time
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, Any

from ..artifacts.artifact_facts import NotUnderstood
from ..artifacts.streams import COMPRESSED
from .findings import HANDLERS, Findings, unservable

KIND, CODE = "tar archive", "code"
SECONDS = 3.0
MEMBERS = 10_000
BLOCK = 1 << 20
LARGEST = 20 * 2**30  # bytes that are extracted
TEXT_BYTES = 500_000
# Entries that carry the name or the attributes of the next one.
EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
HOOKS = ("model_fn", "input_fn", "predict_fn", "output_fn", "transform_fn", *HANDLERS)
DAMAGED = (lzma.LZMAError, tarfile.TarError, OSError, EOFError, zlib.error, ValueError, OverflowError)
# Names of models, the most certain first. Others are models if nothing else is.
MODELS = (
    *("saved_model.pb", "MLmodel", "xgboost-model"),
    *(".joblib", ".pkl", ".pickle", ".ubj", ".keras", ".h5", ".onnx", ".cbm", ".skops", ".model", ".pt"),
    *(".json", ".txt"),
)
NOT_MODELS = ("requirements.txt", "examples.json", "about.json", "input_example.json", "readme.md")

ADD = "Add the model's file to it."


class Unsafe(Exception):
    """An archive that would write outside its folder, or hold more than a model does."""


@dataclass(frozen=True)
class Contents:
    """The files in an archive: all names as far as it was read, the model, and others that could be it."""

    names: tuple[str, ...]
    model: str
    complete: bool
    others: tuple[str, ...] = ()


class _Member(tarfile.TarInfo):
    """An entry of an archive whose name or attributes do not take all memory."""

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        if self.type in EXTENDED and self.size > TEXT_BYTES:
            raise Unsafe("the name of a file in it is longer than any path")
        return super()._proc_member(archive)  # type: ignore[misc]  # as tarfile calls it


class _Timed:
    """An unpacked file that ends with an error when its time is up."""

    def __init__(self, file: IO[bytes], seconds: float) -> None:
        self._file, self._deadline = file, time.monotonic() + seconds

    def read(self, count: int = -1) -> bytes:
        if time.monotonic() > self._deadline:
            raise TimeoutError
        return self._file.read(count)


def is_tar(path: Path) -> bool:
    """Return whether a file is a tar archive, compressed or not."""
    try:
        with _opened(path, SECONDS) as archive:
            return archive.next() is not None
    except Unsafe:
        return True
    except DAMAGED:
        return False


def of_tar(path: Path, look: Callable[[Path], Findings]) -> Findings:
    """Return the facts in the model of an archive; `look` inspects it in a temporary folder."""
    fix = f"Extract it, and give the model: mkdir model && tar -xf {path.name} -C model"
    try:
        listed = contents(path)
    except Unsafe as error:
        return unservable(
            KIND,
            f"is not safe to extract: {error}.",
            "Create it again from the files themselves: tar -czhf model.tar.gz -C FOLDER .",
        )
    except DAMAGED:
        raise NotUnderstood from None
    if not listed.model and not listed.complete:
        return unservable(KIND, f"takes more than {SECONDS:g} s to list.", fix)
    if not listed.model:
        held = ", ".join(listed.names[:5]) or "nothing"
        return unservable(KIND, f"holds no model ({held}).", ADD)
    with TemporaryDirectory() as folder:
        try:
            extract(path, Path(folder), listed.model, SECONDS, code=True)
        except (Unsafe, *DAMAGED):
            return unservable(KIND, f"takes more than {SECONDS:g} s to read.", fix)
        found = look(Path(folder) / listed.model)
        handler = Path(folder) / CODE / "inference.py"
        functions = hooks(handler) if handler.is_file() else ()
    if "model_fn" not in functions:
        if listed.others:
            several = ", ".join([listed.model, *listed.others][:5])
            return unservable(KIND, f"holds several models ({several}).", fix)
        if not found.is_understood and not found.problem:
            return unservable(KIND, f"holds no model ({', '.join(listed.names[:5])}).", ADD)
    model, sample = (PurePosixPath(listed.model, name).as_posix() for name in (found.model, found.sample))
    return replace(
        found, model=model, container=KIND, handler=functions, sample=sample if found.sample else ""
    )


def contents(path: Path, seconds: float = SECONDS) -> Contents:
    """Return the files in an archive, in the time given. Raise Unsafe or an error of DAMAGED."""
    names: list[str] = []
    try:
        with _opened(path, seconds) as archive:
            names += [PurePosixPath(member.name).as_posix() for member in _safe(archive) if member.isfile()]
        complete = True
    except TimeoutError:
        complete = False
    model, others = _model_of(names)
    return Contents(tuple(names), model, complete, others)


def extract(
    path: Path,
    target: Path,
    model: str,
    seconds: float = 600.0,
    code: bool = False,
    others: Collection[str] = (),
) -> None:
    """Extract a model of an archive, its `code` if wanted, and `others` if they are in it.

    Raise Unsafe or an error of DAMAGED.
    """
    size, folder = 0, PurePosixPath(model)
    with _opened(path, seconds) as archive:
        for member in _safe(archive):
            name = PurePosixPath(member.name)
            wanted = code if name.parts[:1] == (CODE,) else _belongs(name, folder) or str(name) in others
            if not member.isfile() or not wanted:
                continue
            size += member.size
            if size > LARGEST:
                raise Unsafe(f"it holds more than {LARGEST // 2**30} GiB")
            content = archive.extractfile(member)
            place = target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as file:
                while content and (block := content.read(BLOCK)):
                    file.write(block)


def _belongs(name: PurePosixPath, model: PurePosixPath) -> bool:
    return name == model or model in name.parents


def hooks(path: Path) -> tuple[str, ...]:
    """Return the SageMaker functions that an inference script defines; it is parsed, not run."""
    try:
        with path.open("rb") as file:
            tree = ast.parse(file.read(TEXT_BYTES))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    defined = {item.name for item in tree.body if isinstance(item, ast.FunctionDef)}
    return tuple(name for name in HOOKS if name in defined)


@contextmanager
def _opened(path: Path, seconds: float) -> Iterator[tarfile.TarFile]:
    """Open an archive; it is unpacked here, because tarfile unpacks blocks of bz2 of any size at once."""
    with path.open("rb") as raw:
        head = raw.read(8)
    opened: Any = next((opened for magic, opened in COMPRESSED.items() if head.startswith(magic)), open)
    with opened(path, "rb") as file:
        timed: Any = _Timed(file, seconds)
        with tarfile.open(fileobj=timed, mode="r|", tarinfo=_Member) as archive:
            yield archive


def _safe(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an archive. Raise Unsafe for one that leaves the folder, and for links."""
    for count, member in enumerate(archive):
        name = PurePosixPath(member.name)
        if count >= MEMBERS:
            raise Unsafe(f"it has more than {MEMBERS:,} files")
        if name.is_absolute() or ".." in name.parts or "\0" in member.name or "\\" in member.name:
            raise Unsafe(f"{member.name[:60]!r} is outside the folder")
        if member.issparse() or not (member.isfile() or member.isdir()):
            raise Unsafe(f"{member.name[:60]!r} is a link, a device or a sparse file")
        yield member


def _model_of(names: list[str]) -> tuple[str, tuple[str, ...]]:
    """Return the model among the files of an archive, a file or a folder, or ''; and other candidates."""
    found = []
    for name in names:
        path = PurePosixPath(name)
        if path.parts[:1] == (CODE,) or path.name.lower() in NOT_MODELS or path.name.startswith("."):
            continue
        rank = next((place for place, end in enumerate(MODELS) if path.name.endswith(end)), len(MODELS))
        version = path.parent.name
        is_called_model = path.stem == "model"
        order = (rank, -int(version) if version.isdecimal() else 0, not is_called_model, len(path.parts))
        found.append((*order, name))
    if not found:
        return "", ()
    found.sort()
    best, first = PurePosixPath(found[0][-1]), found[0][:-1]
    if first[0] < 2:
        return str(best.parent), ()
    return str(best), tuple(name for *order, name in found[1:] if order[:3] == list(first[:3]))
