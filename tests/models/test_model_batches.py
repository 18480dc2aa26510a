from offdiag.models.batches import PromptBatch, common_length, fill, plan


def test_common_length_leaves_every_prompt_a_token() -> None:
    assert common_length([(1, 2, 3), (1, 2, 4)]) == 2
    assert common_length([(1, 2), (1, 2, 4), (1, 2)]) == 1
    assert common_length([(1,), (2, 3)]) == 0


def test_groups_by_beginning_and_shares_exactly_what_is_common() -> None:
    one, two = tuple(range(40)), tuple(range(100, 150))
    prompts = [(*one, 1), (*two, 1, 1), (*one, 2, 2, 2), (*two, 2), (9, 9)]
    assert plan(prompts, [0] * 5, 1000, share=True) == [
        PromptBatch((2, 0), 40),
        PromptBatch((1, 3), 50),
        PromptBatch((4,), 0),
    ]
    assert plan(prompts, [0] * 5, 1000, share=False) == [PromptBatch((1, 3, 2, 0, 4), 0)]


def test_the_budget_counts_padded_tokens_without_the_prefix() -> None:
    head = tuple(range(40))
    prompts = [head + tuple(range(100 + i, 100 + 2 * i)) for i in range(1, 9)]
    batches = plan(prompts, [2] * 8, 20, share=True)
    assert sorted(row for batch in batches for row in batch.rows) == list(range(8))
    for batch in batches:
        widest = max(len(prompts[i]) - batch.shared + 2 for i in batch.rows)
        assert len(batch.rows) == 1 or widest * len(batch.rows) <= 20
    assert len(batches) == 4


def test_a_row_over_budget_runs_alone() -> None:
    assert fill([5, 6, 7], [30, 4, 3], 10) == [(5,), (6, 7)]


def test_prompts_that_share_little_run_together_and_share_that() -> None:
    """One short system prompt: a question that many ask is a group of its own, all others are one."""
    system = tuple(range(20))
    many = [(*system, *range(50, 70), 900 + i) for i in range(4)]
    others = [(*system, 100 + i, *range(200, 230)) for i in range(3)]
    assert plan([*many, *others], [0] * 7, 1000, share=True) == [
        PromptBatch((0, 1, 2, 3), 40),
        PromptBatch((4, 5, 6), 20),
    ]


def test_a_beginning_that_saves_too_little_is_not_shared() -> None:
    prompts = [(1, 2, 3, *range(100 * i, 100 * i + 40)) for i in (1, 2)]
    assert plan(prompts, [0] * 2, 1000, share=True) == [PromptBatch((0, 1), 0)]
    twins = [(*range(20), *range(300, 312 + i)) for i in (1, 2)]  # alone they would save 12 tokens more
    alone = [(*range(20), 100 + i, *range(400, 440)) for i in range(3)]
    assert plan([*twins, *alone], [0] * 5, 1000, share=True) == [PromptBatch((2, 3, 4, 1, 0), 20)]
