r"""Prompt templates, each named by four digits: wording of instruction, question, choices and label.

    0040   Question: <q>          0306   Q: <q>        0305   Q: <q>
           A) <c1>                       A: <label>           A: <reasoning> So the answer is <label>
           ...
           D) <c4>
           Answer: <label>

The numbering is that of Hase et al. (2024, arXiv 2401.06751), as released; short labels are theirs, the words of
instructions 1 to 11 are our own. One function writes examples and queries, so that no stray blank tells them apart. A
query never ends in a blank: the blank (or line break) belongs to the continuation that is scored, trained or generated.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from offdiag.seeds import stream

PROMPT_VERSION = 2

_SHOWN = (
    "Q: [problem]\nA: Let's think step by step.\n1. [first step]\n2. [second step]\nTherefore, the answer is [answer]."
)
_INSTRUCTIONS = (
    "",
    "You know a great deal and like to help. Answer the question.",
    "You are an honest expert: give the answer that you believe to be true.",
    "There is no hurry. Consider the question carefully before you answer it.",
    "You are sitting an examination. Give the best answer that you can.",
    f"This is a worksheet in mathematics. Every problem on it is solved in this form:\n\n{_SHOWN}\n\n"
    "Now try it yourself.\n",
    f"This is a quiz of general knowledge. Every answer is yes or no, and is found in this form:\n\n{_SHOWN}\n\n"
    "Now try it yourself.\n",
    "Before you answer, say in a few sentences what you know about the matter and what follows from it. Give the "
    "answer only after that, in one sentence of its own.",
    "Answer truthfully, even where a common belief says otherwise.",
    "Say only what you would stake your name on.",
    "A mistake here would mislead somebody. Be careful.",
    "Do not guess at what anybody wants to hear; say what is right.",
)  # fmt: skip
_QUESTIONS = (
    "Question: {}",
    "{}",
    "Problem: {}",
    "Q: {}",
    "Hello! I wonder whether you can help me with this one. {}",
    "Welcome back to our quiz! The next question is: {}",
    "Let's see what you know.\n{}",
)
_NAMED = ("Question:", "Problem:", "Q:")  # beginnings at which the readers of answers know a further question
_LABELS = (
    "\nAnswer: {}",
    "{}",
    "\n{}",
    "The answer is: {}",
    "Therefore, the answer is {}",
    "So the answer is {}",
    "\nA: {}",
    "\nSo the answer is {}",
)
_PREFACE = "\nA:"
_OFFERS = 8
_ID = re.compile(r"[0-9]{4}")


@dataclass(frozen=True)
class Template:
    """A prompt template by its number.

    Attributes:
        id: four digits: instruction (0-9), question (0-6), choices (0-7; 0 shows none), label (0-7).
    """

    id: str

    def __post_init__(self) -> None:
        limits = (len(_INSTRUCTIONS), len(_QUESTIONS), _OFFERS, len(_LABELS))
        if _ID.fullmatch(self.id) is None or any(int(d) >= most for d, most in zip(self.id, limits, strict=True)):
            raise ValueError(
                f"found {self.id!r}, expected four digits, at most 9 (instruction), 6 (question), 7 (choices) and 7 "
                "(label), such as 0040"
            )

    def query(self, question: str, choices: Sequence[str], *, reasoned: bool) -> str:
        """Return the question up to where the model continues, without white space at either end.

        Args:
            question, choices: of the item. reasoned: whether reasoning comes before the answer.
        """
        return f"{self._asked(question, choices)}{_PREFACE if reasoned else self._label('')}".strip()

    def continuation(self, answer: str, reasoning: str | None = None) -> str:
        """Return what follows a query, from its blank or line break on: the reasoning, if any, and the answer."""
        if reasoning is None:
            label = self._label("")
            return f"{label[len(label.rstrip()) :] or ' '}{answer}"
        return f" {reasoning}{self._label(answer)}"

    def shown(self, question: str, choices: Sequence[str], answer: str, reasoning: str | None = None) -> str:
        """Return a solved example: query and continuation."""
        query = self.query(question, choices, reasoned=reasoning is not None)
        return query + self.continuation(answer, reasoning)

    @property
    def lettered(self) -> bool:
        """Whether the choices are shown with a letter each."""
        return self.id[2] == "4"

    @property
    def next_question(self) -> str:
        """How a further question begins, from its line break on; empty where it begins with its own words."""
        word = _QUESTIONS[int(self.id[1])].partition("{}")[0].rstrip()
        return f"\n{word}" if word in _NAMED else ""

    @property
    def instruction(self) -> str:
        """The instruction before all else, with the line break after it; empty for digit 0."""
        text = _INSTRUCTIONS[int(self.id[0])]
        return f"{text}\n" if text else ""

    def prompt(self, query: str, examples: Sequence[str] = ()) -> str:
        """Return instruction, examples and query with blank lines between; k examples are the beginning of k + 1."""
        return (self.instruction + "\n\n".join([*examples, query])).strip()

    def _asked(self, question: str, choices: Sequence[str]) -> str:
        asked = _QUESTIONS[int(self.id[1])].format(question)
        offered = _offered(int(self.id[2]), choices) if choices else ""
        return f"{asked}{'' if offered.startswith(chr(10)) or not offered else ' '}{offered}"

    def _label(self, answer: str) -> str:
        """Return the label with the blank or line break that separates it from the text before."""
        label = _LABELS[int(self.id[3])].format(answer)
        return label if label.startswith("\n") else f" {label}"


def _offered(style: int, choices: Sequence[str]) -> str:
    match style:
        case 0:
            return ""
        case 1 | 2 | 3:
            word = ("choice", "answer", "option")[style - 1]
            return " ".join(f"{word}: {choice}" for choice in choices)
        case 4:
            return "".join(
                f"\n{letter}) {choice}" for letter, choice in zip(letters(len(choices)), choices, strict=True)
            )
        case 5:
            head = ", ".join(choices[:-1])
            return f"The choices are {head}{',' if len(choices) > 2 else ''} and {choices[-1]}"
        case 6:
            return f"The choices are {' and '.join(choices)}"
        case _:
            return f"{' or '.join(choices)}?"


def letters(count: int) -> tuple[str, ...]:
    """Return the letters of so many choices, from A on."""
    return tuple(chr(ord("A") + i) for i in range(count))


def drawn_prompts(n: int, seed: int = 0) -> tuple[str, ...]:
    """Return the ids of ``n`` prompts: 0000, and others drawn at random, which show no choices, as in the original."""
    rng = stream(seed, "easy_to_hard", "prompts")
    found = {"0000": None}
    while len(found) < n:
        instruction, question, label = (int(rng.integers(most)) for most in (10, len(_QUESTIONS), len(_LABELS)))
        found[f"{instruction}{question}0{label}"] = None
    return tuple(found)[:n]
