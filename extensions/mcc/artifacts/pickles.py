"""Pickles, read without running them: their classes, and the libraries and versions that wrote them."""

import re
from dataclasses import dataclass, field
from typing import Any

from . import xgboost_files
from .artifact_facts import LIGHTGBM, PICKLE, SCIKIT_LEARN, XGBOOST, Artifact, Exhausted, NotUnderstood
from .pickle_opcodes import (
    CALLS,
    CONSTANTS,
    CONTAINERS,
    LINES,
    MEMO,
    SIZED,
    Global,
    Node,
    oldest_numpy,
    root_class,
    unescaped,
)
from .streams import HEAD_BYTES, TEXT_BYTES, Stream

OPCODES = 1_000_000  # of one pickle
ENTRIES = 10_000  # of a list or dictionary that are kept
DEPTH = 20  # of pickles within a pickle
# Steps of scikit-learn that select columns by name or take text.
OF_TABLES = ("ColumnTransformer", "FunctionTransformer", "OneHotEncoder", "OrdinalEncoder", "TargetEncoder")
SKLEARN_VERSION = re.compile(
    rb"_sklearn_version(?:[^\x8cXU]{0,6})(?:\x8c.|X....|U.)(\d+\.\d+\.?\w*)", re.DOTALL
)


def read(stream: Stream) -> Artifact:
    """Return the facts in a pickle, as far as the limits allow reading it."""
    return follow(stream).artifact()


@dataclass(frozen=True)
class Followed:
    """The description of a pickled object, and what was found on the way to it."""

    root: Any
    globals: frozenset[Global]
    version: str
    booster_version: str
    needs_numpy: tuple[int, ...]
    complete: bool

    def artifact(self) -> Artifact:
        """Return the facts that decide which libraries can serve it."""
        if not self.complete and not self.globals and not self.version:
            return Artifact()
        name = root_class(self.root)
        modules = sorted({known.module.partition(".")[0] for known in self.globals})
        library, version = "", ""
        if name.startswith("xgboost.") or (self.booster_version and not self.version):
            library, version = XGBOOST, self.booster_version
        elif name.startswith("lightgbm."):
            library = LIGHTGBM  # its version is not in the file; scikit-learn's is of the encoder of labels
        elif self.version or name.startswith("sklearn."):
            library, version = SCIKIT_LEARN, self.version
        of_tables = any(x.name in OF_TABLES and x.module.startswith("sklearn.") for x in self.globals)
        table = of_tables or "pandas" in modules
        return Artifact(
            PICKLE, library, version, name, tuple(modules), self.needs_numpy, table, complete=self.complete
        )


def follow(stream: Stream) -> Followed:
    """Follow a pickle, as far as the limits allow."""
    walk, complete = _Walk(stream), True
    try:
        root = walk.run()
    except (Exhausted, NotUnderstood, IndexError):
        complete, root = False, walk.first
        if not walk.version and (found := stream.search(SKLEARN_VERSION)):
            walk.version = found[1].decode("ascii", "replace")
    named = frozenset(walk.globals)
    return Followed(root, named, walk.version, walk.booster_version, walk.needs_numpy, complete)


@dataclass
class _Walk:
    """Follows a pickle's opcodes with descriptions in place of objects; nothing is imported or called."""

    stream: Stream
    depth: int = 0
    opcodes: list[int] = field(default_factory=lambda: [0])  # shared with the pickles within
    globals: set[Global] = field(default_factory=set)
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
                raise Exhausted
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
            raise NotUnderstood

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
        if not self.booster_version and xgboost_files.kind_of(data):
            self.booster_version = xgboost_files.version_in(data)
        return data.decode("latin-1") if kind == "string" and count < TEXT_BYTES else data[:TEXT_BYTES]

    def _line(self, code: bytes) -> None:
        text = self.stream.line()
        if code == b"c":
            self.stack.append(self._named(text, self.stream.line()))
        elif code == b"i":
            named = self._named(text, self.stream.line())
            arguments = tuple(self._marked())
            self.stack.append(Node(named, arguments))
        elif code in b"IL":
            self.stack.append(int(text.rstrip("L")) if re.fullmatch(r"-?\d{1,18}L?", text) else 0)
        elif code == b"F":
            self.stack.append(0.0)
        elif code == b"P":
            self.stack.append(None)
        elif code == b"V":
            self.stack.append(unescaped(text))
        else:
            self.stack.append(text.strip("'\""))

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
        """Return the items above the last mark, and remove the mark."""
        above, self.stack = self.stack, self.marks.pop()
        return above

    def _contain(self, code: bytes) -> None:
        stack = self.stack
        if code in (b"\x85", b"\x86", b"\x87"):
            count = code[0] - 0x84
            if len(stack) < count:
                raise NotUnderstood
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

    def _named(self, module: Any, name: Any) -> Global:
        if not isinstance(module, str) or not isinstance(name, str):
            raise NotUnderstood
        named = Global(module, name)
        if len(self.globals) < ENTRIES:
            self.globals.add(named)
        self.needs_numpy = max(self.needs_numpy, oldest_numpy(named))
        return named

    def _call(self, code: bytes) -> None:
        stack = self.stack
        if code == b"\x93":
            name, module = stack.pop(), stack.pop()
            stack.append(self._named(module, name))
        elif code == b"o":
            items = self._marked()
            self.stack.append(Node(items[0], tuple(items[1:])))
        elif code == b"b":
            state, target = stack.pop(), stack[-1]
            if isinstance(target, Node):
                target.state = state
                self._pass_array(target)
        else:
            if code == b"\x92":
                stack.pop()
            arguments = stack.pop()
            made = Node(stack.pop(), arguments)
            self.needs_numpy = max(self.needs_numpy, oldest_numpy(made))
            self.first = self.first or made
            stack.append(made)

    def _pass_array(self, node: Node) -> None:
        """Pass over the numbers of an array that joblib writes after its description, outside the opcodes."""
        wrapper, state = node.made_by, node.state
        if not isinstance(wrapper, Global) or wrapper.name != "NumpyArrayWrapper":
            return
        if not wrapper.module.startswith("joblib.") or not isinstance(state, dict):
            return
        dtype, shape = state.get("dtype"), state.get("shape")
        code = dtype.arguments[0] if isinstance(dtype, Node) and isinstance(dtype.arguments, tuple) else None
        if not isinstance(code, str) or not isinstance(shape, tuple):
            raise NotUnderstood
        if code.startswith("O"):
            state["content"] = self._nested()
            return
        size = int(code[1:]) if code[1:].isdecimal() else 0
        count = size * (4 if code[0] == "U" else 1)
        for length in shape:
            count *= length if isinstance(length, int) else 0
        if isinstance(state.get("numpy_array_alignment_bytes"), int):
            self.stream.skip(self.stream.number(1))
        if count < 0:
            raise NotUnderstood
        state["content"] = self.stream.head(count, TEXT_BYTES)

    def _nested(self) -> Any:
        """Return the description of a pickle within this one."""
        if self.depth >= DEPTH:
            raise Exhausted
        inner = _Walk(self.stream, self.depth + 1, self.opcodes, self.globals, self.version)
        inner.needs_numpy = self.needs_numpy
        root = inner.run()
        self.version, self.needs_numpy = inner.version, inner.needs_numpy
        return root
