"""The facts that a model's file states, read without running it, and which library versions can serve it.

The file is data here: nothing is imported for it or called by it, and size, time and memory are bounded. The
template reads models with this module when a project is made. A project carries the same module in serving/,
for its commands and its server. It needs the standard library alone.
"""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import mmap
import re
import time
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

SECONDS = 3.0  # for one file
OPCODES = 1_000_000  # of one pickle
ENTRIES = 10_000  # of a list or dictionary that are kept
TEXT_BYTES, HEAD_BYTES = 4096, 65_536  # of a text and of binary data that are kept
DEPTH = 20  # of pickles within a pickle
MEMBER_BYTES = 1_000_000  # of a file within a zip archive

PICKLE, XGBOOST_JSON, XGBOOST_UBJ = "pickle", "XGBoost JSON", "XGBoost UBJSON"
XGBOOST_BINARY = "old XGBoost binary"
KERAS, HDF5, SAVED_MODEL, UNKNOWN = "Keras archive", "HDF5", "SavedModel", "unknown"
SCIKIT_LEARN, XGBOOST, NUMPY = "scikit-learn", "xgboost", "numpy"
TITLES = {SCIKIT_LEARN: "scikit-learn", XGBOOST: "XGBoost", "keras": "Keras", NUMPY: "numpy"}
# A library reads a file by its ending, whatever is in it. Files of no known kind are left to the library.
KINDS = {
    ".pkl": (PICKLE,),
    ".joblib": (PICKLE,),
    ".json": (XGBOOST_JSON,),
    ".ubj": (XGBOOST_UBJ,),
    ".model": (XGBOOST_BINARY, XGBOOST_UBJ, XGBOOST_JSON),
    ".keras": (KERAS,),
    ".h5": (HDF5,),
}
ENDINGS = {XGBOOST_JSON: ".json", XGBOOST_UBJ: ".ubj", XGBOOST_BINARY: ".model", KERAS: ".keras", HDF5: ".h5"}

BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
JSON_START = re.compile(rb'\s*\{\s*"(?:learner|version|Config|Model)"')
JSON_VERSION = re.compile(rb'"version"\s*:\s*\[\s*(\d{1,4})\s*,\s*(\d{1,4})\s*,\s*(\d{1,4})\s*\]')
UBJ_START, UBJ_KEY = b"{L\0\0\0\0\0\0\0", rb"L\0{7}\x07version\[#L\0{7}\x03"
UBJ_VERSION = re.compile(UBJ_KEY + rb"i(.)i(.)i(.)", re.DOTALL)
LEAF_SIZE = re.compile(rb'"?(?:\s*:\s*"|SL\0{7}.)(\d+)', re.DOTALL)
VERSION_WARNING = re.compile(r"Trying to unpickle estimator \w+ from version (\S+) when using version")
KERAS_VERSION = re.compile(rb"(?<![0-9.])[23]\.\d{1,3}\.\d{1,3}(?![0-9])")
COMPRESSED: dict[bytes, Any] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
    b"\x5d\0\0\x80": lzma.open,
}


@dataclass(frozen=True)
class Artifact:
    """What a model's file states; empty where it states nothing.

    `library` is the package that wrote it, `version` that package's version, `root` the pickled class and
    `modules` the packages that loading it imports. `complete` is false when limits ended the search.
    """

    kind: str = UNKNOWN
    library: str = ""
    version: str = ""
    root: str = ""
    modules: tuple[str, ...] = ()
    needs_numpy: tuple[int, ...] = ()  # the oldest numpy that reads it
    is_multi_output: bool = False  # trees of XGBoost with several numbers a leaf
    is_gamma: bool = False  # XGBoost's reg:gamma
    has_model: bool = True  # false for weights alone
    complete: bool = True


@dataclass(frozen=True)
class Verdict:
    """Why the installed libraries cannot serve a model, or only with a warning; `fix` says what can."""

    problem: str = ""
    warning: str = ""
    fix: str = ""


