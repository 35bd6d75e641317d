"""The facts in a pickle that its description states: input columns, classes, and code that is not in it."""

import struct
from collections.abc import Iterator
from typing import Any

from ..artifacts.pickle_opcodes import Global, Node, root_class
from ..artifacts.pickles import Followed
from .findings import Findings, Tensor

NODES = 20_000  # that are searched
NESTED = 10  # estimators within each other
SHOWN = 1_000  # columns, classes and values that are kept
# Packages whose classes need nothing of the user's; `_loss` is a part of scikit-learn.
PLAIN = {
    *("builtins", "__builtin__", "copyreg", "copy_reg", "_codecs", "codecs", "collections", "functools"),
    *("numpy", "scipy", "sklearn", "joblib", "_loss", "operator", "datetime", "types", "pathlib", "random"),
    *("cloudpickle", "threading", "decimal", "re", "typing", "itertools", "math", "enum", "copy"),
}
LIBRARIES = {
    *("xgboost", "lightgbm", "catboost", "pandas", "imblearn", "category_encoders", "sklearn_pandas"),
    *("torch", "tensorflow", "keras", "polars", "pyarrow", "statsmodels", "feature_engine", "mlxtend"),
    *("skorch", "tokenizers", "transformers", "nltk", "spacy", "numba", "dill", "dask", "shap", "optbinning"),
}
RUNNERS = {"os", "posix", "nt", "subprocess", "sys", "importlib", "runpy", "socket", "shutil", "pty"}
TEXT_STEPS = ("TfidfVectorizer", "CountVectorizer", "HashingVectorizer")
NUMERIC_STEPS = ("StandardScaler", "MinMaxScaler", "RobustScaler", "MaxAbsScaler", "PowerTransformer")
ENCODERS = ("OneHotEncoder", "OrdinalEncoder")
INNER = ("best_estimator_", "regressor_", "estimator_", "estimator", "calibrated_classifiers_")
FORMATS = {"i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I", "u8": "Q"}
FORMATS |= {"f4": "f", "f8": "d", "b1": "?"}


def findings(followed: Followed, is_joblib: bool) -> Findings:
    """Return the facts in a pickle that was followed."""
    artifact, root = followed.artifact(), followed.root
    described = _described(root)
    return Findings(
        artifact=artifact,
        is_joblib=is_joblib or "joblib" in artifact.modules,
        python=_python(root),
        inputs=tuple(_inputs(root, NESTED)),
        input_count=_count(root, NESTED),
        classes=_classes(root, NESTED),
        custom=_custom(followed),
        packages=_packages(followed),
        problem=described and f"{described}, not a model.",
        fix=described and "Save the model alone, such as joblib.dump(model, 'model.joblib').",
    )


def state_of(value: Any) -> dict[str, Any]:
    """Return the attributes of a described object, {} when it has none."""
    state = value.state if isinstance(value, Node) else None
    if isinstance(state, tuple) and state and isinstance(state[0], dict):
        state = state[0]
    return state if isinstance(state, dict) else {}


def class_of(value: Any) -> str:
    """Return the name of a described object's class, '' for other values."""
    for _ in range(NESTED):
        if isinstance(value, Global):
            return value.name
        if not isinstance(value, Node):
            return ""
        first = value.arguments[0] if isinstance(value.arguments, tuple) and value.arguments else None
        rebuilt = isinstance(value.made_by, Global) and value.made_by.module in ("copyreg", "copy_reg")
        value = first if rebuilt and isinstance(first, Global) else value.made_by
    return ""


def _described(root: Any) -> str:
    """Return a phrase for a pickle of something other than an object with attributes, or ''."""
    if (name := root_class(root)).partition(".")[0] in RUNNERS:
        return f"calls {name} when it is loaded: it is a program"
    if isinstance(root, dict):
        inside = [f"{class_of(item)} as {key!r}" for key, item in root.items() if state_of(item)]
        held = ", ".join(inside[:3]) or ", ".join(map(repr, list(root)[:5]))
        return f"is a dictionary ({held})"[:200]
    if isinstance(root, (list, tuple)):
        held = ", ".join(filter(None, map(class_of, root[:5])))
        return f"is a {type(root).__name__} ({held or 'of plain values'})"[:200]
    return "is an array" if _is_array(root) else ""


def _steps(value: Any) -> list[Any]:
    steps = state_of(value).get("steps")
    found = [step[1] for step in steps if isinstance(step, tuple) and len(step) > 1] if steps else []
    return [step for step in found if isinstance(step, Node)]


def _inner(value: Any) -> Iterator[Any]:
    """Yield the estimators that decide the input of another one, such as a search over parameters."""
    state = state_of(value)
    for name in INNER:
        inner = state.get(name)
        inner = inner[0] if isinstance(inner, list) and inner else inner
        if isinstance(inner, Node):
            yield inner
            return


def _inputs(value: Any, depth: int) -> list[Tensor]:
    if depth == 0 or not isinstance(value, Node):
        return []
    names = [str(name) for name in _array(state_of(value).get("feature_names_in_"))]
    steps = _steps(value)
    if names:
        kinds = {column: found for step in [value, *steps] for column, found in _columns(step)}
        return [kinds.get(name, Tensor(name)) for name in names[:SHOWN]]
    if class_of(value) in TEXT_STEPS:
        return [Tensor("", "text")]
    if steps:
        # The input is that of the first step; names can be in the pipeline's state or in the step's.
        return _inputs(steps[0], depth - 1)
    return next((_inputs(inner, depth - 1) for inner in _inner(value)), [])


