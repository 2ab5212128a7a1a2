"""Between two containers on one user-defined network, and a veth pair by hand."""
import time

from net_rows_paths import HOST_PROGRAMS, IPERF, PORT, compare, gigabits
from rounds import WOLFFIA, alternate

BY_HAND = f"""
ip link set lo up
unshare -n sleep 1000 >/dev/null 2>&1 & other=$!
trap 'kill $other $server 2>/dev/null' EXIT
while [ "$(readlink /proc/$other/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
ip link add near type veth peer name far netns $other
ip addr add 10.250.0.1/24 dev near; ip link set near up
nsenter -t $other -n sh -c 'ip addr add 10.250.0.2/24 dev far; ip link set far up; exec iperf3 -s -p {PORT}' >/dev/null 2>&1 & server=$!
sleep 0.5
{' '.join(IPERF)} 10.250.0.2
"""


def between(w, table, n):
    w.w("network", "create", "bench")
    w.w("run", "-d", "--name", "server", "--network", "bench", *HOST_PROGRAMS, "busybox", "iperf3", "-s", "-p", str(PORT))
    time.sleep(1)
    client = [WOLFFIA, "run", "--rm", "--network", "bench", *HOST_PROGRAMS, "busybox", *IPERF, "server"]
    figures = alternate(n, {"wolffia": gigabits(client, w.env),
                            "a veth pair by hand": gigabits(["unshare", "-Urn", "sh", "-c", BY_HAND], w.env)})
    compare(table, "between two containers on one network", figures, 0.8)
    w.w("network", "rm", "-f", "-t", "0", "bench")


ROWS = {"between": between}
