"""Packages of somebody else, and studies written as files."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "third_party"


def distribution(folder: Path, name: str, points: dict[str, dict[str, str]], **modules: str) -> Path:
    """Write what pip leaves of a package: its metadata with entry points (by group and name), and its modules."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n")
    text = "".join(f"[{group}]\n" + "".join(f"{n} = {v}\n" for n, v in p.items()) for group, p in points.items())
    (info / "entry_points.txt").write_text(text)
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(source)
    return folder
