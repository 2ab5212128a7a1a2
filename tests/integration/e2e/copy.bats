#!/usr/bin/env bats
# `cp` and `diff`: both uppers, running and not, tar streams, and no way out of the container's root.
load support

FUSE="--storage-opt upper=fuse" KERNEL="--storage-opt upper=kernel"

setup_file() { fresh_home "$BATS_FILE_TMPDIR/w"; wolffia run --rm busybox true; }
setup() { cd "$BATS_TEST_TMPDIR"; }
teardown() {
  wolffia rm -af >/dev/null
  assert_clean
}

# A container c of the given flags that runs (or only exists), with a tree /t in it.
running() { wolffia run -d --network=none --name c "$@" busybox sleep 1000 >/dev/null; }
created() { wolffia create --network=none --name c "$@" busybox cat /in/file >/dev/null; }

make_tree() {
  mkdir -p tree/sub/deep tree/empty
  echo one >tree/file; echo two >$'tree/new\nline'; ln tree/file tree/sub/hard
  ln -s ../file tree/sub/link; ln -s /etc/passwd tree/absolute; ln -s nowhere tree/dangling
  head -c 3000000 /dev/urandom >tree/sub/deep/random
  chmod 0400 tree/file; chmod 01777 tree/empty; chmod 0750 tree/sub; touch -d '2001-02-03 04:05:06.7' tree/sub/deep
}
listing() {
  (cd "$1" && find . -printf '%P|%y|%m|%n|%T@|%l\n' | grep -v '^|' | sort && find . -type f -exec sha256sum {} + | sort -k2)
}

@test "a tree goes in and comes out as it was, on both uppers, running and not" {
  make_tree
  local upper state
  for upper in "$KERNEL" "$FUSE"; do
    for state in running created; do
      $state $upper
      run -0 wolffia cp tree c:/in
      assert_output_is ""
      wolffia cp tree/. c:/in2
      wolffia cp c:/in "out-$state"
      [ "$(listing tree)" = "$(listing "out-$state")" ]
      wolffia cp c:/in2 "out-$state"
      [ "$(listing tree)" = "$(listing "out-$state/in2")" ]
      [ "$(stat -c %u "out-$state/file")" = "$(id -u)" ]
      wolffia rm -f c
      rm -rf "out-$state"
    done
  done
}

@test "a container that does not run is not executed, and starts afterwards" {
  created
  echo hello >file
  mkdir dir
  wolffia cp dir c:/in
  wolffia cp file c:/in
  [ "$(wolffia ps -a --format '{{.State}}')" = created ]
  run -0 wolffia start -a c
  assert_output_is hello
  echo again >file
  wolffia cp file c:/in/file
  [ "$(wolffia ps -a --format '{{.State}}')" = exited ]
  run -0 wolffia start -a c
  assert_output_is again
  run -0 wolffia cp c:/in/file -
  assert_output_has again
}

@test "a container that waits for its start takes copies" {
  echo waits >f
  wolffia create --network=none --name c busybox cat /tmp/f >/dev/null
  wolffia init c
  wolffia cp f c:/tmp/
  run -0 wolffia diff c
  assert_output_is $'C /tmp\nA /tmp/f'
  wolffia start c
  wolffia wait c
  [ "$(wolffia logs c)" = waits ]
}

@test "sources and destinations by the rules of podman" {
  running
  mkdir -p d/inner h; echo x >d/f; echo y >file
  wolffia cp d c:/d          # new
  wolffia cp d c:/d          # into
  wolffia cp d/. c:/d        # contents
  wolffia cp d/f c:/d/g      # a new name
  wolffia cp d/f c:/d/inner  # into
  run -0 bash -c 'wolffia cp c:/d - | tar t | sort | tr "\n" " "'
  assert_output_is "d/ d/d/ d/d/f d/d/inner/ d/f d/g d/inner/ d/inner/f "
  run -0 bash -c 'wolffia cp c:/d/. - | tar t | sort | tr "\n" " "'
  assert_output_is "d/ d/f d/inner/ f g inner/ inner/f "
  wolffia cp file c:tmp/relative
  wolffia cp c:/tmp/relative .
  [ "$(cat relative)" = y ]
  # Links are followed where they are named, and the name is the target's.
  ln -s file link; ln -s nowhere dangling
  wolffia cp link c:/tmp
  wolffia cp c:/tmp/file h
  [ "$(cat h/file)" = y ]
  ln -s /tmp/target h/to-tmp; ln -s /d h/to-d
  wolffia cp h/. c:/links
  wolffia cp file c:/links/to-tmp
  wolffia cp file c:/links/to-d
  wolffia cp c:/tmp/target got
  wolffia cp c:/links/to-d/file got2
  cmp got file; cmp got2 file
  run -125 wolffia cp dangling c:/
  assert_output_has '"dangling" could not be found on the host: no such file or directory'
}