def _count(value: Any, depth: int) -> int:
    """Return the number of columns of the input, 0 where it is not stated."""
    if depth == 0 or not isinstance(value, Node):
        return 0
    count = state_of(value).get("n_features_in_")
    count = _number(count)
    if count:
        return count
    inner = [*_steps(value)[:1], *_inner(value)]
    return _count(inner[0], depth - 1) if inner else 0


def _number(value: Any) -> int:
    if isinstance(value, Node) and isinstance(value.arguments, tuple) and len(value.arguments) > 1:
        raw = value.arguments[1]  # a number of numpy: its type and its bytes
        value = int.from_bytes(raw, "little") if isinstance(raw, bytes) and len(raw) <= 8 else 0
    return value if type(value) is int and 0 < value < 10**7 else 0


def _columns(value: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield each column that a ColumnTransformer states the type of."""
    transformers = state_of(value).get("transformers_")
    for item in transformers if isinstance(transformers, list) else []:
        if not isinstance(item, tuple) or len(item) != 3 or not isinstance(item[2], list):
            continue
        inside = [item[1], *_steps(item[1])]
        encoder = next((step for step in inside if class_of(step) in ENCODERS), None)
        categories = state_of(encoder).get("categories_") if encoder else None
        lists = categories if isinstance(categories, list) else []
        numeric = any(class_of(step) in NUMERIC_STEPS for step in inside)
        for place, column in enumerate(item[2]):
            values = _array(lists[place]) if place < len(lists) else []
            texts = tuple(str(each) for each in values[:SHOWN])
            kind = "number" if numeric else ""
            kind = ("text" if all(isinstance(each, str) for each in values) else "number") if values else kind
            yield str(column), Tensor(str(column), kind, values=texts)


def _classes(value: Any, depth: int) -> tuple[str, ...]:
    if depth == 0 or not isinstance(value, Node):
        return ()
    if found := _array(state_of(value).get("classes_")):
        return tuple(str(each) for each in found[:SHOWN])
    steps = _steps(value)
    inner = [*steps[-1:], *_inner(value)]
    return _classes(inner[0], depth - 1) if inner else ()


def _is_array(value: Any) -> bool:
    called = value.made_by if isinstance(value, Node) else None
    return isinstance(called, Global) and called.name in ("_reconstruct", "_frombuffer", "NumpyArrayWrapper")


def _array(value: Any) -> list[Any]:
    """Return the elements of a one-dimensional array: texts, numbers or switches; [] for anything else."""
    if isinstance(value, (list, tuple)):
        return [item for item in value if isinstance(item, (str, int))]
    if not isinstance(value, Node) or not _is_array(value):
        return []
    state, kind = value.state, None
    content: Any = None
    if isinstance(state, dict):  # as joblib writes it
        kind, content = state.get("dtype"), state.get("content")
        inner = content.state if isinstance(content, Node) else None
        content = inner[4] if isinstance(inner, tuple) and len(inner) > 4 else content
    elif isinstance(state, tuple) and len(state) > 4:
        kind, content = state[2], state[4]
    elif isinstance(value.arguments, tuple) and len(value.arguments) > 2:  # as protocol 5 writes it
        content, kind = value.arguments[:2]
    if isinstance(content, list):
        return [item for item in content if isinstance(item, (str, int, bool))]
    return _decoded(kind, content)


def _decoded(kind: Any, content: Any) -> list[Any]:
    code = kind.arguments[0] if isinstance(kind, Node) and isinstance(kind.arguments, tuple) else ""
    if isinstance(content, Node) and isinstance(content.arguments, tuple) and content.arguments:
        content = content.arguments[0]  # _codecs.encode(text, "latin1"), as protocol 2 writes bytes
    if isinstance(content, str):
        content = content.encode("latin-1", "replace")
    if not isinstance(content, bytes) or not isinstance(code, str):
        return []
    if code.startswith("U") and code[1:].isdecimal():
        width = 4 * int(code[1:])
        parts = (
            [content[at : at + width] for at in range(0, len(content) - width + 1, width)] if width else []
        )
        return [part.decode("utf-32-le", "replace").rstrip("\0") for part in parts]
    if code not in FORMATS:
        return []
    size = struct.calcsize(FORMATS[code])
    return [
        item[0] for item in struct.iter_unpack(f"<{FORMATS[code]}", content[: len(content) // size * size])
    ]


def _tops(followed: Followed) -> Iterator[tuple[str, Global]]:
    for named in sorted(followed.globals, key=lambda each: (each.module, each.name)):
        yield named.module.partition(".")[0], named


def _custom(followed: Followed) -> tuple[str, ...]:
    known = PLAIN | LIBRARIES
    return tuple(f"{named.module}.{named.name}" for top, named in _tops(followed) if top not in known)


def _packages(followed: Followed) -> tuple[str, ...]:
    library = followed.artifact().library
    used = {top for top, _ in _tops(followed) if top in LIBRARIES}
    return tuple(sorted(used - {library, "joblib"}))


def _python(root: Any) -> str:
    """Return the Python that compiled functions in a pickle, as far as their form states it, or ''."""
    found, stack, seen = "", [root], 0
    while stack and seen < NODES:
        value, seen = stack.pop(), seen + 1
        if isinstance(value, Node):
            if _makes_code(value.made_by) and isinstance(value.arguments, tuple):
                found = "3.11 or newer" if len(value.arguments) >= 18 else "3.10 or older"
            stack += [value.made_by, value.arguments, value.state]
        elif isinstance(value, dict):
            stack += list(value.values())[:SHOWN]
        elif isinstance(value, (list, tuple)):
            stack += list(value)[:SHOWN]
    return found


def _makes_code(made_by: Any) -> bool:
    if isinstance(made_by, Global):
        return made_by.name in ("CodeType", "code")
    return isinstance(made_by, Node) and made_by.arguments == ("CodeType",)
