from offdiag.training.checkpoints import last_complete, mark_complete, path_of


def test_only_marked_checkpoints_are_trusted(tmp_path):
    for update in (9, 10, 11):
        path_of(tmp_path, update).mkdir()
        (path_of(tmp_path, update) / "optimizer.pt").write_text("…")
    assert last_complete(tmp_path / "nowhere") is None
    mark_complete(path_of(tmp_path, 9))
    mark_complete(path_of(tmp_path, 10))
    assert last_complete(tmp_path) == path_of(tmp_path, 10)
    assert not path_of(tmp_path, 11).exists()
    assert path_of(tmp_path, 9).exists()
