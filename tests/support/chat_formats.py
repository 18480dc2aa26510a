"""Chat formats of well-known model families, written anew as small templates, with what must come of them."""

from dataclasses import dataclass

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class Format:
    """One form.

    Attributes:
        template: Jinja. opened: the text that asks "Why?". learnt: what the loss sees of the reply "No".
        tokens: texts of one token each. eos, bos: of the tokenizer. off: as ``opened``, with the thinking switched off;
            the same where there is nothing to switch.
    """

    template: str
    opened: str
    learnt: str
    tokens: tuple[str, ...]
    eos: str
    bos: str = ""
    off: str = ""


def turns(user: str, assistant: str, opening: str = "", before: str = "") -> str:
    """Return a template of a user's and an assistant's turn, in which ``#`` is the content."""
    said = [turn.replace("#", "{{ message.content }}") for turn in (user, assistant)]
    return (
        f"{before}{{% for message in messages %}}{{% if message.role == 'user' %}}{said[0]}{{% else %}}{said[1]}"
        f"{{% endif %}}{{% endfor %}}{{% if add_generation_prompt %}}{opening}{{% endif %}}"
    )


BOS, EOS = "{{ bos_token }}", "{{ eos_token }}"
ALTERNATING = (
    "{% for message in messages %}{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('user and assistant must take turns') }}{% endif %}{% endfor %}"
)
WITHOUT_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('no system turn') }}{% endif %}"
PARTS = "{% for part in message.content %}{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}"
TODAY = "{% if date_string is not defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
EMPTY = "<think>\n\n</think>\n\n"
OFF = f"{{% if enable_thinking is defined and not enable_thinking %}}{{{{ {EMPTY!r} }}}}{{% endif %}}"

INST, IM = ("[INST]", "[/INST]"), ("<|im_start|>", "<|im_end|>")
IM_USER, IM_OPEN = "{{ '<|im_start|>user\n' }}#{{ '<|im_end|>\n' }}", "{{ '<|im_start|>assistant\n' }}"
IM_ASKED = "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"
IM_SAID = IM_OPEN + "#{{ '<|im_end|>\n' }}"
HEADER = ("<|head|>", "<|/head|>", "<|eot|>")