@test "errors say which end is wrong" {
  running
  mkdir -p d; touch d/x file
  check() { run -125 wolffia cp "${@:2}"; assert_output_is "Error: $1"; }
  check '"/nope" could not be found on container c: no such file or directory' c:/nope .
  check '"nodir/" could not be found on the host: no such file or directory' c:/etc/hosts nodir/
  check '"nodir/x" could not be found on the host: no such file or directory' c:/etc/hosts nodir/x
  check '"nope" could not be found on the host: no such file or directory' nope c:/
  check '"/no/x/y" could not be found on container c: no such file or directory' file c:/no/x/y
  check '"/no/" could not be found on container c: no such file or directory' file c:/no/
  check 'destination must be a directory when copying a directory' d c:/etc/hosts
  check 'destination must be a directory when copying a directory' c:/etc file
  check 'destination must be a directory when copying from stdin' - c:/etc/hosts </dev/null
  check 'destination must be a directory when copying from stdin' - c:/nope </dev/null
  check 'source must be a (compressed) tar archive when copying from stdin: it is empty' - c:/ </dev/null
  check 'container "nope" does not exist' nope:/x .
  check 'invalid arguments "c:", "x": you must specify paths' c: x
  check 'invalid arguments "a", "b": name a container, as CONTAINER:PATH' a b
  check 'cannot copy the directory "/etc" into itself' c:/etc c:/etc/x
  run -125 wolffia cp - c:/ < <(head -c 5000 /dev/urandom)
  assert_output_has 'source must be a (compressed) tar archive when copying from stdin'
  run -125 wolffia cp file
  mkdir -p dest/file
  wolffia cp file c:/tmp/file
  run -125 wolffia cp c:/tmp/file dest
  assert_output_has 'cannot overwrite the directory file with a non-directory: use --overwrite'
  wolffia cp --overwrite c:/tmp/file dest
  [ -f dest/file ]
}

@test "owners: the container's user, or as they were" {
  local user
  running --user 5:7
  echo x >f
  wolffia cp f c:/tmp/mine
  wolffia cp -a=false f c:/tmp/roots
  run -0 bash -c 'wolffia cp c:/tmp/mine - | tar tv --numeric-owner; wolffia cp c:/tmp/roots - | tar tv --numeric-owner'
  [[ "${lines[0]}" = *" 5/7 "* && "${lines[1]}" = *" 0/0 "* ]] || fail "$output"
  tar c --owner=33:33 --group=44:44 f | wolffia cp -a=false - c:/tmp
  run -0 bash -c 'wolffia cp c:/tmp/f - | tar tv --numeric-owner'
  assert_output_has " 33/44 "
  wolffia rm -f c
  running --userns=keep-id
  wolffia cp f c:/tmp/mine
  wolffia cp -a=false f c:/tmp/kept
  user=$(id -u)/$(id -g)
  run -0 bash -c 'wolffia cp c:/tmp/mine - | tar tv --numeric-owner; wolffia cp c:/tmp/kept - | tar tv --numeric-owner'
  [[ "${lines[0]}" = *" $user "* && "${lines[1]}" = *" $user "* ]] || fail "$output"
  wolffia cp c:/tmp/kept back
  [ -O back ]
}

@test "from container to container, and streams" {
  make_tree
  running
  wolffia create --name other --network=none $FUSE busybox true >/dev/null
  wolffia cp tree c:/t
  wolffia cp c:/t other:/t
  wolffia cp other:/t out
  [ "$(listing tree)" = "$(listing out)" ]
  wolffia cp c:/t c:/t2
  wolffia cp c:/t2 out2
  [ "$(listing tree)" = "$(listing out2)" ]
  tar cz --format=pax -C tree . | wolffia cp - other:/tmp
  mkdir out3
  wolffia cp other:/tmp/. - | tar xp -C out3
  [ "$(listing tree)" = "$(listing out3)" ]
}

