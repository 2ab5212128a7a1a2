#!/usr/bin/env python3
"""hostile-client.py SOCKET [SEED]: says anything to a monitor's control socket: packets of any bytes, cut ones, messages with
fields out of range, descriptors that are no pipes or the wrong way round, floods and connections that only wait. Nothing
of it is a valid request to end or stop the container. Prints how much was said; the caller looks what has become of the monitor."""
import array
import errno
import os
import random
import re
import socket
import struct
import sys

HEADER = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../../engine/runtime/control_protocol.h")
VERSION = int(re.search(r"kControlVersion = (\d+)", open(HEADER).read()).group(1))
path, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
random.seed(seed)
directory = os.open(os.path.dirname(path), os.O_DIRECTORY | os.O_RDONLY)
ATTACH, RESIZE, SIGNAL, STOP, RESTART, PAUSE, GO, POLICY, PROCESS, HEALTH = range(1, 11)
KINDS = 19
DEADLY = (SIGNAL, STOP, RESTART, PAUSE, POLICY)
ints = lambda *values: b"".join(struct.pack("<q", v) for v in values)
packet = lambda kind, body=b"": bytes([VERSION, kind]) + body


def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(f"/proc/self/fd/{directory}/{os.path.basename(path)}")  # waits while the monitor has many to accept
    s.settimeout(30)
    return s


def send(s, data, fds=()):
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    try:
        s.sendmsg([data], control)
    except (BrokenPipeError, ConnectionResetError):
        return False
    except OSError as error:
        if error.errno != errno.ETOOMANYREFS:
            raise
        return False  # a slow monitor has not read as many descriptors as a user may have under way (RLIMIT_NOFILE)
    return True


def answer(s):
    """The next packet; b"" where the monitor has closed."""
    try:
        data, control, _, _ = s.recvmsg(1 << 16, 1024)
    except ConnectionResetError:
        return b""
    for _, _, fds in control:
        for fd in array.array("i", bytes(fds[: len(fds) - len(fds) % 4])):
            os.close(fd)
    return data


def still_answers():
    with connect() as s:
        send(s, packet(PROCESS))
        got = answer(s)
        assert got[:2] == bytes([VERSION, 17]), got  # Process


def is_deadly(data):
    return len(data) >= 2 and data[0] == VERSION and data[1] in DEADLY


count = 0
# Any bytes, alone and one after the other.
for _ in range(400):
    with connect() as s:
        for _ in range(random.randrange(1, 4)):
            data = bytes([random.choice([VERSION, VERSION, VERSION, 0, 1, 255]), random.randrange(0, KINDS + 3)]) + random.randbytes(random.randrange(0, 80))
            if is_deadly(data):
                data = data[:2] + data[2:9]  # cut
            count += send(s, data)
still_answers()
# Each kind cut at each length, and with too much.
whole = [packet(ATTACH, ints(7, 1, 25, 80)), packet(RESIZE, ints(25, 80)), packet(SIGNAL, ints(9)), packet(STOP, ints(9, 0)),
         packet(RESTART, ints(0)), packet(PAUSE, ints(1)), packet(POLICY, ints(2) + b"no" + ints(0)), packet(0, ints(1) + b"x" * 40)]
for message in whole:
    for cut in [*range(0, len(message)), len(message) + 1]:
        with connect() as s:
            count += send(s, (message + b"x")[:cut] if cut else b"\0")
            got = answer(s)
            assert got == b"" or got[1] in (12,), (message, cut, got)  # Failed, or dropped
still_answers()
# Fields out of range.
for message in [packet(ATTACH, ints(-1, 0, 0, 0)), packet(ATTACH, ints(8, 0, 0, 0)), packet(ATTACH, ints(1, 2, 0, 0)), packet(RESIZE, ints(1 << 16, 1)),
                packet(SIGNAL, ints(1 << 40)), packet(SIGNAL, ints(4096)), packet(SIGNAL, ints(-9)), packet(PAUSE, ints(7)),
                packet(POLICY, ints(1 << 62) + b"always" + ints(0)), packet(GO), packet(0, ints(0, 0, 0, 0, 0, 9, 0, 0, 0, 0)), packet(11, ints(1))]:
    with connect() as s:
        count += send(s, message)
        got = answer(s)
        assert got == b"" or got[1] == 12, (message, got)
still_answers()
# Descriptors: too few, too many, no pipes, the wrong ends, our own socket, the same twice.
null, (read_end, write_end), folder = os.open("/dev/null", os.O_RDWR), os.pipe(), os.open("/", os.O_RDONLY)
full_read, full_write = os.pipe()
os.set_blocking(full_write, False)
try:
    while os.write(full_write, b"x" * 65536):
        pass
except BlockingIOError:
    pass
for _ in range(200):
    with connect() as s:
        pool = [null, read_end, write_end, folder, full_read, full_write, s.fileno()]
        for _ in range(random.randrange(1, 3)):
            fds = [random.choice(pool) for _ in range(random.randrange(0, 12))]
            streams = random.choice([0, 2, 4, 6])  # not its input: who attaches that may end it
            count += send(s, packet(ATTACH, ints(streams, random.randrange(0, 2), random.randrange(0, 3), 80)), fds)
    if random.random() < 0.1:
        with connect() as s:
            count += send(s, packet(random.choice([PROCESS, RESIZE, GO, HEALTH]), b""), [null] * 8)
still_answers()
# A client that asks and never reads, others that only wait, and more of them than there is room for.
with connect() as s:
    s.setblocking(False)
    try:
        for _ in range(5000):
            s.send(packet(PROCESS))
            count += 1
    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
        pass
still_answers()
waiting = []
for _ in range(300):
    try:
        waiting.append(connect())
    except (ConnectionRefusedError, socket.timeout, BlockingIOError):
        break
assert len(waiting) > 100, len(waiting)
for s in waiting:
    s.close()
for attempt in range(50):
    try:
        still_answers()
        break
    except AssertionError:
        if attempt == 49:
            raise
print(count, "packets")