class Unsuitable(ValueError):
    """The installed libraries cannot serve a model, or could answer wrong numbers."""


def look(path: Path) -> Artifact:
    """Return what the model at `path` states. Raises OSError when it cannot be read."""
    if path.is_dir():
        return Artifact(SAVED_MODEL) if (path / "saved_model.pb").is_file() else Artifact()
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        try:
            return _of_head(path, file, head)
        except _NotUnderstood:
            return Artifact()


def require(path: Path, installed: Mapping[str, str]) -> str:
    """Return a warning about serving a model with the `installed` versions, or "". Raises Unsuitable."""
    verdict = judge(look(path), path.name, installed)
    if verdict.problem:
        raise Unsuitable(f"{verdict.problem} {verdict.fix}")
    return verdict.warning


def judge(model: Artifact, name: str, installed: Mapping[str, str], ending: str = "") -> Verdict:
    """Return whether libraries of the `installed` versions can serve a model of this file `name`.

    A package that is missing from `installed` is not judged. `ending` is what the file is called by in a
    project, where that is known to differ.
    """
    kinds = KINDS.get(ending or Path(name).suffix, ())
    if model.kind != UNKNOWN and kinds and model.kind not in kinds:
        return _wrong_kind(model, name)
    if not model.has_model:
        fix = "Save the whole model, model.save(...) in place of model.save_weights(...)."
        return Verdict(f"{name} holds weights only, not the model they belong to.", fix=fix)
    if model.library == XGBOOST:
        return _judge_xgboost(model, name, installed)
    if model.library == SCIKIT_LEARN:
        return _judge_sklearn(model, name, installed)
    if model.library == "keras" and "keras" in installed:
        return _judge_keras(model, name, installed["keras"])
    return Verdict()


def judge_warning(text: str, name: str, installed: Mapping[str, str]) -> Verdict:
    """Return what scikit-learn's warning of another version means, for files that did not state theirs."""
    found = VERSION_WARNING.search(text)
    return judge(Artifact(PICKLE, SCIKIT_LEARN, found[1]), name, installed) if found else Verdict()


