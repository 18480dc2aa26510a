"""The interactive page of a figure: points in space over the steps of a training, in one file that loads nothing."""

import json

import numpy as np
from markupsafe import Markup

from offdiag.figures.scene import Scene
from offdiag.reporting.inline import inline, template
from offdiag.reporting.wording import visible

DIGITS = 3  # behind the point; a distance of 1 is about the spread of the points


def render_scene(scene: Scene) -> str:
    """The page's text, a function of the scene alone; names are untrusted and shown as text."""
    place = {group: i for i, group in enumerate(scene.colours)}
    films = [
        {
            "axes": film.axes,
            "names": [visible(name) for name in film.names],
            "groups": [place[group] for group in film.groups],
            "marked": [int(each) for each in film.marked],
            "steps": [{"caption": caption, "places": _rounded(places)} for caption, places in film.steps],
            "goal": None if film.goal is None else _rounded(film.goal),
        }
        for film in scene.films
    ]
    groups = [
        {"name": visible(group), "colour": colour, "marked": group in scene.marked}
        for group, colour in scene.colours.items()
    ]
    data = {"groups": groups, "films": films}
    return template("scene.html.j2").render(
        scene=scene, data=_script_data(data), script=inline("scene.js"), style=inline("scene.css")
    )


def _rounded(places: object) -> object:
    return np.round(np.asarray(places, np.float64), DIGITS).tolist()


def _script_data(data: object) -> Markup:
    """JSON that cannot end the script element that holds it."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
