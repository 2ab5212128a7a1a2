"""From a container to a server on the host's loopback, and back by a published port; the start of a container with
slirp4netns; what its helpers weigh."""
import contextlib
import json
import os
import statistics
import subprocess
import time

from rounds import WOLFFIA, Peer, alternate, milliseconds

PORT = 5399
SECONDS = "2"
IPERF = ["iperf3", "-J", "-t", SECONDS, "-p", str(PORT), "-c"]
# The container has busybox; iperf3 and its libraries are the host's.
HOST_PROGRAMS = ["-v", "/usr:/usr:ro", "-v", "/lib:/lib:ro", "-v", "/lib64:/lib64:ro"]
BY_HAND = """
import os, subprocess, sys
# A network namespace, and slirp4netns as its manual has it; then the command, in it.
holder = subprocess.Popen(["unshare", "-Urn", "--kill-child", "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE)
holder.stdout.readline()
pid = open(f"/proc/{holder.pid}/task/{holder.pid}/children").read().split()
pid = pid[0] if pid else str(holder.pid)
ready, told = os.pipe()
os.set_inheritable(told, True)
slirp = subprocess.Popen(["slirp4netns", "-c", "-m", "65520", "-r", str(told), pid, "tap0"], pass_fds=[told],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
os.read(ready, 1)
code = subprocess.call(["nsenter", "--preserve-credentials", "-U", "-n", "-t", pid, *sys.argv[1:]])
slirp.terminate(); slirp.wait(); holder.kill(); holder.wait()
sys.exit(code)
"""


@contextlib.contextmanager
def server():
    process = subprocess.Popen(["iperf3", "-s", "-B", "127.0.0.1", "-p", str(PORT)], stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def gigabits(command, env):
    def run():
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            return json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"] / 1e9
        except (ValueError, KeyError):
            raise SystemExit(f"{' '.join(command)}: {(done.stdout + done.stderr).decode()[-500:]}")
    return run


def container(network):
    return [WOLFFIA, "run", "--rm", "--network", network, *HOST_PROGRAMS, "busybox", *IPERF, "10.0.2.2"]


def compare(table, work, figures, target):
    """figures: of "wolffia", and of one other."""
    ours = statistics.median(figures["wolffia"])
    label, theirs = next((label, statistics.median(f)) for label, f in figures.items() if label != "wolffia")
    table.row(work, f"{ours:.1f} Gbit/s", f"{label} {theirs:.1f} Gbit/s", f"{ours / theirs:.2f}", f">= {target}" if target else "",
              ours / theirs >= target if target else None)


def slirp(w, table, n):
    by_hand = ["python3", "-c", BY_HAND, *IPERF, "10.0.2.2"]
    with server():
        figures = alternate(n, {"wolffia": gigabits(container("slirp4netns:allow_host_loopback=true"), w.env),
                                "slirp4netns by hand": gigabits(by_hand, w.env)})
    compare(table, "container to host, slirp4netns (default)", figures, 1.0)


def bypass(w, table, n):
    with server():
        figures = alternate(n, {"wolffia": gigabits(container(FAST), w.env),
                                "the host's loopback": gigabits([*IPERF, "127.0.0.1"], w.env)})
    compare(table, "container to host, fast path", figures, 0.85)


def published(network):
    """The container's server, by a port of the host's loopback."""
    def row(w, table, n):
        name = w.w("run", "-d", "--network", network, "-p", f"127.0.0.1:{PORT + 1}:{PORT + 1}", *HOST_PROGRAMS, "busybox",
                   "iperf3", "-s", "-p", str(PORT + 1))
        time.sleep(0.5)
        there = ["iperf3", "-J", "-t", SECONDS, "-c", "127.0.0.1", "-p"]
        with server():
            figures = alternate(n, {"wolffia": gigabits([*there, str(PORT + 1)], w.env),
                                    "the host's loopback": gigabits([*there, str(PORT)], w.env)})
        w.w("rm", "-f", "-t", "0", name)
        fast = "bypass" in network
        compare(table, "host to a published port, " + ("fast path" if fast else "slirp4netns (default)"), figures,
                0.85 if fast else None)
    return row


def memory(network):
    def row(w, table, _):
        name = w.w("run", "-d", "--network", network, "-p", "127.0.0.1::80", "busybox", "sleep", "1000")
        directory = f"{w.work}/data/wolffia/containers/{w.w('inspect', '--format', '{{.Id}}', name)}"
        helpers = json.load(open(directory + "/network.json"))["helpers"]
        resident = {helper: int(open(f"/proc/{pid}/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20
                    for helper, pid in helpers.items()}
        w.w("rm", "-f", "-t", "0", name)
        table.row(f"resident in the helpers of an idle container, {network}", f"{sum(resident.values()):.1f} MiB",
                  ", ".join(f"{helper} {size:.1f}" for helper, size in resident.items()), "", "<= 12 MiB",
                  sum(resident.values()) <= 12)
    return row


def start(w, table, n):
    peer = Peer(w)
    default = lambda *words: lambda: milliseconds([*words, "true"], w.env)
    figures = alternate(2 * n, {"wolffia": default(WOLFFIA, "run", "--rm", "--network", "slirp4netns", "busybox"),
                                "podman": default("podman", "run", "--rm", "--network", "slirp4netns", peer.image)})
    peer.end()
    table.times("`run --rm --network slirp4netns busybox true`", figures, "<= 1/8 of podman, about 20 ms",
                lambda mine, ratio: ratio <= 1 / 8)


FAST = "slirp4netns:bypass=on,allow_host_loopback=true"
ROWS = {"slirp": slirp, "bypass": bypass, "published": published("slirp4netns"), "published-bypass": published(FAST),
        "start": start, "memory": memory("slirp4netns"), "memory-bypass": memory(FAST)}