def pinned(requirements: Iterable[str]) -> dict[str, str]:
    """Return package -> version of the lines of a requirements file."""
    found = {}
    for line in requirements:
        if match := re.match(r"\s*([A-Za-z0-9._-]+)==([^\s;#]+)", line):
            found["xgboost" if match[1] == "xgboost-cpu" else match[1].lower()] = match[2]
    return found


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of all files of a folder."""
    total = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            total.update(b"" if file == path else file.relative_to(path).as_posix().encode() + b"\0")
            with file.open("rb") as opened:
                while block := opened.read(1 << 20):
                    total.update(block)
    return total.hexdigest()


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers to compare: (1, 7, 1) for 1.7.1."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _judge_sklearn(model: Artifact, name: str, installed: Mapping[str, str]) -> Verdict:
    library, numpy = installed.get(SCIKIT_LEARN, ""), installed.get(NUMPY, "")
    made, has = numbers(model.version), numbers(library)
    differs = bool(made and has and made != has)
    # From 1.4 on, patch releases read each other's models.
    if differs and (made[:2] != has[:2] or made[:2] in ((1, 2), (1, 3))):
        saved = f"{name} was saved by scikit-learn {model.version}"
        cause = f"{saved}; {library} can fail on it or answer wrong numbers."
        return Verdict(cause, fix=f"Use scikit-learn {model.version}, or train it with {library}.")
    if numpy and model.needs_numpy > numbers(numpy):
        needed = ".".join(map(str, model.needs_numpy))
        cause = f"{name} was saved with numpy 2, and numpy {numpy} cannot read it."
        return Verdict(cause, fix=f"Use numpy {needed} or newer, or save it with numpy {numpy}.")
    if differs:
        return Verdict(warning=f"{name} was saved by scikit-learn {model.version}; {library} serves it")
    return Verdict()


def _judge_xgboost(model: Artifact, name: str, installed: Mapping[str, str]) -> Verdict:
    if XGBOOST not in installed:
        if not model.root or SCIKIT_LEARN not in installed:
            return Verdict()
        cause = f"{name} holds {_described(model)}, and XGBoost is not installed."
        return Verdict(cause, fix=f"{_conversion(model)} Or add xgboost=={model.version}.")
    library, made = installed[XGBOOST], numbers(model.version)
    has = numbers(library)
    if made > has:
        cause = (
            f"{name} was saved by XGBoost {model.version}; {library} would read it and answer wrong numbers."
        )
        return Verdict(cause, fix=f"Use XGBoost {model.version} or newer.")
    if model.kind == XGBOOST_BINARY and has >= (3, 1):
        cause = f"{name} is in XGBoost's old binary format, which {library} does not read."
        return Verdict(cause, fix=f"Use XGBoost 3.0.5, or save it as .ubj with XGBoost {made[0]}.{made[1]}.")
    if model.is_multi_output and made < (3, 2) <= has:
        cause = f"{name} holds multi-output trees of XGBoost {model.version}, on which {library} crashes."
        return Verdict(cause, fix=f"Use XGBoost {model.version} or 3.1.3, or train it with {library}.")
    if model.is_gamma and made < (2, 1) <= has < (3, 1):
        cause = f"{name} is a reg:gamma model of XGBoost {model.version}, which {library} does not read."
        return Verdict(cause, fix=f"Use XGBoost {model.version}, or 3.1.3 or newer.")
    return Verdict()


def _judge_keras(model: Artifact, name: str, library: str) -> Verdict:
    made, has = numbers(model.version), numbers(library)
    if made and made[0] < has[0]:
        cause = f"{name} was saved by Keras {model.version}, which Keras {library} does not read reliably."
        loaded = f"tf.keras.models.load_model('{name}')"
        export = f'tf.saved_model.save({loaded}, "SavedModel")'
        return Verdict(cause, fix=f"Export it with the TensorFlow that made it: {export}")
    if made > has:
        cause = f"{name} was saved by Keras {model.version}, and Keras {library} is older."
        return Verdict(cause, fix=f"Use Keras {model.version} or newer, or model.export() to a SavedModel.")
    return Verdict()


def _wrong_kind(model: Artifact, name: str) -> Verdict:
    if model.library == XGBOOST and model.kind == PICKLE:
        return Verdict(f"{name} holds {_described(model)}, not a model file.", fix=_conversion(model))
    ending = ENDINGS.get(model.kind, ".pkl")
    cause = f"{name} is not what its ending says; its content is {model.kind}."
    return Verdict(cause, fix=f"Rename it to end in {ending} (model_format={ending[1:]}).")


def _described(model: Artifact) -> str:
    return f"a pickled {model.root.rpartition('.')[2]} of XGBoost {model.version}".rstrip()


def _conversion(model: Artifact) -> str:
    return (
        f'Load it with XGBoost {model.version}, call its save_model("model.json"), '
        "and choose framework=xgboost, model_format=json."
    )


class _NotUnderstood(Exception):
    """The file is cut off, or is not what it begins as."""


class _Exhausted(Exception):
    """A limit of time or size is reached."""


def _of_head(path: Path, file: BinaryIO, head: bytes) -> Artifact:
    """Return what a file states that begins with `head`."""
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return _hdf5(file)
    if head.startswith(b"PK\x03\x04"):
        return _keras(path)
    if head.startswith(b"binf"):
        major, minor = (int.from_bytes(head[at : at + 4], "little") for at in (24, 28))
        version = f"{major}.{minor}" if major < 4 and minor < 100 and major + minor else ""
        return Artifact(XGBOOST_BINARY, XGBOOST, version)
    if head.startswith(UBJ_START):
        return _xgboost(file, XGBOOST_UBJ)
    if JSON_START.match(head):
        return _xgboost(file, XGBOOST_JSON)
    for magic, opened in COMPRESSED.items():
        if head.startswith(magic):
            with opened(path, "rb") as stream:
                return _pickle(_Stream(stream, None))
    file.seek(0)
    if head[:1] == b"\x78" and int.from_bytes(head[:2], "big") % 31 == 0:
        return _pickle(_Stream(io.BufferedReader(_Zlib(file), HEAD_BYTES), None))
    if head[:1] in (b"(", b"c") or (head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5")):
        return _pickle(_Stream(file, path.stat().st_size))
    return Artifact()


def _xgboost(file: BinaryIO, kind: str) -> Artifact:
    """Read the version from the last bytes, as keys are sorted, and the first tree's size of a leaf."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        tail = mapped[-HEAD_BYTES:]
        version = _xgboost_version(tail, last=True) or _xgboost_version(mapped[:HEAD_BYTES])
        at = mapped.find(b"size_leaf_vector")
        leaf = LEAF_SIZE.match(mapped[at + 16 : at + 64]) if at >= 0 else None
    multi = leaf is not None and int(leaf[1]) > 1
    return Artifact(kind, XGBOOST, version, is_multi_output=multi, is_gamma=b"reg:gamma" in tail)


