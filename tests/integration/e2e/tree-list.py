#!/usr/bin/python3
"""Lists a tree: one sorted line a name, with type, mode, owner, size, mtime, link target, link group, xattrs and content hash.

Run as root inside a container (or in its user namespace) so that two engines' views of one image can be compared.
Usage: tree-list.py ROOT
"""
import errno
import hashlib
import os
import stat
import sys

root = sys.argv[1].rstrip("/") + "/."  # ROOT may be a link, as /proc/PID/root is
device = os.lstat(root).st_dev
links = {}
skip = {"proc", "sys", "dev", "run", "etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab"}


def attributes(path):
    try:
        return sorted(os.listxattr(path, follow_symlinks=False))
    except OSError as error:  # an image without any has a file system without any
        if error.errno != errno.ENOTSUP:
            raise
        return []


def line(path, name):
    st = os.lstat(path)
    parts = [repr(name), str(st.st_uid), str(st.st_gid)]
    if name:  # few layers say anything of the root itself, and engines differ in what they take then
        parts += [oct(st.st_mode), str(int(st.st_mtime))]
    if stat.S_ISREG(st.st_mode):
        parts += [str(st.st_size), str(st.st_nlink)]
        if st.st_nlink > 1:
            parts.append("same as " + links.setdefault(st.st_ino, repr(name)))
        with open(path, "rb") as file:
            parts.append(hashlib.sha256(file.read()).hexdigest()[:16])
    elif stat.S_ISLNK(st.st_mode):
        parts.append(repr(os.readlink(path)))
    elif stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
        parts.append(str(st.st_rdev))
    for attribute in attributes(path):
        parts.append(attribute + "=" + os.getxattr(path, attribute, follow_symlinks=False).hex())
    print(" ".join(parts))


def walk(path, name):
    if name in skip:
        return
    line(path, name)
    if stat.S_ISDIR(os.lstat(path).st_mode):
        for entry in sorted(os.listdir(os.fsencode(path))):
            entry = os.fsdecode(entry)
            walk(os.path.join(path, entry), (name + "/" + entry).lstrip("/"))


walk(root, "")
