"""A name server on port 53: names.py ADDRESS ANSWER [FILE]. Every name has the IPv4 address ANSWER. FILE appears when it listens."""
import socket
import sys

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
if len(sys.argv) > 3:
    open(sys.argv[3], "w").close()
while True:
    query, client = server.recvfrom(512)
    answer = b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04" + socket.inet_aton(sys.argv[2])
    server.sendto(query[:2] + b"\x85\x80\0\x01\0\x01\0\0\0\0" + query[12:] + answer, client)