def _xgboost_version(data: bytes, last: bool = False) -> str:
    for pattern in (UBJ_VERSION, JSON_VERSION):
        if found := pattern.findall(data):
            parts: tuple[bytes, ...] = found[-1 if last else 0]
            return ".".join(str(part[0]) if pattern is UBJ_VERSION else part.decode() for part in parts)
    return ""


def _keras(path: Path) -> Artifact:
    try:
        with zipfile.ZipFile(path) as archive:
            if not {"metadata.json", "config.json"} <= set(archive.namelist()):
                return Artifact()
            with archive.open("metadata.json") as member:
                version = json.loads(member.read(MEMBER_BYTES)).get("keras_version")
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError, zipfile.BadZipFile, zlib.error):
        raise _NotUnderstood from None
    return Artifact(KERAS, "keras", version if isinstance(version, str) else "")


def _hdf5(file: BinaryIO) -> Artifact:
    """Find Keras' version next to the model's configuration, both of which are plain text in the file."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        at = mapped.find(b'{"class_name"')
        if at < 0:
            return Artifact(HDF5, "keras", has_model=mapped.find(b"layer_names") < 0)
        found = KERAS_VERSION.findall(mapped[max(0, at - TEXT_BYTES) : at])
    return Artifact(HDF5, "keras", found[-1].decode() if found else "")


class _Zlib(io.RawIOBase):
    """What a stream of zlib holds, a little at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._inflate, self._rest = file, zlib.decompressobj(), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._inflate.eof:
            given = self._rest or self._file.read(HEAD_BYTES)
            piece = self._inflate.decompress(given, len(buffer))
            self._rest = self._inflate.unconsumed_tail
            if piece or not given:
                buffer[: len(piece)] = piece
                return len(piece)
        return 0


class _Stream:
    """Bytes of a file, or of what a compressed one holds, until time is up."""

    def __init__(self, file: Any, size: int | None) -> None:
        self._file, self._size = file, size
        self.deadline = time.monotonic() + SECONDS

    def read(self, count: int) -> bytes:
        try:
            data: bytes = self._file.read(count)
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            raise _NotUnderstood from None
        if len(data) < count:
            raise _NotUnderstood
        return data

    def number(self, count: int) -> int:
        return int.from_bytes(self.read(count), "little")

    def line(self) -> str:
        try:
            return bytes(self._file.readline(TEXT_BYTES)).rstrip(b"\n").decode("utf-8", "replace")
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            raise _NotUnderstood from None

    def skip(self, count: int) -> None:
        if self._size is not None:
            if self._file.tell() + count > self._size:
                raise _NotUnderstood
            self._file.seek(count, io.SEEK_CUR)
            return
        while count > 0:
            self.check()
            count -= len(self.read(min(count, 1 << 20)))

    def head(self, count: int, kept: int) -> bytes:
        """Return the first `kept` of `count` bytes and pass over the rest."""
        data = self.read(min(count, kept))
        self.skip(count - len(data))
        return data

    def search(self, pattern: "re.Pattern[bytes]") -> "re.Match[bytes] | None":
        """Return the first match in what is left, until time is up again."""
        self.deadline = time.monotonic() + SECONDS
        before = b""
        while time.monotonic() < self.deadline:
            try:
                block = self._file.read(1 << 20)
            except (OSError, EOFError, zlib.error, lzma.LZMAError):
                return None
            if not block:
                return None
            if found := pattern.search(before + block):
                return found
            before = block[-256:]
        return None

    def check(self) -> None:
        if time.monotonic() > self.deadline:
            raise _Exhausted