@test "no link leads out of the container's root, and no name out of the destination" {
  running
  echo secret >secret
  mkdir in
  ln -s "$PWD/secret" in/abs; ln -s ../../../../../../../../../../../../"$PWD/secret" in/up; ln -s ../../../../../../etc in/etc
  wolffia cp in c:/in
  run -125 wolffia cp c:/in/abs got
  assert_output_has "could not be found on container c"
  run -125 wolffia cp c:/in/up got
  wolffia cp c:/in/etc/hosts hosts   # the container's own
  run -0 cat hosts
  assert_output_has localhost
  [ "$(sha256sum <hosts)" != "$(sha256sum </etc/hosts)" ]
  # A copied link is a link; what comes after it in a stream is not written through it.
  mkdir out outside
  ln -s "$PWD/outside" evil
  tar c evil >evil.tar
  mkdir tmp; mv evil evil-link; mkdir evil; echo pwned >evil/file
  tar rf evil.tar evil/file
  wolffia cp - c:/tmp <evil.tar || true
  [ -z "$(ls -A outside)" ]
  printf x | tar c --transform 's,^,../../../,' -P secret | { run -125 wolffia cp - c:/tmp; assert_output_has "leads out"; }
}

@test "a process that swaps a directory for a link cannot lead a copy to the host" {
  mkdir race host; echo inside >race/file; echo host >host/file; echo host >host/other
  wolffia run -d --network=none --name c -e "HOST=$PWD/host" busybox sh -c \
    'mkdir -p /a $HOST; echo own >$HOST/other
    while :; do mv /a /x; ln -s $HOST /a; rm /a; ln -s ../../../../..$HOST /a; rm /a; mv /x /a; done' >/dev/null
  local i
  for i in $(seq 40); do
    wolffia cp race/file c:/a/ 2>/dev/null || true
    rm -rf got
    wolffia cp c:/a/other got 2>/dev/null || true
    if [ -e got ]; then [ "$(cat got)" = own ]; fi
    rm -rf got
    wolffia cp c:/a/. got 2>/dev/null || true
    [ ! -e got ] || run -1 grep -rx host got
  done
  [ "$(cat host/file host/other; ls host)" = $'host\nhost\nfile\nother' ]
}

@test "mounts are seen, files of mounts replaced in place, read-only ones refused" {
  mkdir vol ro; echo v >vol/x; echo r >ro/x; echo new >n
  running -v "$PWD/vol:/vol" -v "$PWD/ro:/ro:ro" --tmpfs /scratch
  wolffia cp n c:/vol/
  [ "$(cat vol/n)" = new ]
  wolffia cp n c:/scratch
  wolffia cp c:/scratch/n back; cmp n back
  wolffia cp n c:/etc/hosts
  wolffia cp c:/etc/hosts back; cmp n back
  run -125 wolffia cp n c:/ro/
  assert_output_has "Read-only file system"
  run -0 wolffia cp c:/proc/version v  # no endless files, but what is asked for by name
}

@test "a sparse file stays sparse and quick" {
  running
  truncate -s 4G big; echo end >>big
  run -0 timeout 10 wolffia cp big c:/big
  run -0 timeout 10 wolffia cp c:/big back
  [ "$(stat -c %s back)" = $((4 * 1024 * 1024 * 1024 + 4)) ]
  [ "$(du -k back | cut -f1)" -lt 1000 ]
  [ "$(tail -c 4 back)" = end ]
}

@test "what is interrupted leaves no half file; a full disk is said" {
  running --tmpfs /small:size=1m
  head -c 3000000 /dev/zero | tr '\0' x >big
  run -125 wolffia cp big c:/small/big
  assert_output_has "No space left on device"
  [ -z "$(wolffia cp c:/small/. - | tar t)" ]
  wolffia cp big c:/big
  run bash -c 'wolffia cp c:/big - | head -c 100 | wc -c'
  assert_output_is 100
}

@test "many at once, on one container that does not run" {
  created $FUSE
  local i pids=()
  for i in $(seq 8); do echo "$i" >"f$i"; wolffia cp "f$i" "c:/tmp/f$i" & pids+=($!); done
  for i in "${pids[@]}"; do wait "$i"; done
  wolffia cp c:/tmp got
  [ "$(cat got/f[1-8] | tr '\n' ' ')" = "1 2 3 4 5 6 7 8 " ]
  [ "$(wolffia ps -a --format '{{.State}}')" = created ]
}

