r"""Take off markdown, HTML and LaTeX, so that ``**Answer:** $\text{C}$`` reads ``Answer: C``.

A box is kept as the characters ``OPEN`` and ``CLOSE`` around its content, and bold text has ``BOLD`` before it.
"""

import re

from offdiag.tasks.extraction.boxes import find_boxes

OPEN, CLOSE, LEFT_OPEN, BOLD = "\x01", "\x02", "\x03", "\x04"
RECURS = "\u0305"  # stands behind each digit that recurs, as a line above it does
MARKS = f"[{OPEN}{CLOSE}{LEFT_OPEN}{BOLD}]"

_STRUCK = re.compile(
    r"~~[^~\n]{1,200}~~|<(del|s|strike)>[^<\n]{0,200}</\1>|\\(?:cancel|sout|xcancel|bcancel|st) ?\{[^{}\n]{0,200}\}"
)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[\w+-]*[ \t]*$", re.MULTILINE)
_TAG = re.compile(
    r"</?(?:b|i|u|em|strong|span|code|mark|center|kbd|tt|big|small|font|div|li|ul|ol|h[1-6]|p|"
    r"br)\b[^<>\n]{0,80}>",
    re.IGNORECASE,
)
_SCRIPT_TAG = re.compile(r"<(su[bp])>([^<>\n]{0,20})</\1>", re.IGNORECASE)
_BOLD = re.compile(
    r"(?<![\w*])(\*{2,3})(?=[^\s*])([^*\n]{1,200}?)(?<=[^\s*])\1|"
    r"(?<![\w_])(__)(?=[^\s_])([^_\n]{1,200}?)(?<=[^\s_])__(?!\w)"
)
_EMPHASIS = re.compile(r"(?<![\w*_})\]$\x02\x03])([*_])(?=[^\s*_{])([^*_\n]{1,200}?)(?<=[^\s*_])\1(?![\w*_{(])")
_LEFTOVER = re.compile(r"(?<!\d)\*{2,3}|\*{2,3}(?!\d)|`+")
_HEADING = re.compile(r"^[ \t]*(?:>[ \t]*)*#{1,3}[ \t]+(?=\S)|^[ \t]*>[ \t]*", re.MULTILINE)
_NAMED = (
    r"text|textbf|textit|texttt|textrm|textsf|textup|textsc|emph|underline|mathrm|mathbf|mathtt|mathit|mathsf|mathbb|"
    r"mathcal|boldsymbol|bm|pmb|operatorname\*?|mbox|hbox|ensuremath|displaystyle|boxed|fbox|large|Large|bf|rm"
)
_WRAPPER = re.compile(rf"\\(?:{_NAMED}) ?\{{([^{{}}]*)\}}")
_RECURRING = re.compile(r"(?<=[\d.])\\(?:overline|bar|dot|overdot) ?(?:\{(\d{1,40})\}|(\d))")
_OVERLINED = re.compile(r"\\(?:overline|bar|dot|overdot) ?\{([^{}]*)\}")
_FRACTION = re.compile(r"\\[dtc]?frac ?(?:\{([^{}]{1,60})\}|(\d)) ?(?:\{([^{}]{1,60})\}|(\d))")
_GROUPED = re.compile(
    r"(?<=\d) ?(?:\{ ?, ?\}|\\, ?\\!|, ?\\!|\\[,:;! ]|~|\{ ?\\[,;: ] ?\}|\\(?:thinspace|"
    r",)) ?(?=\d{2,3})"
)
_WORDS = {
    "times": "×", "cdot": "·", "div": "÷", "approx": "≈", "simeq": "≈", "sim": "≈", "to": "→", "rightarrow": "→",
    "Rightarrow": "→", "implies": "→", "therefore": " ", "pm": "±", "ne": "≠", "neq": "≠", "leq": "≤", "geq": "≥",
    "le": "≤", "ge": "≥", "degree": "°", "circ": "°", "quad": " ", "qquad": " ", "left": "", "right": "", "big": "",
    "Big": "", "bigl": "", "bigr": "", "displaystyle": "", "textstyle": "", "bf": "", "rm": "", "ast": "*",
    "infty": "∞", "equiv": "=", "dots": "...", "ldots": "...", "cdots": "...", "square": "", "pounds": "£", "euro": "€",
    "text": "", "mathrm": "", "mathbf": "", "textbf": "", "lbrace": "(", "rbrace": ")", "newline": "\n",
    "begin": "", "end": "",
}  # fmt: skip
_COMMAND = re.compile(r"\\([A-Za-z]+)\*?")
_ESCAPE = re.compile(r"\\([$%#&_{}\"'-])")
_DELIMITER = re.compile(r"\\[()\[\]]|\$+|\\\\(?=\s|$)")
_SPACING = re.compile(r"\\[,:;! ]|(?<=[^\W\d])~(?=\w)|(?<=\d)~(?=[^\W\d])")
_POWER = re.compile(r"\^ ?\{ ?([^{}]{1,12}) ?\}")
_INDEX = re.compile(r"_ ?\{ ?([^{}]{1,12}) ?\}")
_BRACES = re.compile(r"\{([^{}\n]{0,80})\}")
_BARE_BOX = re.compile(r"\\boxed(?:[ ]+([^\s{}$\\]{1,40})|\(([^()\n]{1,40})\))")
_NESTED = 4  # wrappers within wrappers; what is nested deeper is no answer


