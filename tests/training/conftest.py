import pytest
import torch


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """A folder with a tiny model."""
    from support.tiny import make_tiny_model

    return make_tiny_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def one_thread():
    """Bits are promised for the same number of threads only."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