@dataclass(frozen=True)
class _Global:
    """A class or function that a pickle names."""

    module: str
    name: str


@dataclass
class _Node:
    """What a pickle would make by calling `made_by`, and the state it would give that."""

    made_by: Any
    arguments: Any
    state: Any = None


SKLEARN_VERSION = re.compile(
    rb"_sklearn_version(?:[^\x8cXU]{0,6})(?:\x8c.|X....|U.)(\d+\.\d+\.?\w*)", re.DOTALL
)


def _pickle(stream: _Stream) -> Artifact:
    walk = _Walk(stream)
    complete = True
    try:
        root = walk.run()
    except (_Exhausted, _NotUnderstood, IndexError):
        complete, root = False, walk.first
        if not walk.version and (found := stream.search(SKLEARN_VERSION)):
            walk.version = found[1].decode("ascii", "replace")
        if not walk.globals and not walk.version:
            return Artifact()
    name = _root(root)
    modules = sorted({known.module.partition(".")[0] for known in walk.globals})
    library, version = "", ""
    if name.startswith("xgboost.") or (walk.booster_version and not walk.version):
        library, version = XGBOOST, walk.booster_version
    elif walk.version or name.startswith("sklearn."):
        library, version = SCIKIT_LEARN, walk.version
    return Artifact(PICKLE, library, version, name, tuple(modules), walk.needs_numpy, complete=complete)


def _root(value: Any) -> str:
    """Return the class of an unpickled value: its own, or the type of a container."""
    while isinstance(value, _Node):
        first = value.arguments[0] if isinstance(value.arguments, tuple) and value.arguments else None
        # Objects of old protocols are made by a function of copyreg, which is given their class.
        rebuilt = isinstance(value.made_by, _Global) and value.made_by.module in ("copyreg", "copy_reg")
        value = first if rebuilt and isinstance(first, _Global) else value.made_by
    if isinstance(value, _Global):
        return f"{value.module}.{value.name}"
    return type(value).__name__


