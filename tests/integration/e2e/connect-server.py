"""Servers on this machine that a container's programs connect to.

connect-server.py DIR ADDRESS: writes its TCP and UDP port (the same) to DIR/port. Answers every piece of data with "<who it
came from> <the data>".
"""
import socket
import socketserver
import sys
import threading


class Stream(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(self.client_address[0].encode() + b" " + data)


class Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        data, out = self.request
        out.sendto(self.client_address[0].encode() + b" " + data, self.client_address)


class Streams(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 1024


directory, address = sys.argv[1:]
streams = Streams((address, 0), Stream)
datagrams = socketserver.UDPServer(streams.server_address, Datagram)
threading.Thread(target=datagrams.serve_forever, daemon=True).start()
with open(directory + "/port", "w") as file:
    file.write(str(streams.server_address[1]))
streams.serve_forever()
