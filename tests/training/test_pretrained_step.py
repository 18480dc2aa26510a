import pytest

from offdiag.errors import UserError
from offdiag.identity import fingerprint
from offdiag.models import ModelSpec
from offdiag.steps import Pretrained, Weights
from offdiag.tasks.episodes import Episodes
from offdiag.training import Decoder, PretrainingRecipe

SPEC = ModelSpec(source="hub:org/small")
BASE = Pretrained(stream=Episodes(), recipe=PretrainingRecipe(updates=8, snapshots=(0, 4)), seed=1)
START = Weights(spec=SPEC, trained=BASE)


def test_names_say_what_was_learnt_before_and_what_after():
    assert BASE.name == f"scratch.llama-w64d3.{BASE.stream.label}.s1"
    on = Pretrained(stream=Episodes(rho=0.1), start=START, seed=2)
    assert on.name == f"{BASE.name}+{on.stream.label}.s2"
    assert on.inputs == (BASE,)


def test_without_a_start_the_identity_is_what_it_was():
    assert "start" not in BASE.canonical()
    assert fingerprint(Pretrained(stream=Episodes(), start=START)) != fingerprint(Pretrained(stream=Episodes()))


def test_it_goes_on_from_a_snapshot():
    on = Pretrained(stream=Episodes(), start=START.at(4))
    assert on.start.trained.inputs == (BASE,)
    with pytest.raises(UserError, match="keeps snapshots at 0, 4"):
        START.at(5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"decoder": Decoder(width=32)}, r"decoder differs \(width: 64 → 32\)"),
        ({"decoder": Decoder(initial_std=0.1)}, r"initial_std: 0.08 → 0.1"),
    ],
)
@pytest.mark.parametrize("start", [START, START.at(4)])
def test_a_start_of_another_decoder_is_refused_when_it_is_planned(start, fields, message):
    with pytest.raises(UserError, match=message):
        Pretrained(stream=Episodes(), start=start, **fields)


class OtherTokens(Episodes):
    @property
    def tokens(self):
        return ("<pad>", "<unk>", "<bos>", "<eos>", *"0123456789abcdefghijklmnopqrstuvwxyz"[: self.vocabulary - 4])


def test_a_start_with_other_tokens_is_refused_when_it_is_planned():
    with pytest.raises(UserError, match="its tokens are others"):
        Pretrained(stream=OtherTokens(), start=START)
