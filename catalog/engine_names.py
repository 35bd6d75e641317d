"""The names of parsers and configurations in a release of vLLM or SGLang, and their spans in the catalog."""

import ast
import re
import zipfile
from collections.abc import Iterator

Spans = dict[str, list[str]]  # a name -> its first release, and the last one if it was removed
# engine -> kind -> the file, the first of several that a release has, and the table in it
TABLES: dict[str, dict[str, tuple[tuple[str, ...], str]]] = {
    "vllm": {
        "tool": (
            ("vllm/tool_parsers/__init__.py", "vllm/entrypoints/openai/tool_parsers/__init__.py"),
            "_TOOL_PARSERS_TO_REGISTER",
        ),
        "reasoning": (("vllm/reasoning/__init__.py",), "_REASONING_PARSERS_TO_REGISTER"),
        "model_type": (("vllm/transformers_utils/config.py",), "_CONFIG_REGISTRY"),
    },
    "sglang": {
        "tool": (("sglang/srt/function_call/function_call_parser.py",), "ToolCallParserEnum"),
        "reasoning": (("sglang/srt/parser/reasoning_parser.py",), "DetectorMap"),
    },
}


def found(wheel: zipfile.ZipFile, engine: str) -> dict[str, set[str]]:
    """Return the names of a release by kind; a kind whose table the release does not have is absent."""
    names, files = dict[str, set[str]](), set(wheel.namelist())
    for kind, (paths, table) in TABLES[engine].items():
        path = next((path for path in paths if path in files), "")
        keys = set(_keys(ast.parse(wheel.read(path)), table)) if path else set()
        names |= {kind: keys} if keys else {}
    return names


def _keys(tree: ast.Module, table: str) -> Iterator[str]:
    """Yield the keys of a table, in a module or a class: those of a dict, or of a call with keywords."""
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        if table not in [target.id for target in targets if isinstance(target, ast.Name)]:
            continue
        value = getattr(node, "value", None)
        if isinstance(value, ast.Dict):
            yield from (str(key.value) for key in value.keys if isinstance(key, ast.Constant))
        if isinstance(value, ast.Call):
            yield from (keyword.arg for keyword in value.keywords if keyword.arg)


def ended(
    text: str, spans: Spans, kind: str, newest: str, names: set[str], section: str, key: str
) -> tuple[str, list[str]]:
    """Return a file's text with the last release of each name that is gone, and the changes.

    `section` is a pattern of the text before the names. The span is in the line of the name, after `key`.
    """
    changes = []
    for name, span in spans.items():
        if len(span) == 1 and name not in names:
            before = rf'{section}.*?^ +{re.escape(name)}: [^\n]*?{key}\["{re.escape(span[0])}"'
            text, count = re.subn(rf"({before})\]", rf'\1, "{newest}"]', text, count=1, flags=re.S | re.M)
            changes.append(f"{kind} {name}: until {newest}" + ("" if count else "; change it by hand"))
    return text, changes
