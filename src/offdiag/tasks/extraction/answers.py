"""The answer in a completion: what every task's grader calls.

One pass makes the completion plain (:func:`prepared`), for all kinds of answers alike; then a reader of numbers or of
choices takes the answer that is stated last. Raise ``EXTRACTION_VERSION`` with any change of an outcome: grades are
made again then, and nothing is generated again.
"""

from offdiag.tasks.extraction.choice_answers import extract_choice
from offdiag.tasks.extraction.completions import reply_in
from offdiag.tasks.extraction.markup import plain_text
from offdiag.tasks.extraction.number_answers import extract_number
from offdiag.tasks.extraction.offered import Choices
from offdiag.tasks.extraction.statements import Extraction, beginning, ending

EXTRACTION_VERSION = 10
_BEGINNING, _END = 20_000, 100_000  # characters of a reply that are read; what stands between is left out


def prepared(completion: str) -> Extraction:
    """Return the reply in a completion without thinking and markup (None if thinking never ends), and its flags."""
    reply = reply_in(completion)
    text = reply.text
    if text is not None and len(text) > _BEGINNING + _END:
        text = f"{beginning(text, _BEGINNING)}\n\n{ending(text, _END)}"
    return Extraction(None if text is None else plain_text(text), reply.flags)


def number_answer(completion: str) -> Extraction:
    r"""Return the number that a completion gives as its answer, in canonical form.

    >>> number_answer("9 * 120 = 1,080.\\n#### 1,080").answer, number_answer("between 3 and 4")
    ('1080', Extraction(answer=None, flags=('ambiguous',)))
    """
    text, flags = prepared(completion)
    return Extraction(None, flags) if text is None else _with(flags, extract_number(text))


def choice_answer(completion: str, choices: Choices) -> Extraction:
    """Return the choice that a completion gives as its answer, as it is written among ``choices``.

    A completion that is a choice, word for word, is that choice; so it is where the most likely choice counts.

    >>> organisms = Choices(("D. melanogaster", "C. elegans", "E. coli", "S. cerevisiae"))
    >>> choice_answer("C. elegans, a worm", organisms).answer, choice_answer("**Answer:** C", organisms).answer
    ('C. elegans', 'E. coli')
    """
    if completion.strip() in choices.texts:
        return Extraction(completion.strip())
    text, flags = prepared(completion)
    return Extraction(None, flags) if text is None else _with(flags, extract_choice(text, choices))


def _with(flags: tuple[str, ...], found: Extraction) -> Extraction:
    return Extraction(found.answer, tuple(dict.fromkeys((*flags, *found.flags))))
