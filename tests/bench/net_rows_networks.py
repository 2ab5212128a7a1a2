"""Between two containers on one user-defined network, and a veth pair by hand."""
import time

from net_rows_paths import HOST_PROGRAMS, IPERF, PORT, compare, gigabits
from rounds import WOLFFIA, alternate

BY_HAND = f"""
ip netns 2>/dev/null; mount -t tmpfs tmpfs /run; ip link set lo up
unshare -n sleep 1000 & other=$!
while [ "$(readlink /proc/$other/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
ip link add a type veth peer name b netns $other
ip addr add 10.250.0.1/24 dev a; ip link set a up
nsenter -t $other -n sh -c 'ip addr add 10.250.0.2/24 dev b; ip link set b up; exec iperf3 -s -1 -p {PORT}' >/dev/null &
sleep 0.5
{' '.join(IPERF)} 10.250.0.2
kill $other
"""


def between(w, table, n):
    w.w("network", "create", "bench")
    w.w("run", "-d", "--name", "server", "--network", "bench", *HOST_PROGRAMS, "busybox", "iperf3", "-s", "-p", str(PORT))
    time.sleep(1)
    client = [WOLFFIA, "run", "--rm", "--network", "bench", *HOST_PROGRAMS, "busybox", *IPERF, "server"]
    figures = alternate(n, {"wolffia": gigabits(client, w.env),
                            "a veth pair by hand": gigabits(["unshare", "-Urnm", "sh", "-c", BY_HAND], w.env)})
    compare(table, "between two containers on one network", figures, 0.8)


ROWS = {"between": between}