@dataclass
class _Walk:
    """Follows a pickle's opcodes with descriptions in place of objects; nothing is imported or called."""

    stream: _Stream
    depth: int = 0
    opcodes: list[int] = field(default_factory=lambda: [0])  # shared with the pickles within
    globals: set[_Global] = field(default_factory=set)
    version: str = ""
    booster_version: str = ""
    needs_numpy: tuple[int, ...] = ()
    first: Any = None

    def run(self) -> Any:
        """Return the description of the pickled object."""
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.memoized = 0
        read = self.stream.read
        while (code := read(1)) != b".":
            self.opcodes[0] += 1
            if self.opcodes[0] > OPCODES:
                raise _Exhausted
            if self.opcodes[0] % 1024 == 0:
                self.stream.check()
            self._step(code)
        return self.stack.pop()

    def _step(self, code: bytes) -> None:
        if code in SIZED:
            self.stack.append(self._sized(code))
        elif code in CONSTANTS:
            self.stack.append(CONSTANTS[code]())
        elif code in MEMO:
            self._remember(code)
        elif code in LINES:
            self._line(code)
        elif code in (b"\x80", b"\x95"):  # the protocol; the length of a frame
            self.stream.read(1 if code == b"\x80" else 8)
        elif code == b"(":
            self.marks.append(self.stack)
            self.stack = []
        elif code in CONTAINERS:
            self._contain(code)
        elif code in CALLS:
            self._call(code)
        elif code == b"0":
            self.stack.pop() if self.stack else self._marked()
        elif code == b"1":
            self._marked()
        elif code == b"2":
            self.stack.append(self.stack[-1])
        elif code == b"Q":  # a reference to something outside
            self.stack[-1] = None
        elif code == b"\x97":  # a buffer outside
            self.stack.append(None)
        elif code != b"\x98":
            raise _NotUnderstood

    def _sized(self, code: bytes) -> Any:
        width, kind = SIZED[code]
        if kind == "number":
            return int.from_bytes(self.stream.read(width), "little", signed=code == b"J")
        if kind == "float":
            self.stream.read(width)
            return 0.0
        count = self.stream.number(width)
        if kind == "long":
            return int.from_bytes(self.stream.head(count, 16), "little", signed=True)
        if kind == "text":
            data = self.stream.head(count, TEXT_BYTES)
            return data.decode("utf-8", "replace")
        data = self.stream.head(count, HEAD_BYTES)
        if not self.booster_version and (data.startswith(UBJ_START) or JSON_START.match(data)):
            self.booster_version = _xgboost_version(data)
        return data.decode("latin-1") if kind == "string" and count < TEXT_BYTES else data[:TEXT_BYTES]

    def _line(self, code: bytes) -> None:
        text = self.stream.line()
        if code == b"c":
            self.stack.append(self._named(text, self.stream.line()))
        elif code == b"i":
            named = self._named(text, self.stream.line())
            arguments = tuple(self._marked())
            self.stack.append(_Node(named, arguments))
        elif code in b"IL":
            self.stack.append(int(text.rstrip("L")) if re.fullmatch(r"-?\d{1,18}L?", text) else 0)
        elif code == b"F":
            self.stack.append(0.0)
        elif code == b"P":
            self.stack.append(None)
        else:
            self.stack.append(text.strip("'\"") if code == b"S" else text)

    def _remember(self, code: bytes) -> None:
        width, puts = MEMO[code]
        if code == b"\x94":
            place = self.memoized
        elif width:
            place = self.stream.number(width)
        else:
            text = self.stream.line()
            place = int(text) if text.isdecimal() and len(text) < 10 else -1
        if not puts:
            self.stack.append(self.memo.get(place))
            return
        self.memoized += 1
        if not isinstance(self.stack[-1], (int, float, bytes)) and self.stack[-1] is not None:
            self.memo[place] = self.stack[-1]

    def _marked(self) -> list[Any]:
        """Return what is above the last mark, and forget the mark."""
        above, self.stack = self.stack, self.marks.pop()
        return above

    def _contain(self, code: bytes) -> None:
        stack = self.stack
        if code in (b"\x85", b"\x86", b"\x87"):
            count = code[0] - 0x84
            if len(stack) < count:
                raise _NotUnderstood
            stack[-count:] = [tuple(stack[-count:])]
        elif code in (b"s", b"a"):
            items = [stack.pop() for _ in range(2 if code == b"s" else 1)][::-1]
            self._add(stack[-1], items)
        else:
            items = self._marked()
            if code in b"ue\x90":
                self._add(self.stack[-1], items)
            elif code == b"t":
                self.stack.append(tuple(items))
            else:
                made: Any = {} if code == b"d" else []
                self.stack.append(made)
                self._add(made, items)

    def _add(self, target: Any, items: list[Any]) -> None:
        if isinstance(target, dict):
            for key, value in zip(items[::2], items[1::2], strict=False):
                if isinstance(key, str) and len(target) < ENTRIES:
                    target[key] = value
                if key == "_sklearn_version" and isinstance(value, str):
                    self.version = self.version or value
        elif isinstance(target, list):
            target.extend(items[: max(0, ENTRIES - len(target))])

    def _named(self, module: Any, name: Any) -> _Global:
        if not isinstance(module, str) or not isinstance(name, str):
            raise _NotUnderstood
        named = _Global(module, name)
        if len(self.globals) < ENTRIES:
            self.globals.add(named)
        if module.startswith("numpy.random._") and name in BIT_GENERATORS:
            self.needs_numpy = (2,)
        elif module.startswith("numpy._core"):
            self.needs_numpy = max(self.needs_numpy, (1, 26))
        return named

    def _call(self, code: bytes) -> None:
        stack = self.stack
        if code == b"\x93":
            name, module = stack.pop(), stack.pop()
            stack.append(self._named(module, name))
        elif code == b"o":
            items = self._marked()
            self.stack.append(_Node(items[0], tuple(items[1:])))
        elif code == b"b":
            state, target = stack.pop(), stack[-1]
            if isinstance(target, _Node):
                target.state = state
                self._pass_array(target)
        else:
            if code == b"\x92":
                stack.pop()
            arguments = stack.pop()
            made = _Node(stack.pop(), arguments)
            self.first = self.first or made
            stack.append(made)

    def _pass_array(self, node: _Node) -> None:
        """Pass over the numbers of an array that joblib writes after its description, outside the opcodes."""
        wrapper, state = node.made_by, node.state
        if not isinstance(wrapper, _Global) or wrapper.name != "NumpyArrayWrapper":
            return
        if not wrapper.module.startswith("joblib.") or not isinstance(state, dict):
            return
        dtype, shape = state.get("dtype"), state.get("shape")
        code = dtype.arguments[0] if isinstance(dtype, _Node) and isinstance(dtype.arguments, tuple) else None
        if not isinstance(code, str) or not isinstance(shape, tuple):
            raise _NotUnderstood
        if code.startswith("O"):
            self._nested()
            return
        size = int(code[1:]) if code[1:].isdecimal() else 0
        count = size * (4 if code[0] == "U" else 1)
        for length in shape:
            count *= length if isinstance(length, int) else 0
        if isinstance(state.get("numpy_array_alignment_bytes"), int):
            self.stream.skip(self.stream.number(1))
        if count < 0:
            raise _NotUnderstood
        self.stream.skip(count)

    def _nested(self) -> None:
        """Follow a pickle within this one."""
        if self.depth >= DEPTH:
            raise _Exhausted
        inner = _Walk(self.stream, self.depth + 1, self.opcodes, self.globals, self.version)
        inner.needs_numpy = self.needs_numpy
        inner.run()
        self.version, self.needs_numpy = inner.version, inner.needs_numpy