def unmarked(text: str) -> str:
    """Return a plain text without the marks of boxes and bold text, for comparisons word by word."""
    return re.sub(MARKS, "", text)


def plain_text(text: str) -> str:
    """Return the text without markup; see the module for what stands for boxes and bold text. Linear in its length."""
    text = _boxes_marked(re.sub(MARKS, " ", text))
    text = _STRUCK.sub(" ", text)
    text = _FENCE.sub("", text)
    text = _SCRIPT_TAG.sub(lambda found: ("^" if found[1].lower() == "sup" else "_") + found[2], text)
    text = _TAG.sub(lambda found: "\n" if re.match(r"<(?:br|p|li|div)\b", found[0], re.IGNORECASE) else "", text)
    text = _BOLD.sub(lambda found: BOLD + (found[2] or found[4]), text)
    text = _EMPHASIS.sub(r"\2", text)
    text = _LEFTOVER.sub("", text)
    return plain_latex(_HEADING.sub("", text))


def plain_latex(text: str) -> str:
    r"""Return the text without LaTeX: ``\frac{1}{2}`` as ``(1)/(2)``, ``10{,}080`` as ``10,080``."""
    if not any(mark in text for mark in "\\${^_~"):
        return text
    text = _GROUPED.sub(",", text)
    text = _RECURRING.sub(lambda found: "".join(digit + RECURS for digit in found[1] or found[2]), text)
    text = _OVERLINED.sub(r"\1", text)
    for _ in range(_NESTED):
        unwrapped = _FRACTION.sub(_over, _WRAPPER.sub(r"\1", text))
        if unwrapped == text:
            break
        text = unwrapped
    text = _POWER.sub(r"^\1", text)
    text = _INDEX.sub(r"_\1", text)
    # The braces of a set are no wrapper: "\\{3,4\\}" is not the number 3,4.
    text = _ESCAPE.sub(lambda found: {"$": " ", "-": "", "{": "(", "}": ")"}.get(found[1], found[1]), text)
    text = _DELIMITER.sub(" ", text)
    text = _SPACING.sub("\u00a0", text)
    # An unknown command stays apart from what it is about: "\\hat{174}" is not the word "hat174".
    text = _COMMAND.sub(lambda found: _WORDS.get(found[1], f"{found[0]} "), text)
    for _ in range(2):
        text = _BRACES.sub(r"\1", text)
    return text.replace("^°", "°")


def _over(found: re.Match[str]) -> str:
    return f" ({found[1] or found[2]})/({found[3] or found[4]})"


def _boxes_marked(text: str) -> str:
    """Return the text with each outermost box as its content between marks."""
    text = _BARE_BOX.sub(lambda found: rf"\boxed{{{found[1] or found[2]}}}", text)
    pieces, position = [], 0
    for box in find_boxes(text):
        pieces += [text[position : box.opened], OPEN, text[box.start : box.end], CLOSE if box.closed else LEFT_OPEN]
        position = box.after
    return "".join([*pieces, text[position:]])
