#!/bin/bash
# fs-work.sh rows|four|walk|read: file-system work of an ordinary day, run inside a fresh container of an image with gcc, git
# and python3 (fs-bench gives it to `bash -c`). Prints "row microseconds" a line, or "row FAILED what it said last".
#   rows  every row, one process
#   four  the first rows by four processes at once; each makes its own files, and copies up its own quarter
#   walk  read   the first pass alone, for cold caches
export LC_ALL=C
log=/tmp/fs-work.err

row() {  # row NAME COMMAND...
  local name=$1 from=${EPOCHREALTIME/./} to
  shift
  if "$@" >/dev/null 2>"$log"; then
    to=${EPOCHREALTIME/./}
    echo "$name $((to - from))"
  else
    echo "$name FAILED $(tail -n 1 "$log")"
  fi
}

four() {  # four COMMAND...: side by side, each told its number; fails when one fails
  local i pids=() failed=0
  for i in 1 2 3 4; do
    "$@" "$i" &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i" || failed=1; done
  return $failed
}

walk() { find /usr /etc /var -xdev -printf '%p %s %m\n' | wc -l; }
contents() { tar cf - /usr/lib /usr/share | cat >/dev/null; }  # to a pipe: tar reads nothing for /dev/null
execs() { for _ in {1..200}; do /bin/true || return; done; }
compiles() {
  local i
  for i in {1..10}; do
    printf '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint main(void) { return puts("%s") < 0; }\n' "$i" |
      gcc -O0 -x c -o "/tmp/program$1" - || return
  done
}
pythons() { for _ in {1..10}; do python3 -c 'import os, sys, json' || return; done; }
small_files() {
  local top=/small$1 d f
  mkdir "$top" || return
  for d in {1..20}; do
    mkdir "$top/$d" || return
    for f in {1..100}; do echo "file $f of directory $d" >"$top/$d/$f" || return; done
  done
}
# The files that are copied up: 1,500 small ones, by their owner's hands: half by chmod, half by touch.
choose_files() { find /usr/share/perl /usr/share/perl5 /usr/lib/python3* /usr/lib/gcc /usr/include -type f | head -n 1500 >/tmp/chosen; }
change_files() {  # change_files [QUARTER]
  local first=1 last=1500
  [ -z "$1" ] || { first=$((($1 - 1) * 375 + 1)); last=$(($1 * 375)); }
  local middle=$(((first + last) / 2))
  sed -n "$first,${middle}p" /tmp/chosen | xargs -n 200 chmod u+w,o-w &&
    sed -n "$((middle + 1)),${last}p" /tmp/chosen | xargs -n 200 touch
}
copy_tree() { cp -a /usr/share /copy; }
commit() {
  cd /copy && git init -q . && git add -A && git -c user.email=bench@example.org -c user.name=bench commit -qm all &&
    [ -z "$(git status --porcelain)" ]
}
renames() {
  mkdir /renames
  local i
  for i in {1..500}; do
    echo "$i" >/renames/new && mv /renames/new "/renames/$i" || return
  done
}
remove_tree() { rm -rf /copy && [ ! -e /copy ]; }
write_large() { dd if=/dev/zero of=/large bs=1M count=512 conv=fsync; }
read_large() { dd if=/large of=/dev/null bs=1M; }
read_random() {
  python3 -c '
import os
fd = os.open("/large", os.O_RDONLY)
for i in range(30000):
    if len(os.pread(fd, 4096, (i * 2654435761) % (512 * 256) * 4096)) != 4096: raise SystemExit("short read")'
}

cd /tmp || exit
case $1 in
  walk) row walk-cold walk ;;
  read) row read-cold contents ;;
  rows)
    row walk-first walk
    row walk-again walk
    row read-first contents
    row read-again contents
    row exec execs
    row compile compiles
    row python pythons
    row create small_files 0
    choose_files
    row copy-up change_files
    row cp copy_tree
    row git commit
    row rename renames
    row rm remove_tree
    row write write_large
    row read read_large
    row random read_random
    ;;
  four)
    row four-walk-first four walk
    row four-walk-again four walk
    row four-read-first four contents
    row four-read-again four contents
    row four-exec four execs
    row four-compile four compiles
    row four-python four pythons
    row four-create four small_files
    choose_files
    row four-copy-up four change_files
    ;;
esac