SIZED = {  # opcode -> bytes of its number, or of the length before its data, and what it is
    b"K": (1, "number"),
    b"M": (2, "number"),
    b"J": (4, "number"),
    b"G": (8, "float"),
    b"\x8a": (1, "long"),
    b"\x8b": (4, "long"),
    b"\x8c": (1, "text"),
    b"X": (4, "text"),
    b"\x8d": (8, "text"),
    b"U": (1, "string"),
    b"T": (4, "string"),
    b"C": (1, "bytes"),
    b"B": (4, "bytes"),
    b"\x8e": (8, "bytes"),
    b"\x96": (8, "bytes"),
}
CONSTANTS: dict[bytes, Any] = {
    b"N": lambda: None,
    b"\x88": lambda: True,
    b"\x89": lambda: False,
    b")": tuple,
    b"]": list,
    b"}": dict,
    b"\x8f": list,
}
# opcode -> bytes of the place, and whether it stores there or fetches
MEMO = {
    b"\x94": (0, True),
    b"q": (1, True),
    b"r": (4, True),
    b"p": (0, True),
    b"h": (1, False),
    b"j": (4, False),
    b"g": (0, False),
}
LINES = (b"c", b"i", b"I", b"L", b"F", b"S", b"V", b"P")
CONTAINERS = (b"t", b"l", b"d", b"e", b"a", b"u", b"s", b"\x85", b"\x86", b"\x87", b"\x90", b"\x91")
CALLS = (b"\x93", b"o", b"b", b"R", b"\x81", b"\x92")
