"""Make a tokenizer of single characters, as transformers loads it."""

from collections.abc import Sequence

from tokenizers import Tokenizer, decoders, models, processors
from transformers import PreTrainedTokenizerFast

from offdiag.errors import UserError

# There are no turns: an answer follows its question at once.
TEMPLATE = "{{ bos_token }}{% for message in messages %}{{ message['content'] }}{% endfor %}"
PAD, UNKNOWN, BEGIN, END = SPECIAL = ("<pad>", "<unk>", "<bos>", "<eos>")


def character_tokenizer(tokens: Sequence[str]) -> PreTrainedTokenizerFast:
    """Return a tokenizer with one token per character and ``<bos>`` in front; decoding gives the text back.

    Args:
        tokens: the text of each token id: single characters and the four special ones, each once.

    Raises:
        UserError: a token is missing, comes twice or is no single character.
    """
    strange = [t for t in tokens if len(t) != 1 and t not in SPECIAL] or [t for t in SPECIAL if t not in tokens]
    if strange or len(set(tokens)) < len(tokens):
        found = f"about {strange[0]!r}" if strange else "as some come twice"
        raise UserError(f"no tokenizer of these tokens, {found}: expected {', '.join(SPECIAL)} and single characters")
    ids = {text: index for index, text in enumerate(tokens)}
    # Byte pairs without any pair to merge are characters.
    tokenizer = Tokenizer(models.BPE(ids, [], unk_token=UNKNOWN))
    tokenizer.decoder = decoders.Fuse()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", pair=f"{BEGIN} $A $B", special_tokens=[(BEGIN, ids[BEGIN])]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        bos_token=BEGIN,
        eos_token=END,
        unk_token=UNKNOWN,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
        chat_template=TEMPLATE,
    )
