"""The seven geometries one row at a time, as they are defined: what the vectorised ones have to agree with."""

import math
import random
from itertools import pairwise

TRUTH = {True: "TRUE", False: "FALSE"}
CALLS = {
    "distance": "dist",
    "trianglearea": "triarea",
    "angle": "angle",
    "compass": "compass",
    "inside": "inside",
    "perimeter": "perimeter",
    "crossing": "cross",
}
SIZES = {
    "distance": (2,),
    "trianglearea": (3,),
    "angle": (3,),
    "compass": (2,),
    "inside": (4, 5, 6),
    "perimeter": (2, 3, 4, 5),
    "crossing": (4,),
}


def distance(a, b):
    return round(math.dist(a, b))


def trianglearea(a, b, c):
    return round(abs(a[0] * (b[1] - c[1]) + b[0] * (c[1] - a[1]) + c[0] * (a[1] - b[1])) / 2)


def angle(a, b, c):
    ax, ay, cx, cy = a[0] - b[0], a[1] - b[1], c[0] - b[0], c[1] - b[1]
    lengths = math.hypot(ax, ay) * math.hypot(cx, cy)
    if lengths == 0:
        return 0
    return round(math.degrees(math.acos(max(-1.0, min(1.0, (ax * cx + ay * cy) / lengths)))))


def compass(a, b):
    dx, dy = b[0] - a[0], b[1] - a[1]
    if dx == dy == 0:
        return "N"
    sector = math.floor((math.degrees(math.atan2(dy, dx)) + 22.5) / 45) % 8
    return ("E", "NE", "N", "NW", "W", "SW", "S", "SE")[sector]


def inside(point, *hull):
    """By the widest gap between the directions in which the point sees the others: at most half a turn if inside."""
    x, y = hull[0]
    away = [(hx - x, hy - y) for hx, hy in hull]
    if all(ax * by == ay * bx for ax, ay in away for bx, by in away):
        return "FALSE"
    if point in hull:
        return "TRUE"
    seen = sorted(math.atan2(hy - point[1], hx - point[0]) for hx, hy in hull)
    widest = max([seen[0] + math.tau - seen[-1], *(b - a for a, b in pairwise(seen))])
    return TRUTH[widest <= math.pi + 1e-9]


def perimeter(*cities):
    if len(cities) == 2:
        return distance(*cities)
    return round(sum(math.dist(a, b) for a, b in zip(cities, [*cities[1:], cities[0]], strict=True)))


def crossing(a, b, c, d):
    def side(p, q, r):
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return TRUTH[side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0]


DEFINITIONS = {
    "distance": distance,
    "trianglearea": trianglearea,
    "angle": angle,
    "compass": compass,
    "inside": inside,
    "perimeter": perimeter,
    "crossing": crossing,
}


def line(geometry, names, answer):
    """``dist(c_0865,c_4879)=769``."""
    head = {"inside": 1, "crossing": 2}.get(geometry, 0)
    listed = f"{','.join(names[:head])};{','.join(names[head:])}" if head else ",".join(names)
    return f"{CALLS[geometry]}({listed})={answer}"


def lines(geometry, points, names, rows, rng: random.Random):
    """Balanced rows in the obvious way: draw cities, compute, keep the row if its kind is still wanted."""
    words = ("FALSE", "TRUE") if geometry in ("inside", "crossing") else (None,)
    kinds = [(size, word) for size in SIZES[geometry] for word in words]
    found = []
    for row in range(rows):
        size, word = kinds[row % len(kinds)]
        while True:
            drawn = rng.sample(range(len(points)), size)
            answer = DEFINITIONS[geometry](*(points[i] for i in drawn))
            if word is None or answer == word:
                break
        found.append(line(geometry, [names[i] for i in drawn], answer))
    rng.shuffle(found)
    return found
