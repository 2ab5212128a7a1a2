"""What programs do with a socket around connect(2), in a container: each function is one habit, and ends with "ok".

connect-client.py ADDRESS PORT HABIT...: the server is connect-server.py.
"""
import errno
import os
import select
import signal
import socket
import subprocess
import sys
import threading

peer = (sys.argv[1], int(sys.argv[2]))


def stream():
    s = socket.socket()
    s.settimeout(None)
    return s


def talk(s, text=b"hi"):
    s.sendall(text)
    answer = s.recv(100)
    assert answer.endswith(b" " + text), answer


def blocking():
    s = stream()
    s.connect(peer)
    talk(s)
    assert s.getpeername()[1] == peer[1]
    assert s.connect_ex(peer) == errno.EISCONN
    assert not os.get_inheritable(s.fileno())


def refused():
    s = stream()
    assert s.connect_ex((peer[0], 1)) == errno.ECONNREFUSED
    s.connect(peer)  # the same socket, again
    talk(s)


def nonblocking():
    s = stream()
    s.setblocking(False)
    error = s.connect_ex(peer)
    assert error in (0, errno.EINPROGRESS), error
    assert select.select([], [s], [], 20)[1]
    assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    s.setblocking(True)
    talk(s)


def epoll():
    """Known to two sets before it is connected."""
    s, first, second = stream(), select.epoll(), select.epoll()
    s.setblocking(False)
    first.register(s, select.EPOLLOUT)
    second.register(s, select.EPOLLIN | select.EPOLLET)
    s.connect_ex(peer)
    assert first.poll(20) == [(s.fileno(), select.EPOLLOUT)]
    first.modify(s, 0)
    s.send(b"hi")
    assert second.poll(20) == [(s.fileno(), select.EPOLLIN)]
    second.unregister(s)


def options():
    wanted = {(socket.SOL_SOCKET, socket.SO_KEEPALIVE): 1, (socket.IPPROTO_TCP, socket.TCP_NODELAY): 1,
              (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE): 77, (socket.IPPROTO_IP, socket.IP_TOS): 16}
    s = stream()
    for option, value in wanted.items():
        s.setsockopt(*option, value)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 50000)
    s.connect(peer)
    for option, value in wanted.items():
        assert s.getsockopt(*option) == value, option
    assert s.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 100000
    talk(s)


def duplicate():
    s = stream()
    second = s.dup()
    s.connect(peer)
    talk(second)


def fork():
    """Connected by the child; then by the parent, and used by the child, and by a program that inherits it."""
    child = os.fork()
    if child == 0:
        blocking()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    s = stream()
    s.connect(peer)
    child = os.fork()
    if child == 0:
        talk(s)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    code = "import socket, sys; s = socket.socket(fileno=int(sys.argv[1])); s.sendall(b'hi'); assert s.recv(100).endswith(b' hi')"
    subprocess.run([sys.executable, "-c", code, str(s.fileno())], pass_fds=[s.fileno()], check=True)


def threads():
    done = []

    def one():
        for _ in range(20):
            blocking()
        done.append(1)

    workers = [threading.Thread(target=one) for _ in range(16)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(done) == 16


def thousand():
    for _ in range(1000):
        s = stream()
        s.connect(peer)
        s.close()


def interrupted():
    """Signals rain while it connects; its calls are restarted (SA_RESTART)."""
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.siginterrupt(signal.SIGALRM, False)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    for _ in range(300):
        blocking()
    signal.setitimer(signal.ITIMER_REAL, 0)


def datagrams():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(20)
    s.connect(peer)
    talk(s)
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.settimeout(20)
    other.sendto(b"hi", peer)
    assert other.recv(100).endswith(b" hi")


def own():
    """Its own loopback, and its own unix sockets."""
    listener = socket.create_server(("127.0.0.1", 0))
    s = stream()
    s.connect(listener.getsockname())
    accepted, _ = listener.accept()
    s.sendall(b"hi")
    assert accepted.recv(10) == b"hi"
    name = socket.socket(socket.AF_UNIX)
    name.bind("\0connect-client")
    name.listen()
    socket.socket(socket.AF_UNIX).connect("\0connect-client")


for habit in sys.argv[3:]:
    globals()[habit]()
    print(habit, "ok", flush=True)