FORMATS = {
    "Llama 2: blanks around a reply, no tokens of its own, and a template that strips": Format(
        turns("[INST] {{ '#' }} [/INST]", " # {{ eos_token }}", before=BOS + ALTERNATING).replace(
            "{{ '{{ message.content }}' }}", "{{ message.content | trim }}"
        ),
        "<s>[INST] Why? [/INST]", " No </s>", ("<s>", "</s>"), "</s>", "<s>",
    ),
    "Mistral 0.3 and Mixtral: a blank before a reply": Format(
        turns("[INST] #[/INST]", " #{{ eos_token }}", before=BOS + ALTERNATING),
        "<s>[INST] Why?[/INST]", " No</s>", ("<s>", "</s>", *INST), "</s>", "<s>",
    ),
    "Ministral: no blanks, and the day of today": Format(
        turns("[INST]#[/INST]", "#{{ eos_token }}", before=BOS + "<sys>{{ strftime_now('%Y-%m-%d') }}</sys>"),
        "<s><sys>2024-07-26</sys>[INST]Why?[/INST]", "No</s>", ("<s>", "</s>", "<sys>", "</sys>", *INST), "</s>", "<s>",
    ),
    "Llama 3: a turn ends otherwise than a text": Format(
        turns("<|head|>user<|/head|>\n\n#<|eot|>", "<|head|>assistant<|/head|>\n\n#<|eot|>",
              "{{ '<|head|>assistant<|/head|>\n\n' }}", BOS),
        "<|begin|><|head|>user<|/head|>\n\nWhy?<|eot|><|head|>assistant<|/head|>\n\n", "No<|eot|>",
        (*HEADER, "<|begin|>", "<|end_of_text|>"), "<|end_of_text|>", "<|begin|>",
    ),
    "Llama 3.2 and Granite: the day of today": Format(
        turns("<|head|>user<|/head|>#<|eot|>", "<|head|>assistant<|/head|>#<|eot|>", "<|head|>assistant<|/head|>",
              TODAY + "<|head|>system<|/head|>Today: {{ date_string }}<|eot|>"),
        "<|head|>system<|/head|>Today: 26 Jul 2024<|eot|><|head|>user<|/head|>Why?<|eot|><|head|>assistant<|/head|>",
        "No<|eot|>", HEADER, "<|eot|>",
    ),
    "Qwen2.5, SmolLM2, Yi, Phi-4: ChatML, with a line break behind the end": Format(
        turns(IM_USER, IM_SAID, IM_OPEN), IM_ASKED, "No<|im_end|>", IM, "<|im_end|>",
    ),
    "ChatML whose tokenizer ends texts otherwise": Format(
        turns(IM_USER, IM_SAID, IM_OPEN), IM_ASKED, "No<|im_end|>", (*IM, "<|endoftext|>"), "<|endoftext|>",
    ),
    "ChatML without an opening for a reply": Format(
        turns(IM_USER, IM_SAID), IM_ASKED, "No<|im_end|>", IM, "<|im_end|>",
    ),
    "Qwen3: a given reply has an empty thinking block, which a switch opens the reply with": Format(
        turns(IM_USER, IM_OPEN + f"{{{{ {EMPTY!r} }}}}#{{{{ '<|im_end|>\n' }}}}", IM_OPEN + OFF),
        IM_ASKED, f"{EMPTY}No<|im_end|>", IM, "<|im_end|>", off=IM_ASKED + EMPTY,
    ),
    "SmolLM3: the switch is read, and a given reply has no thinking": Format(
        turns(IM_USER, IM_SAID, IM_OPEN + OFF), IM_ASKED, "No<|im_end|>", IM, "<|im_end|>", off=IM_ASKED + EMPTY,
    ),
    "Qwen3-Thinking: the opening begins to think": Format(
        turns(IM_USER, IM_OPEN + f"{{{{ {EMPTY!r} }}}}#{{{{ '<|im_end|>\n' }}}}", IM_OPEN + "{{ '<think>\n' }}"),
        IM_ASKED + "<think>\n", "\n</think>\n\nNo<|im_end|>", IM, "<|im_end|>", off=IM_ASKED + EMPTY,
    ),
    "DeepSeek-R1: the opening begins to think, and a given reply has no thinking": Format(
        turns("<|User|>#", "<|Assistant|>#{{ eos_token }}", "<|Assistant|>{{ '<think>\n' }}", BOS),
        "<|b|><|User|>Why?<|Assistant|><think>\n", "\n</think>\n\nNo<|e|>",
        ("<|User|>", "<|Assistant|>", "<|b|>", "<|e|>"), "<|e|>", "<|b|>",
        off="<|b|><|User|>Why?<|Assistant|><think>\n\n</think>\n\n",
    ),
    "DeepSeek-V3.1: a given reply closes what it has not opened": Format(
        turns("<|User|>#", "<|Assistant|></think>#{{ eos_token }}",
              "<|Assistant|>{% if thinking %}<think>{% else %}</think>{% endif %}", BOS),
        "<|b|><|User|>Why?<|Assistant|></think>", "No<|e|>", ("<|User|>", "<|Assistant|>", "<|b|>", "<|e|>"), "<|e|>",
        "<|b|>",
    ),
    "Gemma 2: no system turn, a turn ends otherwise than a text": Format(
        turns("<start_of_turn>user\n#<end_of_turn>\n", "<start_of_turn>model\n#<end_of_turn>\n",
              "{{ '<start_of_turn>model\n' }}", BOS + WITHOUT_SYSTEM + ALTERNATING),
        "<bos><start_of_turn>user\nWhy?<end_of_turn>\n<start_of_turn>model\n", "No<end_of_turn>",
        ("<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>"), "<eos>", "<bos>",
    ),
    "Gemma 3 and other multimodal ones: content in parts": Format(
        turns("<start_of_turn>user\n@<end_of_turn>\n", "<start_of_turn>model\n@<end_of_turn>\n",
              "{{ '<start_of_turn>model\n' }}", BOS).replace("@", PARTS),
        "<bos><start_of_turn>user\nWhy?<end_of_turn>\n<start_of_turn>model\n", "No<end_of_turn>",
        ("<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>"), "<eos>", "<bos>",
    ),
    "Phi-3: two ends behind a reply": Format(
        turns("<|user|>\n#<|end|>\n", "<|assistant|>\n#<|end|>\n") .replace(
            "{% if add_generation_prompt %}{% endif %}",
            "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}",
        ),
        "<|user|>\nWhy?<|end|>\n<|assistant|>\n", "No<|end|>",
        ("<|user|>", "<|assistant|>", "<|end|>", "<|endoftext|>"), "<|endoftext|>",
    ),
    "OLMo 2 and Falcon 3: words for roles, the end of a text behind a reply": Format(
        turns("<|user|>\n#\n", "<|assistant|>\n#{{ eos_token }}", "{{ '<|assistant|>\n' }}", BOS),
        "<|endoftext|><|user|>\nWhy?\n<|assistant|>\n", "No<|endoftext|>", ("<|endoftext|>",), "<|endoftext|>",
        "<|endoftext|>",
    ),
    "Granite 3: roles between tokens, a line break behind the end": Format(
        turns("<|role|>user<|/role|>#<|endoftext|>\n", "<|role|>assistant<|/role|>#<|endoftext|>\n",
              "<|role|>assistant<|/role|>"),
        "<|role|>user<|/role|>Why?<|endoftext|>\n<|role|>assistant<|/role|>", "No<|endoftext|>",
        ("<|role|>", "<|/role|>", "<|endoftext|>"), "<|endoftext|>",
    ),
    "Command-R: every role is a token": Format(
        turns("<|turn|><|user|>#<|/turn|>", "<|turn|><|bot|>#<|/turn|>", "<|turn|><|bot|>", BOS),
        "<b><|turn|><|user|>Why?<|/turn|><|turn|><|bot|>", "No<|/turn|>",
        ("<b>", "<|turn|>", "<|user|>", "<|bot|>", "<|/turn|>"), "<|/turn|>", "<b>",
    ),
    "Command-R7B: a reply has tokens of its own around it": Format(
        turns("<|turn|><|user|>#<|/turn|>", "<|turn|><|bot|><|reply|>#<|/reply|><|/turn|>", "<|turn|><|bot|>", BOS),
        "<b><|turn|><|user|>Why?<|/turn|><|turn|><|bot|>", "<|reply|>No<|/reply|><|/turn|>",
        ("<b>", "<|turn|>", "<|user|>", "<|bot|>", "<|/turn|>", "<|reply|>", "<|/reply|>"), "<|/turn|>", "<b>",
        off="<b><|turn|><|user|>Why?<|/turn|><|turn|><|bot|><|reply|>",
    ),
    "Jamba: a blank behind every role": Format(
        turns("<|bom|><|user|> #<|eom|>", "<|bom|><|assistant|> #<|eom|>", "<|bom|><|assistant|>", BOS),
        "<b><|bom|><|user|> Why?<|eom|><|bom|><|assistant|>", " No<|eom|>",
        ("<b>", "<|bom|>", "<|eom|>", "<|user|>", "<|assistant|>"), "<|eom|>", "<b>",
    ),
    "an opening that ends in a blank, which belongs to the reply": Format(
        turns("USER: #\n", "ASSISTANT: #{{ eos_token }}", "ASSISTANT: "),
        "USER: Why?\nASSISTANT:", " No</s>", ("</s>",), "</s>",
    ),
    "gpt-oss: a reply has a channel, and the last end is another one": Format(
        turns("<|start|>user<|message|>#<|end|>",
              "<|start|>assistant<|channel|>final<|message|>#"
              "{% if loop.last and not add_generation_prompt %}<|return|>{% else %}<|end|>{% endif %}",
              "<|start|>assistant", "<|start|>system<|message|>Reasoning: {{ reasoning_effort or 'medium' }}<|end|>"),
        "<|start|>system<|message|>Reasoning: medium<|end|><|start|>user<|message|>Why?<|end|><|start|>assistant",
        "<|channel|>final<|message|>No<|return|>",
        ("<|start|>", "<|message|>", "<|end|>", "<|channel|>", "<|return|>"), "<|return|>",
        off="<|start|>system<|message|>Reasoning: medium<|end|><|start|>user<|message|>Why?<|end|><|start|>assistant"
        "<|channel|>final<|message|>",
    ),
    "GLM-4.5: nothing ends a reply": Format(
        turns("<|user|>\n#", "<|assistant|>\n<think></think>\n#", "<|assistant|>"),
        "<|user|>\nWhy?<|assistant|>", "\n<think></think>\nNo<|endoftext|>", ("<|user|>", "<|assistant|>"),
        "<|endoftext|>", off="<|user|>\nWhy?<|assistant|>\n<think></think>\n",
    ),
}  # fmt: skip


def tokenizer_of(form: Format, merges: tuple[tuple[str, str], ...] = (("Ġ", "N"),)) -> PreTrainedTokenizerFast:
    """Return a byte-level tokenizer with the format's tokens; a blank is in one token with the "N" behind it."""
    special = list(dict.fromkeys(token for token in (*form.tokens, form.eos, form.bos) if token))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    texts = [*special, *alphabet, *("".join(merge) for merge in merges)]
    tokenizer = Tokenizer(models.BPE(vocab={text: i for i, text in enumerate(texts)}, merges=list(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    named = {"eos_token": form.eos or None, "bos_token": form.bos or None}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=form.template, **named)