@test "kill -9 at any moment leaves no monitor and no root behind" {
  created
  head -c 50000000 /dev/zero | tr '\0' x >big
  local delay pid
  for delay in 0.005 0.01 0.015 0.02 0.025 0.03 0.04 0.06 0.1; do
    wolffia cp big c:/big & pid=$!
    sleep $delay
    kill -9 $pid 2>/dev/null || true  # it may have ended
    wait $pid || true
  done
  run -0 timeout 15 wolffia cp big c:/last
  gone() { [ -z "$(leftover_processes)" ]; }
  eventually gone
  [ -z "$(ls -A "$XDG_RUNTIME_DIR/wolffia/monitors")" ]
  wolffia rm c >/dev/null
}

@test "start and rm right after a copy, which is still giving the root back" {
  wolffia create --network=none --name c busybox sleep 1000 >/dev/null
  local i
  for i in 1 2 3 4 5; do
    wolffia cp c:/bin/busybox got
    wolffia start c >/dev/null
    [ "$(wolffia ps --format '{{.Names}} {{.State}}')" = "c running" ]
    wolffia stop -t 0 c >/dev/null
    wolffia diff c >/dev/null
    [ "$(wolffia ps -a --format '{{.State}}')" = exited ]
  done
  wolffia diff c >/dev/null
  wolffia rm c >/dev/null
}

@test "copies of one file at the same time: one of them wins" {
  running
  local i pids=()
  for i in $(seq 12); do echo "$i" >"f$i"; wolffia cp "f$i" c:/tmp/one & pids+=($!); done
  for i in "${pids[@]}"; do wait "$i"; done
  run -0 wolffia exec c cat /tmp/one
  [[ $output =~ ^[0-9]+$ ]]
}

@test "nothing is copied where it would be lost" {
  echo x >f
  wolffia create --network=none --name c --storage-opt upper=memory busybox sleep 1000 >/dev/null
  run -125 wolffia cp f c:/f
  assert_output_has "keeps its changes in memory and does not run"
  wolffia cp c:/bin/busybox got
  wolffia start c >/dev/null
  wolffia cp f c:/f
  run -0 wolffia diff c
  assert_output_is "A /f"
}

@test "diff: added, changed, deleted, on both uppers and in memory" {
  local how
  for how in "$KERNEL" "$FUSE"; do
    wolffia create --network=none --name c $how -v "$PWD:/data/vol" --tmpfs /scratch busybox sh -c \
      'mkdir -p /new/sub; touch /new/f; rm /bin/ash; rm -r /sbin; mkdir /sbin; touch /sbin/own; chmod 711 /root; mv /var/log /var/log2; echo x >>/etc/group.own; touch /tmp/t /scratch/not /data/vol/not' >/dev/null
    run -0 wolffia diff c
    assert_output_is ""
    wolffia start -a c
    run -0 wolffia diff c
    printf '%s\n' "$output" >got
    local line
    for line in 'A /new' 'A /new/sub' 'A /new/f' 'C /bin' 'D /bin/ash' 'C /sbin' 'D /sbin/init' \
      'A /sbin/own' 'C /root' 'D /var/log' 'A /var/log2' 'C /var' 'A /etc/group.own' 'C /tmp' 'A /tmp/t'; do
      grep -Fxq "$line" got || fail "no $line in: $output"
    done
    if grep -E 'scratch|vol|hosts|resolv|/proc|/dev$|containerenv' got; then fail "mounts are in: $output"; fi
    [ "$(wolffia diff -l)" = "$output" ]
    run -0 wolffia diff --format json c
    [ "$(python3 -c 'import json,sys; print(*json.load(sys.stdin)["deleted"])' <<<"$output")" != "" ]
    wolffia rm c
  done
  run -125 wolffia diff --format '{{.X}}' c
  assert_output_is "Error: only supported value for '--format' is 'json'"
  run -125 wolffia diff nope
  run -125 wolffia diff
  mkdir -p rootfs/bin
  wolffia create --network=none --name c --rootfs "$PWD/rootfs" /bin/true >/dev/null
  run -125 wolffia diff c
  assert_output_has "no image to compare it with"
}
