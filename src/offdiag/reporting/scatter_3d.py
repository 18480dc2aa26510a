"""Render the interactive page of a figure: an animated 3-D scatter plot in one file that loads nothing."""

import json

import numpy as np
from markupsafe import Markup

from offdiag.figures.scatter_3d import Scatter3D
from offdiag.markup import visible
from offdiag.reporting.inline import inline, template

DIGITS = 3  # behind the point; a distance of 1 is about the spread of the points


def render_scatter_3d(scatter: Scatter3D) -> str:
    """Return the page as HTML, a function of the plot alone; names are untrusted and shown as text."""
    place = {group: i for i, group in enumerate(scatter.colours)}
    animations = [
        {
            "axes": animation.axes,
            "names": [visible(name) for name in animation.names],
            "groups": [place[group] for group in animation.groups],
            "marked": [int(each) for each in animation.marked],
            "steps": [{"caption": caption, "places": _rounded(places)} for caption, places in animation.steps],
            "goal": None if animation.goal is None else _rounded(animation.goal),
        }
        for animation in scatter.animations
    ]
    groups = [
        {"name": visible(group), "colour": colour, "marked": group in scatter.marked}
        for group, colour in scatter.colours.items()
    ]
    data = {"groups": groups, "animations": animations}
    return template("scatter_3d.html.j2").render(
        scatter=scatter, data=_script_data(data), script=inline("scatter_3d.js"), style=inline("scatter_3d.css")
    )


def _rounded(places: object) -> object:
    return np.round(np.asarray(places, np.float64), DIGITS).tolist()


def _script_data(data: object) -> Markup:
    """Return data as JSON that cannot end the script element that holds it."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
