"""Servers and clients for ports.bats. The server runs in a container's network namespace, the clients outside.

serve PORT FILE            TCP and UDP echo; TCP says who the client is first. FILE appears when it listens.
who HOST PORT              who the TCP server says that we are
who-udp HOST PORT          the same of UDP, and that a second datagram comes back, too
many HOST PORT N           N connections at once, all of them served, bytes unharmed, half-closed by us
sequence HOST PORT N       N connections, one after the other
slow HOST PORT             clients that say nothing, stop in the middle or do not read, and one that is served meanwhile
wait HOST PORT             connects, says "open", waits for the end
"""
import asyncio
import resource
import socket
import sys

PATIENCE = 30
LARGE = 4 << 20


def name(address):
    return address[0].removeprefix("::ffff:")


async def echo(reader, writer):
    writer.write((name(writer.get_extra_info("peername")) + "\n").encode())
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
        await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


class EchoDatagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(name(address).encode() + b" " + data, address)


async def serve(port, ready):
    loop = asyncio.get_running_loop()
    for family, any_address in (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"):
        datagrams = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        datagrams.bind((any_address, port))
        await loop.create_datagram_endpoint(EchoDatagrams, sock=datagrams)
    server = await asyncio.start_server(echo, ["0.0.0.0", "::"], port, backlog=4096)
    open(ready, "w").close()
    await server.serve_forever()


async def talk(host, port, data):
    """Who we are for the server, after it has given back `data`."""
    reader, writer = await asyncio.open_connection(host, port)
    seen = (await reader.readline()).decode().strip()
    writer.write(data)
    writer.write_eof()  # half a close: the answer still comes
    got = await reader.read(-1)
    writer.close()
    assert got == data, f"{len(got)} bytes came back of {len(data)}"
    return seen


async def who(host, port):
    print(await talk(host, port, b"x" * 100_000))


async def who_udp(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE / 2)
        for text in b"one", b"two":
            client.sendto(text, (host, port))
            answer, sender = client.recvfrom(65536)
            assert sender[:2] == (host, port), sender
            seen, _, came = answer.partition(b" ")
            assert came == text, answer
        print(seen.decode())


async def many(host, port, count):
    clients = await asyncio.gather(*(asyncio.open_connection(host, port) for _ in range(count)))
    await asyncio.gather(*(reader.readline() for reader, _ in clients))  # all are open, and the server's
    for number, (_, writer) in enumerate(clients):
        writer.write(b"%d" % number * 1000)
        writer.write_eof()
    answers = await asyncio.gather(*(reader.read(-1) for reader, _ in clients))
    right = sum(answer == b"%d" % number * 1000 for number, answer in enumerate(answers))
    for _, writer in clients:
        writer.close()
    print(right)


async def sequence(host, port, count):
    served = 0
    for number in range(count):
        with socket.create_connection((host, port), PATIENCE) as client:
            client.sendall(b"%d" % number)
            client.shutdown(socket.SHUT_WR)
            served += client.makefile("rb").read().endswith(b"\n%d" % number)
    print(served)


async def slow(host, port):
    silent = [await asyncio.open_connection(host, port) for _ in range(50)]
    stopped = [await asyncio.open_connection(host, port) for _ in range(50)]
    for _, writer in stopped:
        writer.write(b"half a requ")
    deaf = []  # they send, and do not read what comes back
    for _ in range(10):
        connection = socket.create_connection((host, port))
        connection.setblocking(False)
        try:
            while True:
                connection.send(b"d" * 65536)
        except BlockingIOError:
            deaf.append(connection)
    await talk(host, port, b"m" * LARGE)
    for reader, writer in stopped:  # they are still there
        assert await reader.readline()
        assert await reader.readexactly(11) == b"half a requ"
    print("served", len(silent), len(stopped), len(deaf))


async def wait(host, port):
    reader, _ = await asyncio.open_connection(host, port)
    await reader.readline()
    print("open", flush=True)
    try:
        await reader.read(-1)
    except OSError:
        pass


async def main(verb, *arguments):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    words = [int(word) if word.isdigit() else word for word in arguments]
    work = globals()[verb.replace("-", "_")](*words)
    await (work if verb in ("serve", "wait") else asyncio.wait_for(work, PATIENCE * 2))


asyncio.run(main(*sys.argv[1:]))
