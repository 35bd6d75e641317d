"""A value in a literal comes out of the real parser of its language unchanged."""

import ast
import importlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import yaml
from google.protobuf import text_format
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import example, given, settings
from hypothesis import strategies as st

from extensions.mcc.errors.errors import InvalidAnswer
from extensions.mcc.face import quoting

buildkit = importlib.import_module("dockerfile")  # BuildKit's own parser; the package has no types

AWKWARD = [
    '{"a": [1, "b\\n"]}',
    "A=x&y",
    " two  spaces ",
    "# no comment",
    "it's",
    'call "hi"',
    "$HOME ${HOME} $$ $(id) `id`",
    "%s %%",
    "\\ \\\\ \\n \\$ \\",
    "; & | > <(x)",
    "{{ 7 * 7 }} {% raw %}",
    "naïve 日本 🦊 \u2028\u2029 \ufeff",
    "null",
    "",
]
CONTROLS = "\x00\x01\t\n\r\x1b\x7f\x80\x85\x9f"
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
NO_NUL = st.characters(codec="utf-8", exclude_characters="\0")
NO_DOLLAR = st.characters(codec="utf-8", exclude_characters="\0$")
ONE_LINE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]))
Quote = Callable[[str], str]
PARSERS: dict[str, tuple[Quote, Callable[[str], object]]] = {
    "yaml": (quoting.yaml, lambda literal: yaml.safe_load(f"key: {literal}\n")["key"]),
    "json": (quoting.json, json.loads),
    "toml": (quoting.toml, lambda literal: tomllib.loads(f"key = {literal}\n")["key"]),
    "python": (quoting.python, ast.literal_eval),
    "pbtxt": (quoting.pbtxt, lambda literal: text_format.Parse(f"value: {literal}", StringValue()).value),
}


def with_awkward_texts(test: Callable[..., None]) -> Callable[..., None]:
    """Let a property be tried with AWKWARD, too."""
    for text in AWKWARD:
        test = example(text=text)(test)
    return test


@pytest.mark.parametrize("language", PARSERS)
@with_awkward_texts
@example(text=CONTROLS)
@given(text=st.text())
def test_a_text_is_read_back(language: str, text: str) -> None:
    quote, parse = PARSERS[language]
    literal = quote(text)
    assert parse(literal) == text and "\n" not in literal


@with_awkward_texts
@given(text=ONE_LINE)
def test_a_dockerfile_keeps_a_value_as_one_word(text: str) -> None:
    literal = quoting.dockerfile(text)
    source = f"FROM scratch\nLABEL title={literal} \\\n      other=x\nENV VALUE={literal}\n"
    _, label, env = buildkit.parse_string(source)
    assert label.value == ("title", literal, "other", "x") and env.value == ("VALUE", literal)
    assert expanded(literal) == text


def expanded(literal: str) -> str:
    """Return a double-quoted word as BuildKit expands it: a backslash escapes ", $ and itself only."""
    body = re.fullmatch(r'"((?:[^"\\$]|\\["\\$])*)"', literal)
    assert body, f"{literal} would end early or have a variable expanded"
    return re.sub(r'\\(["\\$])', r"\1", body[1])


@example(texts=[*AWKWARD, "line\nbreak\n", CONTROLS.strip("\0")])
@given(texts=st.lists(st.text(NO_NUL), max_size=50))
@settings(max_examples=20, deadline=None)
def test_a_shell_reads_each_word_back(texts: list[str]) -> None:
    words = " ".join(map(quoting.shell, [*texts, "end"]))
    answer = subprocess.run(["sh", "-c", f"printf '%s\\0' {words}"], capture_output=True, check=True)
    assert answer.stdout.decode().split("\0") == [*texts, "end", ""]


@example(texts=[text for text in AWKWARD if "$" not in text] + [CONTROLS.strip("\0"), "line\nbreak;}"])
@given(texts=st.lists(st.text(NO_DOLLAR, min_size=1), min_size=20, max_size=100))
@settings(max_examples=3, deadline=None)
def test_nginx_answers_with_each_text(texts: list[str]) -> None:
    assert nginx_answers([quoting.nginx(text) for text in texts]) == texts


def nginx_answers(literals: list[str]) -> list[str]:
    """Return the response of a real nginx to each of these arguments of `return 200`."""
    locations = "".join(f"location = /{n} {{ return 200 {text}; }}\n" for n, text in enumerate(literals))
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "nginx.conf"
        config.write_text(
            f"daemon off; master_process off; pid {directory}/pid; error_log stderr crit; events {{}}\n"
            f"http {{ access_log off; server {{ listen unix:{directory}/socket;\n{locations}}} }}\n"
        )
        server = subprocess.Popen([NGINX, "-e", "stderr", "-p", directory, "-c", str(config)])
        try:
            transport = httpx.HTTPTransport(uds=f"{directory}/socket", retries=10)
            with httpx.Client(transport=transport, base_url="http://nginx") as client:
                return [client.get(f"/{number}").content.decode() for number in range(len(literals))]
        finally:
            server.terminate()
            server.wait()


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        (quoting.shell, "a\0b"),
        (quoting.dockerfile, "x\nRUN evil"),
        (quoting.dockerfile, "x\r"),
        (quoting.nginx, "$host"),
        (quoting.nginx, "a\0b"),
    ],
)
def test_what_a_language_cannot_hold_is_refused(quote: Quote, text: str) -> None:
    with pytest.raises(InvalidAnswer, match="cannot be written"):
        quote(text)
