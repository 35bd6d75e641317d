# Part of the library: `copier update` replaces this file.
"""The package index, certificate and proxies of this machine, for builds on private networks."""

import configparser
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PYPI = "https://pypi.org/simple"
PIP_OPTIONS = ("index-url", "extra-index-url", "trusted-host", "cert")
UV_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_CONFIG_FILE")
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY")
OF_THIS_MACHINE = re.compile(r"(\w+://)?([^@/]*@)?(localhost|127\.[0-9.]+|\[::1\])(:|/|$)")
SECRET, CERTIFICATE = "pip.conf", "ca.pem"  # ids of the build secrets in the Dockerfile
VARIABLE = "MCC_PIP_CONF"
CERTIFICATE_IN_BUILD = "/run/secrets/ca.pem"


@dataclass(frozen=True)
class BuildOptions:
    """Options of a build command, and the environment variables whose values they pass."""

    options: list[str]
    variables: dict[str, str]


def pip_settings(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the options that pip reads from its configuration files and PIP_ variables.

    Indexes in folders of this machine (file:) are left out: no other machine has them.
    """
    found: dict[str, str] = {}
    for path in _configuration_files(environ):
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(path, "utf-8")
        except (OSError, UnicodeDecodeError, configparser.Error):
            continue  # pip reports it
        found |= {name: parser["global"][name] for name in PIP_OPTIONS if parser.has_option("global", name)}
    variables = {name: environ.get(f"PIP_{name.upper().replace('-', '_')}", "") for name in PIP_OPTIONS}
    found |= {name: value for name, value in variables.items() if value}
    kept = {
        name: " ".join(url for url in value.split() if "file:" not in url) for name, value in found.items()
    }
    return {name: value for name, value in kept.items() if value}


def is_private(settings: Mapping[str, str]) -> bool:
    """Return whether pip is set up for an index other than PyPI."""
    return any("pypi.org" not in settings.get(name, "pypi.org") for name in PIP_OPTIONS[:2])


def only_pip_has_index(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether pip has a private index and uv has none: uv does not read the settings of pip."""
    has_uv = any(name in environ for name in UV_VARIABLES) or bool(_uv_files(environ))
    return is_private(pip_settings(environ)) and not has_uv


def for_uv(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment in which uv uses the index of pip, if only pip has a private one."""
    if not only_pip_has_index(environ):
        return dict(environ)
    settings = pip_settings(environ)
    # pip takes the best version of all its indexes.
    own = {
        "UV_DEFAULT_INDEX": settings.get("index-url", ""),
        "UV_INDEX": settings.get("extra-index-url", ""),
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_INSECURE_HOST": settings.get("trusted-host", ""),
        "SSL_CERT_FILE": settings.get("cert", ""),
    }
    return {**environ, **{name: value for name, value in own.items() if value}}


def index_url(environ: Mapping[str, str]) -> str:
    """Return the address of the index that uv uses in an environment of `for_uv`, or else that of PyPI."""
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if value := environ.get(name, ""):
            return re.sub(r"^[\w-]+=", "", value)
    for path in _uv_files(environ):
        try:
            settings = tomllib.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue  # uv reports it
        if url := settings.get("index-url") or settings.get("pip", {}).get("index-url"):
            return str(url)
        for index in settings.get("index", []):
            if index.get("default"):
                return str(index.get("url", PYPI))
    return PYPI


def is_mounted(dockerfile: str) -> bool:
    """Return whether a Dockerfile mounts the settings of pip."""
    return f"id={SECRET}" in dockerfile


def for_build(dockerfile: str, environ: Mapping[str, str] = os.environ) -> BuildOptions:
    """Return the options with which a build uses the proxies, and, if the Dockerfile mounts it, the index.

    Values are passed in environment variables and secrets: not on the command line, not in the image.
    """
    options, variables = [], dict[str, str]()
    for name in PROXY_VARIABLES:
        value = environ.get(name) or environ.get(name.lower())
        if value and not OF_THIS_MACHINE.match(value):
            variables |= {name: value, name.lower(): value}  # programs differ in the case that they read
            options += ["--build-arg", name, "--build-arg", name.lower()]
    settings = pip_settings(environ)
    if settings and is_mounted(dockerfile):
        if certificate := settings.pop("cert", ""):
            options += ["--secret", f"id={CERTIFICATE},src={certificate}"]
            settings |= {"cert": CERTIFICATE_IN_BUILD}
        lines = [f"{name} = {value}" for name, value in settings.items()]
        variables |= {VARIABLE: "\n".join(["[global]", *lines, ""])}
        options += ["--secret", f"type=env,id={SECRET},src={VARIABLE}"]
    return BuildOptions(options, variables)


def _uv_files(environ: Mapping[str, str]) -> list[Path]:
    """Return the configuration files of uv that exist, the user's first."""
    home = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    own = [Path(environ["UV_CONFIG_FILE"])] if environ.get("UV_CONFIG_FILE") else []
    return [path for path in (*own, home / "uv" / "uv.toml", Path("/etc/uv/uv.toml")) if path.is_file()]


def _configuration_files(environ: Mapping[str, str]) -> list[Path]:
    """Return the places of pip's configuration files; later ones override earlier ones."""
    own = environ.get("PIP_CONFIG_FILE", "")
    if own == os.devnull:
        return []
    home, configuration = Path.home(), environ.get("XDG_CONFIG_HOME")
    mac = Path("Library") / "Application Support" / "pip" / "pip.conf"
    places = [
        Path("/etc/xdg/pip/pip.conf"),
        Path("/etc/pip.conf"),
        Path("/") / mac,
        home / ".pip" / "pip.conf",
    ]
    places += [home / mac, Path(configuration or home / ".config") / "pip" / "pip.conf"]
    places += [Path(sys.prefix) / "pip.conf", *([Path(own)] if own else [])]
    return [path for path in places if path.is_file()]
