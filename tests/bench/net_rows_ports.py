"""Through a published port of a container: small HTTP answers and a stream, beside podman's rootlessport."""
import contextlib
import os
import re
import socket
import statistics
import subprocess
import time

from net_rows_paths import FAST, HOST_PROGRAMS, gigabits
from rounds import WOLFFIA, Peer, alternate
from world import SOURCE

INSIDE = 5398
WRK = ["wrk", "-t", "2", "-c", "64", "-d", "2s"]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def await_server(port):
    """The forwarders accept before the server is there, so a byte of it has to come."""
    end = time.time() + 20
    while time.time() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as s:
            s.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            if s.recv(1):
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing answers at port {port}")


def requests_per_second(port, *words):
    def run():
        done = subprocess.run([*WRK, *words, f"http://127.0.0.1:{port}/"], stdout=subprocess.PIPE, text=True)
        if "Socket errors" in done.stdout or "Non-2xx" in done.stdout:
            raise SystemExit(done.stdout)
        return float(re.search(r"Requests/sec: *([0-9.]+)", done.stdout)[1])
    return run


def compare(table, work, figures, target, unit, least):
    """Ours beside podman, with what the host does by itself, where there is no container."""
    mine, theirs, host = (statistics.median(figures[who]) for who in ("wolffia", "podman", "host"))
    show = lambda figure: f"{figure:,.0f} {unit}" if figure >= 1000 else f"{figure:.1f} {unit}"
    table.row(work, show(mine), f"podman {show(theirs)}; host alone {show(host)}",
              f"{mine / theirs:.2f} of podman, {mine / host:.2f} of host", target,
              None if least is None else mine / theirs >= least)


@contextlib.contextmanager
def server(w, network, *command):
    """One in a container of ours and the same on the host. Label -> its port on the host."""
    port = free_port()
    w.w("run", "-d", "--network", network, "-p", f"{port}:{INSIDE}", *HOST_PROGRAMS, "-v", f"{w.work}:/w:ro", "busybox", *command)
    host = subprocess.Popen([word.replace("/w/", w.work + "/") for word in command], stdout=subprocess.DEVNULL)
    try:
        yield {"wolffia": port, "host": INSIDE}
    finally:
        host.terminate()
        host.wait()


@contextlib.contextmanager
def servers(w, *command):
    """And in one of podman's."""
    port, peer = free_port(), Peer(w)
    subprocess.run(["podman", "run", "-d", "--network", "slirp4netns", "-p", f"{port}:{INSIDE}", *HOST_PROGRAMS,
                    "-v", f"{w.work}:/w:ro", peer.image, *command], env=w.env, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with server(w, "slirp4netns", *command) as ports:
            yield {**ports, "podman": port}
    finally:
        peer.end()


KINDS = {"small HTTP answers through a published port, 64 connections": [],
         "the same, a connection for each": ["-H", "Connection: close"]}


def answers(w):
    """The server's command."""
    subprocess.run(["c++", "-O2", "-static", "-o", w.work + "/http_answers",
                    os.path.join(SOURCE, "tests/bench/http_answers.cc")], check=True)
    return "/w/http_answers", str(INSIDE)


def requests(ports, n, words):
    for port in ports.values():
        await_server(port)
    return alternate(n, {who: requests_per_second(port, *words) for who, port in ports.items()})


def http(w, table, n):
    with servers(w, *answers(w)) as ports:
        for work, words in KINDS.items():
            compare(table, work, requests(ports, n, words), ">= podman", "/s", 1.0)


def http_bypass(w, table, n):
    with server(w, FAST, *answers(w)) as ports:
        for work, words in KINDS.items():
            figures = requests(ports, n, words)
            mine, host = (statistics.median(figures[who]) for who in ("wolffia", "host"))
            table.row(work + ", fast path", f"{mine:,.0f} /s", f"host alone {host:,.0f} /s", f"{mine / host:.2f}", ">= 0.8",
                      mine / host >= 0.8)


def stream(w, table, n):
    with servers(w, "iperf3", "-s", "-p", str(INSIDE)) as ports:
        time.sleep(1)
        client = lambda port: ["iperf3", "-J", "-t", "2", "-c", "127.0.0.1", "-p", str(port)]
        figures = alternate(n, {who: gigabits(client(port), w.env) for who, port in ports.items()})
        compare(table, "one stream through a published port", figures, "", "Gbit/s", None)


ROWS = {"http": http, "http-bypass": http_bypass, "stream": stream}
