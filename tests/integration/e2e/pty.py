#!/usr/bin/env python3
"""pty.py [--size ROWSxCOLUMNS] [--timeout S] [--no-controlling] SCRIPT COMMAND...: runs a command on a terminal of its own.

SCRIPT is lines (or, as "-", standard input), each a step with Python's escapes (\\r, \\x10, ...) in its text:
  expect TEXT      waits until TEXT has appeared behind what the last expect found
  send TEXT        types it (nothing is added: end a line with \\r)
  resize ROWS COLUMNS
  kill SIGNAL      to the command: TERM, KILL, STOP, CONT, ...
  group SIGNAL     to the terminal's foreground process group
  sleep SECONDS
  hangup           closes the terminal
Then it waits for the command's end. Printed: all that was on the screen (line ends as \\n), then a line "[exit N]" or
"[signal N]", then "[termios same]" or "[termios changed]": the terminal's mode before and after. Exit code 0; 1 after a
timeout or a text that never came, with "[timeout: STEP]"; then the command is killed."""
import argparse
import codecs
import fcntl
import os
import select
import signal
import struct
import sys
import termios
import time


def set_size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Timeout(Exception):
    pass


class Terminal:
    def __init__(self, options, command):
        self.screen, self.seen, self.status = b"", 0, None
        self.deadline = time.monotonic() + options.timeout
        self.master, self.side = os.openpty()
        rows, columns = map(int, options.size.split("x"))
        set_size(self.master, rows, columns)
        self.before = termios.tcgetattr(self.side)
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            if not options.no_controlling:
                fcntl.ioctl(self.side, termios.TIOCSCTTY, 0)
            for fd in (0, 1, 2):
                os.dup2(self.side, fd)
            os.closerange(3, 64)
            os.execvp(command[0], command)

    def read(self, seconds):
        """Output of at most so long; False at a moment without any."""
        if self.master < 0:
            time.sleep(seconds)
            return False
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            self.screen += os.read(self.master, 65536)
        except OSError:
            return False
        return True

    def ended(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status is not None

    def until(self, done, step):
        while not done():
            if time.monotonic() > self.deadline:
                raise Timeout(step)
            over = self.ended()
            if not self.read(0.02) and over and not done():
                raise Timeout(step + " (the command has ended)")

    def found(self, text):
        at = self.screen.find(text, self.seen)
        if at >= 0:
            self.seen = at + len(text)
        return at >= 0

    def step(self, line):
        word, _, rest = line.partition(" ")
        text = codecs.escape_decode(rest.encode())[0]
        if word == "expect":
            self.until(lambda: self.found(text), line)
        elif word == "send":
            os.write(self.master, text)
        elif word == "resize":
            set_size(self.master, *map(int, rest.split()))
        elif word == "kill":
            os.kill(self.pid, getattr(signal, "SIG" + rest))
        elif word == "group":
            os.killpg(os.tcgetpgrp(self.master), getattr(signal, "SIG" + rest))
        elif word == "sleep":
            end = time.monotonic() + float(rest)
            while time.monotonic() < end:
                self.read(0.02)
        elif word == "hangup":
            os.close(self.master)
            os.close(self.side)
            self.master = self.side = -1
        else:
            raise SystemExit(f"pty.py: unknown step: {line}")

    def finish(self):
        while not self.ended():
            if time.monotonic() > self.deadline:
                raise Timeout("the command's end")
            self.read(0.02)
        while self.read(0):
            pass

    def report(self):
        out = self.screen.replace(b"\r\n", b"\n")
        if out and not out.endswith(b"\n"):
            out += b"\n"
        sys.stdout.buffer.write(out)
        code = os.waitstatus_to_exitcode(self.status)
        print(f"[exit {code}]" if code >= 0 else f"[signal {-code}]")
        if self.side >= 0:
            same = termios.tcgetattr(self.side) == self.before
            print("[termios same]" if same else "[termios changed]")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="24x80")
    parser.add_argument("--timeout", type=float, default=15)
    parser.add_argument("--no-controlling", action="store_true")
    parser.add_argument("script")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    script = sys.stdin.read() if options.script == "-" else options.script
    terminal = Terminal(options, options.command)
    failed = None
    try:
        for line in filter(str.strip, script.splitlines()):
            terminal.step(line.strip())
        terminal.finish()
    except Timeout as problem:
        failed = problem
        os.kill(terminal.pid, signal.SIGKILL)
        terminal.status = os.waitpid(terminal.pid, 0)[1] if terminal.status is None else terminal.status
    terminal.report()
    if failed:
        print(f"[timeout: {failed}]")
    return 1 if failed else 0


sys.exit(main())
