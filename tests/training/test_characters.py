import string

import pytest
from transformers import AutoTokenizer

from offdiag.errors import UserError
from offdiag.studies.world_map.task import GEOMETRIES
from offdiag.training.characters import SPECIAL, character_tokenizer

TOKENS = (*SPECIAL, *(string.punctuation + string.ascii_letters + string.digits))
TEXT = "inside(c_07;c_31,c_99,c_12)=TRUE"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """One that was written and read again."""
    folder = tmp_path_factory.mktemp("characters")
    character_tokenizer(TOKENS).save_pretrained(folder)
    assert {path.suffix for path in folder.iterdir()} == {".json", ".jinja"}
    return AutoTokenizer.from_pretrained(folder)


def test_every_character_is_a_token_behind_the_first_one(tokenizer):
    ids = tokenizer(TEXT).input_ids
    assert ids == [2, *(TOKENS.index(character) for character in TEXT)]
    assert tokenizer(TEXT, add_special_tokens=False).input_ids == ids[1:]
    assert len(tokenizer) == len(TOKENS) == 98
    assert tokenizer.is_fast


def test_a_question_in_a_chat_is_the_question(tokenizer):
    turn = [{"role": "user", "content": TEXT}]
    assert tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True) == f"<bos>{TEXT}"


def test_decoding_gives_the_text_back(tokenizer):
    ids = tokenizer(TEXT).input_ids
    assert tokenizer.decode([*ids, tokenizer.eos_token_id, 0, 0], skip_special_tokens=True) == TEXT
    assert tokenizer.decode([*ids, 3]) == f"<bos>{TEXT}<eos>"
    every = "".join(TOKENS[4:])
    assert tokenizer.decode(tokenizer(every).input_ids, skip_special_tokens=True) == every
    assert tokenizer.batch_decode([ids, ids], skip_special_tokens=True) == [TEXT, TEXT]


def test_special_tokens_and_strange_characters(tokenizer):
    assert (tokenizer.pad_token, tokenizer.unk_token, tokenizer.bos_token, tokenizer.eos_token) == SPECIAL
    assert tokenizer.convert_tokens_to_ids(list(SPECIAL)) == [0, 1, 2, 3]
    assert tokenizer("é=\n").input_ids == [2, 1, TOKENS.index("="), 1]
    assert tokenizer(["a", "bc"], padding=True).input_ids[0][-1] == 0


def test_questions_of_the_world_map_have_no_unknown_character(tokenizer):
    for geometry in GEOMETRIES.values():
        for size in geometry.sizes:
            text = geometry.written([f"c_{i:04d}" for i in range(size)]) + "".join(geometry.words)
            ids = tokenizer(text).input_ids
            assert tokenizer.unk_token_id not in ids
            assert tokenizer.decode(ids, skip_special_tokens=True) == text


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ((*SPECIAL, "a", "bc"), "about 'bc'"),
        (("<pad>", "<unk>", "<bos>", "a"), "about '<eos>'"),
        ((*SPECIAL, "a", "a"), "some come twice"),
    ],
)
def test_tokens_that_make_no_tokenizer(tokens, message):
    with pytest.raises(UserError, match=message):
        character_tokenizer(tokens)
