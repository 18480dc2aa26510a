"""Load templates, and a page's own script and style with the hashes that its security policy allows."""

import base64
import hashlib
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from offdiag.reporting.wording import literal, shown


@dataclass(frozen=True)
class InlineAsset:
    """A script or style, and its hash as the policy writes it."""

    text: Markup
    hash: Markup


def inline(*names: str) -> InlineAsset:
    """Return files of the package's templates, one behind the other, with the hash of the whole."""
    folder = files("offdiag.reporting") / "templates"
    text = "".join((folder / name).read_text("utf-8") for name in names)
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return InlineAsset(Markup(text), Markup(f"'sha256-{digest}'"))


def template(name: str) -> Template:
    """Return the template ``name``, in which every value is escaped and made visible."""
    environment = Environment(
        loader=PackageLoader("offdiag.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["literal"] = literal
    return environment.get_template(name)
