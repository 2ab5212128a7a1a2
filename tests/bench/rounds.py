"""Alternating rounds, and the table at the end: what the benches of containers share."""
import statistics
import subprocess
import sys
import time

from world import BIN

WOLFFIA = BIN + "/wolffia"


def alternate(rounds, runs, warm_up=1):
    """runs: label -> callable that returns a figure. Each in turn; label -> figures, without those of the warm-up."""
    figures = {label: [] for label in runs}
    for turn in range(rounds + warm_up):
        for label, run in runs.items():
            figure = run()
            if turn >= warm_up:
                figures[label].append(figure)
    return figures


def milliseconds(command, env, ok=(0,)):
    """Of one run of the command, from fork to its end."""
    start = time.perf_counter()
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    took = (time.perf_counter() - start) * 1000
    if done.returncode not in ok:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.decode()[-500:]}")
    return took


def quantile(figures, part):
    return sorted(figures)[min(len(figures) - 1, int(len(figures) * part))]


class Table:
    def __init__(self):
        self.rows = []

    def row(self, work, ours, peer, ratio, target, met):
        self.rows.append((work, ours, peer, ratio, target, {True: "yes", False: "**no**", None: ""}[met]))
        print(f"{work}: wolffia {ours}; {peer}; {ratio}", file=sys.stderr, flush=True)

    def times(self, work, figures, target, met, unit="ms"):
        """figures: of "wolffia" and "podman" (which may be missing). met(mine, ratio or None)."""
        mine = statistics.median(figures["wolffia"])
        theirs = statistics.median(figures["podman"]) if figures.get("podman") else None
        ratio = mine / theirs if theirs else None
        text = f"{mine:.1f} {unit} (p95 {quantile(figures['wolffia'], 0.95):.1f})"
        self.row(work, text, f"podman {theirs:.1f} {unit}" if theirs else "", f"{ratio:.3f}" if ratio else "", target,
                 met(mine, ratio))

    def show(self):
        print("| work | wolffia | peer | ratio | target | met |\n|---|---|---|---|---|---|")
        for row in self.rows:
            print("| " + " | ".join(row) + " |")


class Peer:
    """podman with the same busybox image; `image` is its id."""

    def __init__(self, world):
        self.world = world
        world.podman("pull", "-q", f"oci-archive:{BIN}/../share/wolffia/busybox.tar")
        self.image = world.podman("images", "-q").split()[0]

    def run(self, *options, command):
        return self.world.podman("run", "-d", "--network", "none", *options, self.image, *command)

    def end(self):
        subprocess.run(["podman", "rm", "-af", "-t", "0"], env=self.world.env, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def end_all(world):
    """No container of wolffia's is left, so that the world's folder can be removed."""
    subprocess.run([WOLFFIA, "rm", "-af", "-t", "0"], env=world.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
