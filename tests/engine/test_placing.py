"""What workers ask of a cluster, and clusters that cannot be used; without Ray."""

import socket
import threading

import pytest

from offdiag.cli import main
from offdiag.engine import on_ray, ray_cluster
from offdiag.engine.on_ray import Ray
from offdiag.engine.placing import Machine, Room, rooms, usual_workers
from offdiag.engine.ray_cluster import knock
from offdiag.errors import UserError
from offdiag.runtime import Requests, Runtime

GIB = 2**30
BOX = Machine(cores=64, gpus=8, memory=500 * GIB)
HEAD = Machine(cores=0, gpus=0, memory=4 * GIB)


def on_gpus(*needs, memory=80 * GIB):
    return rooms(needs, gpu_memory=memory, on_gpus=True)


def test_small_models_share_a_gpu_and_large_ones_have_one_or_several():
    assert on_gpus(GIB) == [Room(gpus=0.25)]
    assert on_gpus(30 * GIB, GIB, 2 * GIB) == [Room(gpus=0.5), Room(gpus=0.25)]
    assert on_gpus(65 * GIB) == [Room(gpus=1)]
    assert on_gpus(140 * GIB) == [Room(gpus=3)]
    assert on_gpus(None) == on_gpus(GIB, memory=None) == [Room(gpus=1)]
    assert on_gpus() == [Room()]


def test_a_part_leaves_room_for_what_an_estimate_leaves_out():
    assert on_gpus(20 * GIB) == [Room(gpus=0.5)]
    assert on_gpus(16 * GIB) == [Room(gpus=0.25)]


def test_without_gpus_memory_is_asked_for_in_few_sizes():
    found = rooms([3 * GIB, 3.5 * GIB, 9 * GIB, 1000, None], gpu_memory=None, on_gpus=False)
    assert found == [Room(memory=9 * GIB), Room(memory=int(3.5 * GIB)), Room(memory=1000)]


def test_as_many_workers_as_there_are_gpus_or_parts_else_one_per_machine():
    assert usual_workers(Room(gpus=1), [BOX, HEAD]) == 8
    assert usual_workers(Room(gpus=0.25), [BOX, BOX]) == 64
    assert usual_workers(Room(), [BOX, HEAD, BOX]) == 2
    assert usual_workers(Room(gpus=1), [HEAD]) == 1


@pytest.mark.parametrize(
    ("room", "machines", "workers", "cores"),
    [
        (Room(gpus=1), [BOX, HEAD], None, 8),
        (Room(gpus=0.25), [BOX], None, 2),
        (Room(), [Machine(16, 0, 0), Machine(2, 0, 0)], 2, 8),
        (Room(), [Machine(16, 0, 0), Machine(2, 0, 0)], None, 8),
        (Room(), [Machine(2, 0, 0), Machine(2, 0, 0)], 3, 1),
        (Room(), [Machine(2, 0, 0)], 50, 1),
        (Room(gpus=9), [BOX], 4, 1),
        (Room(), [], None, 1),
    ],
)
def test_cores_are_dealt_so_that_all_workers_find_room(room, machines, workers, cores):
    assert room.with_cores(machines, workers).cores == cores


def test_a_room_in_words():
    assert str(Room(2, 0.5)) == "0.5 GPU, 2 cores"
    assert str(Room(1, 2.0, 3 * GIB)) == "2 GPUs, 1 core, 3.0 GiB memory"


@pytest.fixture
def answering():
    """Starts a server that says what it is told to whoever knocks; returns its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def start(said):
            def serve():
                knocking, _ = server.accept()
                with knocking:
                    knocking.sendall(said)
                    knocking.recv(1000)
                    if not said:
                        knocking.recv(1000)  # says nothing until the other one goes

            threading.Thread(target=serve, daemon=True).start()
            return f"127.0.0.1:{server.getsockname()[1]}"

        yield start


def test_who_speaks_http_2_may_be_a_cluster(answering):
    knock(answering(bytes(3) + b"\x04" + bytes(5)))


@pytest.mark.parametrize(
    ("said", "wrong"), [(b"", "no Ray cluster answers at .*timed out"), (b"HTTP/1.1 400 Bad Request", "no Ray cluster")]
)
def test_who_does_not_is_one_line_and_no_wait(answering, said, wrong, monkeypatch):
    monkeypatch.setattr(ray_cluster, "ANSWER_S", 0.2)
    with pytest.raises(UserError, match=f"{wrong}.*ray start --head"):
        knock(answering(said))


def test_nobody_at_an_address_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UserError, match=f"no Ray cluster answers at 127.0.0.1:{port} .*refused"):
        knock(f"127.0.0.1:{port}")


@pytest.mark.parametrize("address", ["nonsense", "ray://10.0.0.1:10001", "10.0.0.1", ":6379", "host:port"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(UserError, match="expected HOST:PORT of the head of a Ray cluster"):
        knock(address)


def test_without_ray_it_is_one_line(monkeypatch):
    monkeypatch.setattr(on_ray, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'needs Ray, which is not installed; type: pip install "offdiag\[ray\]"'):
        Ray(Runtime())


@pytest.mark.parametrize("gpus", [1.5, -1])
def test_what_ray_cannot_give_is_refused(gpus, monkeypatch):
    monkeypatch.setattr(on_ray, "find_spec", lambda name: name)
    with pytest.raises(UserError, match="expected a part of one GPU such as 0.5, 1, or 0"):
        Ray(Runtime(), gpus_per_worker=gpus)
    with pytest.raises(UserError, match="a budget of requests is kept by one process"):
        Ray(Runtime(requests=Requests(most=5)))


@pytest.mark.parametrize("words", [["--address", "a:1"], ["--gpus-per-worker", "1", "--engine", "pool"]])
def test_its_options_are_for_it_alone(words, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["run", "base-addition", "--store", str(tmp_path / "store"), *words])
    assert ended.value.code == 2
    assert f"{words[0]} is for --engine ray: type that, too, or leave it out" in capsys.readouterr().err
